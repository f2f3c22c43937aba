"""The referee behind Ray Tune's interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from orchestrator.records import Cause
from orchestrator.schedule.referee import Referee
from orchestrator.store.messages import from_tune


class HasErrorFile(Protocol):
    """The part of Tune's trial that says where its error is written; None where it has had none."""

    @property
    def error_file(self) -> str | None: ...


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
        error = written_error(trial)
        cause = Cause.OUT_OF_MEMORY if is_out_of_memory(error) else Cause.WORKER_DIED
        self._referee.lose(trial.config["trial"], trial.config["token"], told(error), cause=cause)

    def __reduce__(self) -> tuple[type[StudyScheduler], tuple[()]]:
        return (StudyScheduler, ())


def is_out_of_memory(error: object) -> bool:
    """Whether Ray ended a worker because its node ran out of memory; Ray has an error class only for tasks."""
    return any(mark in str(error) for mark in ("NODE_OUT_OF_MEMORY", "OutOfMemoryError", "running low on memory"))


def told(error: object) -> str:
    """How a worker's end is told in one line: why Ray ended it, why an actor is dead, else what was raised."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()] if error else []
    if is_out_of_memory(error):
        return next((line for line in lines if "low on memory" in line), "its node ran out of memory").strip()[:300]
    if any(line.startswith("Traceback") for line in lines):
        return lines[-1][:200]
    return next((line for line in lines if "because" in line), lines[0] if lines else "its process ended")[:200]


def written_error(trial: HasErrorFile) -> str:
    """What Tune has written of a trial's error beside its results; ``get_error`` looks where it is never copied to."""
    try:
        return Path(trial.error_file or "").read_text(errors="replace").partition("\n")[2]  # below "Failure # 1 (...)"
    except OSError:
        return ""
