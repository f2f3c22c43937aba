"""What is said when a trial ends, and when a search does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from orchestrator.cli.behind import behind
from orchestrator.cli.printing import ShownFields, latency_text, short_form
from orchestrator.records import TrialRecord, TrialState
from orchestrator.report import wording
from orchestrator.storage.places import Place
from orchestrator.tracking.views import links, needs_ui

if TYPE_CHECKING:
    from orchestrator.tracking.tracker import Tracker


def trial_line(record: TrialRecord, shown: ShownFields, *, num_trials: int) -> str:
    """One end of a trial on one line."""
    figures = f"{record.num_parameters:>9,} parameters {latency_text(record):>9}"
    if record.accuracy is not None:
        end = f"accuracy {record.accuracy:.4f}"
    elif record.state is TrialState.PRUNED and record.reports:
        end = f"pruned at epoch {record.reports[-1].epoch} ({record.reports[-1].accuracy:.4f})"
    else:
        end = f"{record.state.lower()}: {record.cause or ''} {wording.first_line(record.message)}".rstrip()
    width = len(str(num_trials))
    name = f"trial {record.number:>{width}}  {record.family:<9}"
    return f"{name} {figures}  {end}  {record.wall_time_s:.1f} s  {short_form(record, shown)}"


def front_title(members: Sequence[TrialRecord], records: Sequence[TrialRecord]) -> str:
    """Of the front's table: how many trials it took, and how they ended."""
    counts = {state: sum(record.state is state for record in records) for state in TrialState}
    told = ", ".join(f"{count} {state.lower()}" for state, count in counts.items() if count)
    return f"front: {len(members)} of {len(records)} trials ({told})"


def closing(front: RenderableType, place: Place, *, tracker: Tracker | None) -> RenderableType:
    """The front, and what to do next."""
    parts: list[RenderableType] = [
        front,
        "",
        f"report         {place}/report.html",
        *_pages(place.root),
        f"choose one     archfront best {place} --max-params 100k",
        f"take it away   archfront export {place} --to FOLDER",
    ]
    if lag := behind(tracker, usual=0):
        parts.append(Text(f"{lag}; archfront sync {place} sends them", style="yellow"))
    return Group(*parts)


def _pages(root: Path) -> list[RenderableType]:
    """Where the study is seen in MLflow; nothing while that has not heard of it."""
    if needs_ui(root):
        return [f"in MLflow      archfront ui {root}"]
    return [Text(f"{link.title:<14} {link.url}") for link in links(root)]
