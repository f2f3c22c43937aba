"""How far a study is, as another terminal or another program can tell: it only reads."""

from __future__ import annotations

import shlex
import socket
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from orchestrator.records import Cause, TrialRecord, TrialState
from orchestrator.selector import front
from orchestrator.store.glance import Glance, glance

MIN_ENDED = 3
"""Trials that must have ended in a session before its pace says anything."""

MAX_ERRORS = 3

_CONFIRMING = ("trial_confirmed", "seed_trained", "trial_retrained")
"""Kinds of events that follow a search."""


class Holder(StrEnum):
    """Who holds a study.

    NOBODY: it was given back. RUNNING: a driver on this machine. DEAD: a driver that is gone without giving it back.
    ELSEWHERE: a driver on another machine, which can't be asked from here.
    """

    NOBODY = "nobody"
    RUNNING = "running"
    DEAD = "dead"
    ELSEWHERE = "elsewhere"


class Phase(StrEnum):
    """Of a study that is held."""

    STARTING = "starting"
    SEARCHING = "searching"
    ENDING = "letting the last trials end"
    CONFIRMING = "confirming the front"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningTrial:
    """A trial in a worker's hands; ``since`` is when its first attempt began."""

    record: TrialRecord
    epoch: int
    num_epochs: int
    since: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyStatus:
    """A study at one moment.

    Attributes:
        phase: None while nobody works on it.
        num_trials: of the budget; None where no session has noted it.
        num_further: trainings from further seeds and on more images that have ended.
        rate_per_s: trials that end in a second, in this session; None before three have, and once the search is over.
        remaining_s: at that rate; None where either is not known.
        num_unsent: events that MLflow does not have yet.
        unsent_s: how old the oldest of them is.
        errors: the newest first, one line each.
        resume: the command that goes on with it.
    """

    glance: Glance
    holder: Holder
    phase: Phase | None
    states: Mapping[TrialState, int]
    num_trials: int | None
    running: tuple[RunningTrial, ...]
    front: tuple[TrialRecord, ...]
    num_further: int
    rate_per_s: float | None
    remaining_s: float | None
    num_unsent: int
    unsent_s: float | None
    errors: tuple[str, ...]
    resume: str


def status(root: Path, *, now: datetime | None = None) -> StudyStatus:
    """Looks at a study, whether or not it runs.

    Raises:
        StudyError: there is none, or a newer archfront wrote it.
    """
    now = now or datetime.now(UTC)
    seen = glance(root)
    snapshot, holder = seen.snapshot, _holder(seen)
    states = Counter(record.state for record in snapshot.records)
    num_trials = seen.session.get("trials")
    is_worked_on = holder in (Holder.RUNNING, Holder.ELSEWHERE)
    # A result that was taken from elsewhere costs nothing of the budget.
    num_ended = sum(one.state.is_end and one.cause is not Cause.REUSED for one in snapshot.records)
    num_left = None if num_trials is None else num_trials - num_ended
    phase = _phase(seen, states, num_left) if is_worked_on else None
    rate = _rate_per_s(seen, now) if phase in (Phase.SEARCHING, Phase.ENDING) else None
    return StudyStatus(
        glance=seen,
        holder=holder,
        phase=phase,
        states=states,
        num_trials=num_trials,
        running=_running(seen),
        front=front(snapshot.records, snapshot.objectives, snapshot.constraints),
        num_further=sum(len(one.seeds) + (one.retrained is not None) for one in snapshot.records),
        rate_per_s=rate,
        remaining_s=None if rate is None or num_left is None else max(0, num_left) / rate,
        num_unsent=seen.num_unsent,
        unsent_s=None if seen.unsent_since is None else (now - seen.unsent_since).total_seconds(),
        errors=_errors(seen),
        resume=_resume(seen, root),
    )


def _holder(seen: Glance) -> Holder:
    if seen.owner is None:
        return Holder.NOBODY
    if not seen.owner.may_be_alive():
        return Holder.DEAD
    return Holder.RUNNING if seen.owner.host == socket.gethostname() else Holder.ELSEWHERE


def _phase(seen: Glance, states: Mapping[TrialState, int], num_left: int | None) -> Phase:
    is_running = states.get(TrialState.RUNNING, 0) > 0
    if any(seen.kinds.get(kind) for kind in _CONFIRMING):
        return Phase.CONFIRMING
    if seen.kinds.get("search_ended") or (num_left is not None and num_left <= states.get(TrialState.RUNNING, 0)):
        return Phase.ENDING if is_running else Phase.CONFIRMING
    return Phase.SEARCHING if is_running or seen.ended_at else Phase.STARTING


def _rate_per_s(seen: Glance, now: datetime) -> float | None:
    """From the first trial of the session on: what comes before it is paid once."""
    if len(seen.ended_at) < MIN_ENDED or seen.began_at is None:
        return None
    began = min((at for at in seen.started_at.values() if at >= seen.began_at), default=seen.began_at)
    return len(seen.ended_at) / max((now - began).total_seconds(), 1e-3)


def _running(seen: Glance) -> tuple[RunningTrial, ...]:
    num_epochs = int(seen.snapshot.frozen["recipe"]["epochs"])
    return tuple(
        RunningTrial(
            record=record,
            epoch=record.reports[-1].epoch if record.reports else 0,
            num_epochs=num_epochs,
            since=seen.started_at.get(record.number),
        )
        for record in seen.snapshot.records
        if record.state is TrialState.RUNNING
    )


def _errors(seen: Glance) -> tuple[str, ...]:
    """Trials that FAILED and workers that died, newest first; in earlier sessions by the number of the trial."""
    long_ago = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
    failed = [
        (
            seen.ended_at.get(record.number, long_ago),
            record.number,
            f"trial {record.number} FAILED ({record.cause}): {record.message}",
        )
        for record in seen.snapshot.records
        if record.state is TrialState.FAILED
    ]
    died = [
        (at, trial, f"trial {trial} lost its workers ({how}) and was started again") for trial, how, at in seen.deaths
    ]
    newest = sorted([*failed, *died], reverse=True)[:MAX_ERRORS]
    return tuple(" ".join(text.split()) for _, _, text in newest)


def _resume(seen: Glance, root: Path) -> str:
    command = str(seen.session.get("command", ""))
    storage = f" --storage {shlex.quote(str(root.parent))}"
    return command or f"archfront search {seen.snapshot.name}{storage}, with the study file that it was made from"
