"""Takes every message of every trial: commits it together with the decision that follows from it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import asdict

from orchestrator.errors import StorageError
from orchestrator.records import Cause, EpochReport, TrialRecord, TrialState
from orchestrator.schedule.rule import Decision
from orchestrator.store.messages import Message, MessageKind, WorkerResult, ended
from orchestrator.store.stacks import read_hang
from orchestrator.store.store import StudyStore

logger = logging.getLogger(__name__)

Decide = Callable[[TrialRecord, EpochReport], Decision | None]
"""Judges a trial at an epoch; None where the epoch is no rung."""


class Referee:
    """The driver's end of all trials; knows nothing of Ray.

    Messages of attempts that are not current are refused: they neither change the store nor go on.
    """

    def __init__(self, store: StudyStore, *, decide: Decide, max_attempts: int, on_end: Callable[[], None]) -> None:
        self._store = store
        self._decide = decide
        self._max_attempts = max_attempts
        self._on_end = on_end

    def receive(self, message: Message) -> bool:
        """Commits a message; returns whether its trial goes on.

        Raises:
            StorageError: the workers can't write; the trial goes on in a later session.
        """
        if not self._store.is_current(message.trial, message.token):
            logger.info("trial %d: a message of an earlier attempt was refused", message.trial)
            return False
        match message.kind:
            case MessageKind.REPORT:
                assert message.report is not None
                return self._on_report(message.trial, message.report)
            case MessageKind.END:
                assert message.result is not None
                self.end(message.trial, message.result)
            case MessageKind.INTERRUPTED if message.detail:  # a disk that is full for one is full for all
                with contextlib.suppress(StorageError):
                    self._store.end_attempt(message.trial, "interrupted")
                raise StorageError(message.detail, hint="make room, then give the command again")
            case MessageKind.INTERRUPTED:
                self._store.end_attempt(message.trial, "interrupted")
            case MessageKind.LOST:
                self.lose(message.trial, message.token, message.detail)
        return False

    def lose(self, trial: int, token: str, detail: str, *, cause: Cause = Cause.WORKER_DIED) -> None:
        """The workers of an attempt are gone: the trial is tried again, or ends after too many such in a row."""
        if not self._store.is_current(trial, token):
            return
        cause, detail = self._cause_of_death(trial, token, cause, detail)
        earlier = self._store.deaths(trial)
        num_deaths = len(earlier) + 1
        logger.warning(
            "trial %d: its workers died (%d of at most %d times in a row): %s",
            *(trial, num_deaths, self._max_attempts, detail),
        )
        if num_deaths < self._max_attempts:
            self._store.end_attempt(trial, cause.value)
        else:
            message = f"its workers died {num_deaths} times in a row; the last time: {detail}"
            memory_alone = {cause, *earlier} == {Cause.OUT_OF_MEMORY}
            state = TrialState.INFEASIBLE if memory_alone else TrialState.FAILED
            self.end(trial, WorkerResult(state=state, cause=cause, message=message))

    def _cause_of_death(self, trial: int, token: str, cause: Cause, detail: str) -> tuple[Cause, str]:
        """A worker that hung has ended itself, which looks like any death but for the stacks that it left."""
        root = self._store.paths.root
        hang = read_hang(self._store.paths.trial(trial).root, token=token)
        if hang is None:
            return cause, detail
        return Cause.TIMEOUT, f"nothing moved any more in {hang.place}; see {hang.file.relative_to(root)}"

    def adopt(self) -> None:
        """Takes results that workers wrote while no driver was there to hear of them."""
        for trial, result in self._store.unheard_results():
            logger.info("trial %d: its result was there already", trial)
            self.end(trial, result)

    def end(self, trial: int, result: WorkerResult) -> None:
        """Commits how a trial ended."""
        self._store.end(ended(self._store.records[trial], result))
        self._on_end()

    def _on_report(self, trial: int, report: EpochReport) -> bool:
        decision = self._decide(self._store.records[trial], report)
        prune = None if decision is None or decision.go_on else decision.reason
        self._store.report(trial, report, prune=prune, decision=asdict(decision) if decision else {})
        return prune is None
