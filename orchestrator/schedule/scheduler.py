"""The referee behind Ray Tune's interface."""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from orchestrator.records import Cause
from orchestrator.schedule.referee import Referee
from orchestrator.store.messages import from_tune


class StudyScheduler(FIFOScheduler):  # type: ignore[misc]
    """Tune calls ``on_trial_result`` before anything else: here a report and its decision become one transaction.

    Tune pickles its scheduler into snapshots that are never read back: what is pickled is an empty shell.
    """

    def __init__(self, referee: Referee | None = None) -> None:
        super().__init__()
        self._referee = referee

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        assert self._referee is not None
        message = from_tune(result)
        goes_on = message is None or self._referee.receive(message)
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        assert self._referee is not None
        error = trial.get_error() if hasattr(trial, "get_error") else None
        cause = Cause.OUT_OF_MEMORY if is_out_of_memory(error) else Cause.WORKER_DIED
        self._referee.lose(trial.config["trial"], trial.config["token"], told(error), cause=cause)

    def __reduce__(self) -> tuple[type[StudyScheduler], tuple[()]]:
        return (StudyScheduler, ())


def is_out_of_memory(error: object) -> bool:
    """Whether Ray ended a worker because its node ran out of memory; Ray has an error class only for tasks."""
    return any(mark in str(error) for mark in ("NODE_OUT_OF_MEMORY", "OutOfMemoryError", "running low on memory"))


def told(error: object) -> str:
    """How a worker's end is told: why Ray ended it, else the first line."""
    lines = str(error).strip().splitlines() if error else []
    if is_out_of_memory(error):
        return next((line for line in lines if "low on memory" in line), "its node ran out of memory").strip()[:300]
    return lines[0][:200] if lines else "its process ended"
