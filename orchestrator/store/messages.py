"""What the workers of a trial say to the driver, and ``result.json``, which outlives both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from orchestrator.errors import StorageError
from orchestrator.records import Cause, EpochReport, TrialRecord, TrialState
from orchestrator.storage import read_json, write_json

RESULT_KEY = "archfront"
"""Under which a message travels through Tune's result dictionaries, as one text."""


class MessageKind(StrEnum):
    """What a message is about."""

    REPORT = "report"
    END = "end"
    INTERRUPTED = "interrupted"  # asked to stop; checkpointed, goes on in a later session
    LOST = "lost"  # the workers are gone; the trial goes on as another attempt


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerResult:
    """How training ended, as the workers saw it."""

    state: TrialState
    cause: Cause | None = None
    message: str = ""
    accuracy: float | None = None
    loss: float | None = None
    wall_time_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message; ``token`` names the attempt that sends it."""

    trial: int
    token: str
    kind: MessageKind
    report: EpochReport | None = None
    result: WorkerResult | None = None
    detail: str = ""

    def to_tune(self) -> dict[str, str]:
        return {RESULT_KEY: json.dumps(asdict(self))}


def from_tune(result: Mapping[str, Any]) -> Message | None:
    """The message inside one of Tune's results; None where Tune speaks for itself."""
    if RESULT_KEY not in result:
        return None
    fields = json.loads(result[RESULT_KEY])
    return Message(
        trial=fields["trial"],
        token=fields["token"],
        kind=MessageKind(fields["kind"]),
        report=EpochReport.from_dict(fields["report"]) if fields["report"] else None,
        result=_result(fields["result"]) if fields["result"] else None,
        detail=fields["detail"],
    )


def ended(record: TrialRecord, result: WorkerResult) -> TrialRecord:
    """The trial as its workers say that it ended."""
    return replace(
        record,
        state=result.state,
        cause=result.cause,
        message=result.message,
        accuracy=result.accuracy,
        loss=result.loss,
        wall_time_s=result.wall_time_s or record.wall_time_s,
    )


def is_end_of(record: TrialRecord, result: WorkerResult) -> bool:
    """Whether a trial can have ended so: a file may have been changed since it was written."""
    try:
        return ended(record, result).state.is_end
    except (TypeError, ValueError):
        return False


def write_result(path: Path, *, token: str, result: WorkerResult) -> None:
    """Written by the worker at the end, before it says so: a driver that dies in between adopts it later."""
    write_json(path, {"token": token, "result": asdict(result)})


def read_result(path: Path, *, token: str) -> WorkerResult | None:
    """The result of an attempt; None where there is none, or it is of another attempt."""
    if not path.exists():
        return None
    try:
        content = read_json(path)
        return _result(content["result"]) if content["token"] == token else None
    except (StorageError, KeyError, TypeError, ValueError):
        return None  # torn or foreign: the trial is trained again from its checkpoint


def _result(fields: Mapping[str, Any]) -> WorkerResult:
    cause = Cause(fields["cause"]) if fields["cause"] else None
    return WorkerResult(**{**fields, "state": TrialState(fields["state"]), "cause": cause})
