"""A whole study whose trials train nothing: the real store, sampler, proposals, referee, rule, checkpoints and files.

Accuracy is a hash of the architecture, the epoch and the seed. So it is exact, and any two runs can be compared.
What is told to anybody, and every epoch that is trained, goes into a ledger beside the study.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import torch

from orchestrator.config.settings import SearchConfig
from orchestrator.export.checksums import write_sums
from orchestrator.export.target import check_target, folder_that_becomes
from orchestrator.records import Cause, EpochReport, TrialState
from orchestrator.schedule.referee import Referee
from orchestrator.schedule.rungs import rung_judge
from orchestrator.selector import front
from orchestrator.store.announcements import study_started
from orchestrator.store.messages import Message, MessageKind, WorkerResult
from orchestrator.store.paths import StudyPaths
from orchestrator.store.rows import Attempt
from orchestrator.study.outcome import front_watcher, publish
from orchestrator.study.preparation import open_study
from orchestrator.suggest.stored import StoredResults
from orchestrator.suggest.wiring import proposals_of
from orchestrator.tracking.tracker import Tracker
from orchestrator.training import checkpoint
from orchestrator.training.attempt import keep_result
from orchestrator.training.work import StudyWork, TrialWork
from tests.faults.ledger import Ledger
from tests.faults.made_up import EveryFourth, accuracy_of, draw, made_up_latency
from tests.faults.receiver import FileReceiver
from tests.simulation import PREDICTIONS

NUM_SLOTS = 3


def run(folder: Path, config: SearchConfig) -> None:
    """One driver process from its start to the end of the study, or until it is killed."""
    session = ToySession(folder, config)
    try:
        session.search()
        session.confirm()
        publish(session.store)
        _export(folder / "exported", session.store.study_id)
        session.track()
    finally:
        session.store.close()
    session.ledger.write("finished")


class ToySession:
    """The driver, and its workers in the same process: a kill ends them together."""

    def __init__(self, folder: Path, config: SearchConfig) -> None:
        self.config = config
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.store = open_study(folder / "study", config)
        self.ledger.write("session", owner_epoch=self.store.owner_epoch)
        if not self.store.constants:
            self.store.set_constants({"provenance": {"toy": "yes"}})
        self.store.announce([study_started(name="toy", frozen=self.store.frozen, provenance={})])
        self._tracker = Tracker(self.store, uri="", experiment="", study_id="", directory=folder)
        self._tracker._sender = FileReceiver(folder / "received.jsonl")  # type: ignore[assignment]
        self._proposals = proposals_of(
            self.store,
            config,
            predictions=PREDICTIONS,
            stored=StoredResults(results=EveryFourth(folder)),
        )
        self.referee = Referee(
            self.store,
            decide=rung_judge(self.store, config),
            max_attempts=3,
            on_end=front_watcher(self.store, config),
        )
        self.referee.adopt()

    def search(self) -> None:
        """Trains an epoch on each slot in turn until no trial is left."""
        slots: list[Iterator[None] | None] = [None] * NUM_SLOTS
        is_idle = False
        while not is_idle:
            is_idle = True
            for index in range(NUM_SLOTS):
                training = slots[index] or self._next_training()
                if training is not None:
                    is_idle = False
                    slots[index] = training if next(training, StopIteration) is None else None
            self.track()

    def confirm(self) -> None:
        for record in front(self.store.records.values(), self.config.objectives, self.config.constraints):
            if record.latency is None:
                self.store.score(record.number, latency=made_up_latency(record))

    def track(self) -> None:
        """Sends all that waits, without a thread, so that a run is the same each time."""
        while self._tracker.num_behind:
            self._tracker._send_batch()

    def _next_training(self) -> Iterator[None] | None:
        attempt = self._proposals.next()
        return None if attempt is None else ToyTraining(self, attempt).epochs()


class ToyTraining:
    """One attempt as its workers see it: from its last checkpoint on, epoch by epoch, checkpoint before report."""

    def __init__(self, session: ToySession, attempt: Attempt) -> None:
        self._session = session
        self._attempt = attempt
        self._record = session.store.records[attempt.trial]
        self._directory = session.store.paths.trial(attempt.trial).root
        self._num_epochs = session.config.recipe.epochs
        self._weights = torch.zeros(8)
        session.ledger.write("started", trial=attempt.trial, attempt=attempt.number)

    def epochs(self) -> Iterator[None]:
        """Yields after each epoch that is followed by another."""
        last = self._resumed()
        if last is not None and not self._report(last):
            return
        for epoch in range(last.epoch + 1 if last else 1, self._num_epochs + 1):
            if self._meets_its_fate(epoch):
                return
            last = self._trained(epoch)
            if not self._report(last):
                return
            yield
        assert last is not None
        self._end(WorkerResult(state=TrialState.COMPLETED, accuracy=last.accuracy, loss=1.0, wall_time_s=9.0))

    def _resumed(self) -> EpochReport | None:
        progress = checkpoint.load_latest(self._directory, {"weights": self._weights})
        report = progress.report if progress else None
        assert torch.equal(self._weights, torch.full((8,), float(report.epoch if report else 0)))
        return report

    def _meets_its_fate(self, epoch: int) -> bool:
        """Some trials lose their workers once, and some diverge: as their architecture's hash has it."""
        fate = draw(self._record.architecture_id, "fate")
        if epoch == 2 and fate < 0.2 and not self._session.store.deaths(self._record.number):
            self._tell(MessageKind.LOST, detail="killed by the toy")
            return True
        if epoch == 3 and fate > 0.9:
            self._end(WorkerResult(state=TrialState.FAILED, cause=Cause.DIVERGED, message="loss nan"))
            return True
        return False

    def _trained(self, epoch: int) -> EpochReport:
        self._weights += 1
        accuracy = accuracy_of(self._record, epoch, seed=self._session.config.study.seed)
        report = EpochReport(epoch=epoch, accuracy=accuracy, loss=1.0, train_loss=1.0, wall_time_s=float(epoch))
        self._session.ledger.write("trained", trial=self._record.number, epoch=epoch, attempt=self._attempt.number)
        checkpoint.save(self._directory, checkpoint.Progress(step=epoch, report=report), {"weights": self._weights})
        return report

    def _report(self, report: EpochReport) -> bool:
        goes_on = self._tell(MessageKind.REPORT, report=report)
        self._session.ledger.write("reported", trial=self._record.number, epoch=report.epoch, accuracy=report.accuracy)
        if not goes_on:
            self._acknowledge()
        return goes_on

    def _end(self, result: WorkerResult) -> None:
        message = Message(trial=self._record.number, token=self._attempt.token, kind=MessageKind.END, result=result)
        work = TrialWork(trial=self._record.number, token=self._attempt.token, architecture=self._record.architecture)
        self._session.referee.receive(keep_result(_work(self._session), work, message))
        self._acknowledge()

    def _acknowledge(self) -> None:
        record = self._session.store.records[self._record.number]
        self._session.ledger.write("acknowledged", trial=record.number, state=record.state, accuracy=record.accuracy)

    def _tell(self, kind: MessageKind, *, report: EpochReport | None = None, detail: str = "") -> bool:
        return self._session.referee.receive(
            Message(trial=self._record.number, token=self._attempt.token, kind=kind, report=report, detail=detail)
        )


def _work(session: ToySession) -> StudyWork:
    return StudyWork(
        root=session.store.paths.root,
        seed=session.config.study.seed,
        owner_epoch=session.store.owner_epoch,
        data=session.config.data,
        recipe=session.config.recipe,
        num_threads=1,
    )


def _export(to: Path, text: str) -> None:
    """An export in small: files, their sums, and the name."""
    check_target(to, force=to.exists())
    with folder_that_becomes(to) as folder:
        (folder / "architecture.json").write_text(json.dumps({"study": text}))
        write_sums(folder)


def paths_of(folder: Path) -> StudyPaths:
    return StudyPaths(folder / "study")
