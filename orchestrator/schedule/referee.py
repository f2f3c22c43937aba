"""Takes every message of every trial: commits it together with the decision that follows from it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, replace

from orchestrator.records import Cause, EpochReport, TrialRecord, TrialState
from orchestrator.schedule.rule import Decision
from orchestrator.store.messages import Message, MessageKind, WorkerResult
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
        """Commits a message; returns whether its trial goes on."""
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
            case MessageKind.INTERRUPTED:
                self._store.end_attempt(message.trial, "interrupted")
            case MessageKind.LOST:
                self.lose(message.trial, message.token, message.detail)
        return False

    def lose(self, trial: int, token: str, detail: str) -> None:
        """The workers of an attempt are gone: the trial is tried again, or FAILED when that has happened too often."""
        if not self._store.is_current(trial, token):
            return
        num_deaths = self._store.num_deaths(trial) + 1
        logger.warning(
            "trial %d: its workers died (%d of at most %d times): %s", trial, num_deaths, self._max_attempts, detail
        )
        if num_deaths < self._max_attempts:
            self._store.end_attempt(trial, "worker_died")
        else:
            message = f"its workers died {num_deaths} times; the last time: {detail}"
            self.end(trial, WorkerResult(state=TrialState.FAILED, cause=Cause.WORKER_DIED, message=message))

    def adopt(self) -> None:
        """Takes results that workers wrote while no driver was there to hear of them."""
        for trial, result in self._store.unheard_results():
            logger.info("trial %d: its result was there already", trial)
            self.end(trial, result)

    def end(self, trial: int, result: WorkerResult) -> None:
        """Commits how a trial ended."""
        record = self._store.records[trial]
        self._store.end(
            replace(
                record,
                state=result.state,
                cause=result.cause,
                message=result.message,
                accuracy=result.accuracy,
                loss=result.loss,
                wall_time_s=result.wall_time_s or record.wall_time_s,
            )
        )
        self._on_end()

    def _on_report(self, trial: int, report: EpochReport) -> bool:
        decision = self._decide(self._store.records[trial], report)
        prune = None if decision is None or decision.go_on else decision.reason
        self._store.report(trial, report, prune=prune, decision=asdict(decision) if decision else {})
        return prune is None
