"""``archfront status``."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from orchestrator.cli.choosing import Directory, Json
from orchestrator.cli.printing import (
    console,
    fields_by_family,
    front_table,
    further_columns,
    print_json,
    record_json,
    short_form,
)
from orchestrator.records import TrialState
from orchestrator.report import wording
from orchestrator.store.remote_study import open_directory, origin_of

if TYPE_CHECKING:
    from orchestrator.status import StudyStatus

INTERVAL_S = 2.0


def status(
    directory: Directory,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")] = False,
    json: Json = False,
) -> None:
    """Say how far a study is, also one that another terminal runs; nothing is disturbed by it."""
    if not watch:
        found = _look(directory)
        print_json(_to_json(found)) if json else console().print(_screen(found))
        return
    with contextlib.suppress(KeyboardInterrupt):  # how one stops to look
        _print_on(directory) if json else _show_on(directory)


def _print_on(directory: Path) -> None:
    while True:
        print_json(_to_json(_look(directory)))
        time.sleep(INTERVAL_S)


def _show_on(directory: Path) -> None:
    with Live(_screen(_look(directory)), console=console(), auto_refresh=False) as live:
        while True:
            time.sleep(INTERVAL_S)
            live.update(_screen(_look(directory)), refresh=True)


def _look(directory: Path) -> StudyStatus:
    """Of a remote study, a copy of now."""
    from orchestrator.status import status as status_of

    return status_of(open_directory(origin_of(directory) or str(directory)))


def _screen(found: StudyStatus) -> RenderableType:
    parts: list[RenderableType] = [Text(line) for line in _lines(found)]
    if found.front:
        snapshot = found.glance.snapshot
        fields = fields_by_family(record.architecture for record in snapshot.records)
        further = further_columns(snapshot.objectives, snapshot.constraints)
        is_provisional = any(record.latency is None for record in found.front)
        title = f"front{' so far' if is_provisional else ''}: {len(found.front)}"
        parts += ["", front_table(found.front[:10], fields, title=title, further=further)]
    return Group(*parts)


def _lines(found: StudyStatus) -> Iterator[str]:
    snapshot = found.glance.snapshot
    yield f"{snapshot.name}: {_held(found)}"
    yield f"  trials     {_counts(found)}"
    if pace := _pace(found):
        yield f"  pace       {pace}"
    if found.num_further:
        yield f"  further    {wording.count(found.num_further, 'training')} of finalists done"
    fields = fields_by_family(record.architecture for record in snapshot.records)
    for one in found.running:
        last = f", accuracy {wording.accuracy(one.record.reports[-1].accuracy)}" if one.record.reports else ""
        what = f"{one.record.family} {short_form(one.record, fields)}"
        yield f"  trial {one.record.number:>4} epoch {one.epoch} of {one.num_epochs}{last}  {what}"
    if found.num_unsent:
        age = f", the oldest {wording.duration(found.unsent_s)} old" if found.unsent_s is not None else ""
        yield f"  tracking   {wording.count(found.num_unsent, 'event')} behind{age}"
    for error in found.errors:
        yield f"  error      {error}"
    if found.phase is None:
        yield f"  go on      {found.resume}"


def _held(found: StudyStatus) -> str:
    from orchestrator.status import Holder

    owner, last = found.glance.owner, found.glance.last_at
    quiet = f"; last event {_ago(last)}" if last else ""
    if owner is None:
        return f"not running{quiet}"
    who = f"pid {owner.pid} on host {owner.host}"
    if found.holder is Holder.DEAD:
        return f"not running: {who} was killed, or its machine was{quiet}"
    asked = " (which can't be asked from here)" if found.holder is Holder.ELSEWHERE else ""
    return f"{found.phase}, by {who}{asked} since {_ago(datetime.fromisoformat(owner.since))}{quiet}"


def _counts(found: StudyStatus) -> str:
    total = sum(found.states.values())
    # What was running when a driver ended waits for the next one.
    words = {TrialState.RUNNING: "interrupted"} if found.phase is None else {}
    told = ", ".join(f"{count:,} {words.get(state, state.lower())}" for state, count in sorted(found.states.items()))
    of = f" of {found.num_trials:,}" if found.num_trials is not None else ""
    refused = sum(found.glance.snapshot.num_refused.values())
    more = f"; {wording.count(refused, 'suggestion')} refused untrained" if refused else ""
    return f"{total:,}{of}{f' ({told})' if told else ''}{more}"


def _pace(found: StudyStatus) -> str:
    if found.rate_per_s is None:
        return ""
    left = "" if found.remaining_s is None else f"; about {wording.duration(found.remaining_s)} of searching left"
    return f"{60 * found.rate_per_s:.3g} trials a minute{left}"


def _ago(at: datetime) -> str:
    return f"{wording.duration((datetime.now(UTC) - at).total_seconds())} ago"


def _to_json(found: StudyStatus) -> dict[str, Any]:
    seen = found.glance
    return {
        "study": seen.snapshot.name,
        "holder": found.holder,
        "phase": found.phase,
        "pid": seen.owner.pid if seen.owner else None,
        "host": seen.owner.host if seen.owner else None,
        "since": seen.owner.since if seen.owner else None,
        "last_event_at": seen.last_at.isoformat() if seen.last_at else None,
        "num_trials": found.num_trials,
        "states": {str(state): count for state, count in found.states.items()},
        "running": [
            {"trial": one.record.number, "epoch": one.epoch, "num_epochs": one.num_epochs} for one in found.running
        ],
        "trials_per_minute": None if found.rate_per_s is None else 60 * found.rate_per_s,
        "remaining_s": found.remaining_s,
        "num_further": found.num_further,
        "tracking_behind": found.num_unsent,
        "tracking_behind_s": found.unsent_s,
        "errors": list(found.errors),
        "resume": found.resume,
        "front": [record_json(record) for record in found.front],
    }
