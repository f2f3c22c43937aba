"""What a person or a program sees of a running study: it looks at the store a few times a second."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator.cli.behind import behind
from orchestrator.cli.printing import (
    ShownFields,
    fields_by_family,
    front_table,
    latency_text,
    print_json,
    record_json,
    short_form,
)
from orchestrator.config.settings import SearchConfig
from orchestrator.records import TrialRecord, TrialState
from orchestrator.selector import front
from orchestrator.storage.places import Place
from orchestrator.tracking.views import links, needs_ui
from search_spaces import registry
from search_spaces.errors import ArchitectureError

if TYPE_CHECKING:
    from orchestrator.runtime.layout import Layout
    from orchestrator.store.store import StudyStore
    from orchestrator.tracking.tracker import Tracker

INTERVAL_S = 0.25
NUM_LAST_TRIALS = 8
NUM_SAMPLES = 100
"""Points of the space that show which fields it searches."""


class Display(ABC):
    """Follows one study from its start to its front."""

    def __init__(self) -> None:
        self._config: SearchConfig | None = None
        self._place = Place(root=Path())
        self._fields: ShownFields = {}
        self._store: StudyStore | None = None
        self._tracker: Tracker | None = None
        self._layout: Layout | None = None
        self._phase = ""
        self._began = time.monotonic()
        self._shown: set[int] = set()
        self._num_before = 0
        self._is_over = threading.Event()

    @contextmanager
    def shown(self, config: SearchConfig, place: Place) -> Iterator[None]:
        """Shows the study while the block runs; the front is shown at the end of a block that ends well."""
        self._config, self._place = config, place
        self._fields = _searched_fields(config)
        watcher = threading.Thread(target=self._watch, name="display", daemon=True)
        self._open()
        watcher.start()
        try:
            yield
            self._is_over.set()
            watcher.join()
            self._refresh()
            self._close(self._members())
        finally:
            self._is_over.set()
            watcher.join()
            self._leave()

    def on_phase(self, text: str) -> None:
        self._phase = text

    def on_layout(self, layout: Layout) -> None:
        self._layout = layout

    def on_open(self, store: StudyStore, tracker: Tracker | None) -> None:
        self._tracker = tracker
        self._shown = {number for number, record in store.records.items() if record.state.is_end}
        self._num_before = len(self._shown)
        self._store = store

    @abstractmethod
    def _open(self) -> None: ...

    @abstractmethod
    def _show(self, record: TrialRecord) -> None:
        """A trial has ended."""

    @abstractmethod
    def _refresh(self) -> None: ...

    @abstractmethod
    def _close(self, members: tuple[TrialRecord, ...]) -> None: ...

    @abstractmethod
    def _leave(self) -> None:
        """Called in any case, last."""

    def _watch(self) -> None:
        while not self._is_over.wait(INTERVAL_S):
            self._show_ended()
            self._refresh()
        self._show_ended()

    def _show_ended(self) -> None:
        for record in self._records():
            if record.state.is_end and record.number not in self._shown:
                self._shown.add(record.number)
                self._show(record)

    def _records(self) -> list[TrialRecord]:
        return list(self._store.records.values()) if self._store is not None else []

    def _members(self) -> tuple[TrialRecord, ...]:
        assert self._config is not None
        return front(self._records(), self._config.objectives, self._config.constraints)

    def _num_trials(self) -> int:
        assert self._config is not None
        return max(self._config.budget.trials, len(self._records()))

    def _remaining_s(self) -> float | None:
        """From the pace of this session; None before three trials have ended."""
        num_new = len(self._shown) - self._num_before
        if num_new < 3:
            return None
        return (time.monotonic() - self._began) / num_new * (self._num_trials() - len(self._shown))


class LineDisplay(Display):
    """One line per event, for a log."""

    _last_error = ""

    def _open(self) -> None:
        assert self._config is not None
        self._last_phase = ""
        self._print(
            f"{self._config.study.name}: {self._config.space.num_points:,.0f} architectures, study in {self._place}"
        )

    def _show(self, record: TrialRecord) -> None:
        self._print(trial_line(record, self._fields, num_trials=self._num_trials()))

    def _refresh(self) -> None:
        if self._phase != self._last_phase:
            self._last_phase = self._phase
            layout = f"; {self._layout}" if self._phase == "searching" and self._layout else ""
            self._print(f"{self._phase}{layout}")
        error = self._tracker.last_error if self._tracker is not None else ""
        if error != self._last_error:
            self._last_error = error
            if lag := behind(self._tracker):
                self._print(lag)

    def _close(self, members: tuple[TrialRecord, ...]) -> None:
        screen = Console(highlight=False, width=120)
        screen.print(closing(members, self._records(), self._fields, self._place, tracker=self._tracker))

    def _leave(self) -> None: ...

    @staticmethod
    def _print(line: str) -> None:
        print(line, file=sys.__stdout__, flush=True)


class JsonDisplay(Display):
    """One JSON object a line: ``trial`` for each end, ``front`` at the end."""

    def _open(self) -> None: ...

    def _show(self, record: TrialRecord) -> None:
        print_json({"event": "trial", **record_json(record)})

    def _refresh(self) -> None: ...

    def _close(self, members: tuple[TrialRecord, ...]) -> None:
        records = [record_json(item) for item in members]
        print_json({"event": "front", "directory": str(self._place), "members": records})

    def _leave(self) -> None: ...


class LiveDisplay(Display):
    """A terminal: plan, progress, the last trials and the front so far."""

    def _open(self) -> None:
        self._console = Console(file=sys.__stdout__, highlight=False)
        self._last: list[TrialRecord] = []
        self._live = Live(self._screen(), console=self._console, refresh_per_second=4, transient=True)
        self._live.start()

    def _show(self, record: TrialRecord) -> None:
        self._last = [*self._last, record][-NUM_LAST_TRIALS:]

    def _refresh(self) -> None:
        self._live.update(self._screen())

    def _close(self, members: tuple[TrialRecord, ...]) -> None:
        self._live.stop()
        self._console.print(closing(members, self._records(), self._fields, self._place, tracker=self._tracker))

    def _leave(self) -> None:
        self._live.stop()

    def _screen(self) -> RenderableType:
        assert self._config is not None
        size = f"{self._config.space.num_points:,.0f} architectures"
        parts: list[RenderableType] = [f"[bold]{self._config.study.name}[/] {size}, study in {self._place}"]
        if self._layout is not None:
            parts.append(f"[dim]{self._layout}[/]")
        parts.append(self._progress())
        if self._last:
            lines = [trial_line(record, self._fields, num_trials=self._num_trials()) for record in self._last]
            parts += [Text(line, overflow="ellipsis", no_wrap=True) for line in lines]
        members = self._members()
        if members:
            parts += ["", front_table(members[:10], self._fields, title=f"front so far: {len(members)}")]
        return Group(*parts)

    def _progress(self) -> RenderableType:
        num_trials, num_ended = self._num_trials(), len(self._shown)
        remaining = self._remaining_s()
        words = [f"{num_ended}/{num_trials} trials", self._phase, f"{time.monotonic() - self._began:.0f} s"]
        if remaining is not None and num_ended < num_trials:
            words.append(f"about {remaining:.0f} s left")
        if lag := behind(self._tracker):
            words.append(lag)
        row = Table.grid(padding=(0, 2))
        row.add_row(ProgressBar(total=num_trials, completed=num_ended, width=30), ", ".join(words))
        return row


def _searched_fields(config: SearchConfig) -> ShownFields:
    """The fields that differ between points of the space."""
    rng, found = random.Random(0), []
    for _ in range(NUM_SAMPLES):
        with contextlib.suppress(ArchitectureError):
            found.append(registry.architecture(config.space.sample(rng), config.task).to_dict())
    return fields_by_family(found)


def trial_line(record: TrialRecord, shown: ShownFields, *, num_trials: int) -> str:
    """One end of a trial on one line."""
    figures = f"{record.num_parameters:>9,} parameters {latency_text(record):>9}"
    if record.accuracy is not None:
        end = f"accuracy {record.accuracy:.4f}"
    elif record.state is TrialState.PRUNED and record.reports:
        end = f"pruned at epoch {record.reports[-1].epoch} ({record.reports[-1].accuracy:.4f})"
    else:
        end = f"{record.state.lower()}: {record.cause or ''} {record.message}".rstrip()
    width = len(str(num_trials))
    name = f"trial {record.number:>{width}}  {record.family:<9}"
    return f"{name} {figures}  {end}  {record.wall_time_s:.1f} s  {short_form(record, shown)}"


def closing(
    members: tuple[TrialRecord, ...],
    records: list[TrialRecord],
    shown: ShownFields,
    place: Place,
    *,
    tracker: Tracker | None,
) -> RenderableType:
    """The front, what it took, and what to do next."""
    counts = {state: sum(record.state is state for record in records) for state in TrialState}
    told = ", ".join(f"{count} {state.lower()}" for state, count in counts.items() if count)
    parts: list[RenderableType] = [
        front_table(members, shown, title=f"front: {len(members)} of {len(records)} trials ({told})"),
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
