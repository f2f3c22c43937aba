"""What a person or a program sees of a running study: it looks at the store a few times a second."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.table import Table

from orchestrator.cli.behind import behind
from orchestrator.cli.endings import closing, front_title, trial_line
from orchestrator.cli.printing import (
    ShownFields,
    fields_by_family,
    front_table,
    further_columns,
    print_json,
    record_json,
)
from orchestrator.config.settings import SearchConfig
from orchestrator.records import Cause, TrialRecord
from orchestrator.selector import front
from orchestrator.storage.places import Place
from search_spaces import registry
from search_spaces.errors import ArchitectureError

if TYPE_CHECKING:
    from orchestrator.runtime.layout import Layout
    from orchestrator.store.store import StudyStore
    from orchestrator.tracking.tracker import Tracker

INTERVAL_S = 0.25
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
        self._shown: set[int] = set()
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

    def _budgeted(self) -> list[TrialRecord]:
        """Trials that the budget pays for: results taken from other studies cost nothing."""
        return [record for record in self._records() if record.cause is not Cause.REUSED]

    def _num_trials(self) -> int:
        assert self._config is not None
        return max(self._config.budget.trials, len(self._budgeted()))

    def _line(self, record: TrialRecord) -> str:
        return trial_line(record, self._fields, num_trials=max(self._num_trials(), len(self._records())))

    def _table(self, members: Sequence[TrialRecord], *, title: str) -> Table:
        assert self._config is not None
        further = further_columns(self._config.objectives, self._config.constraints)
        return front_table(members, self._fields, title=title, further=further)

    def _closing(self, members: Sequence[TrialRecord]) -> RenderableType:
        table = self._table(members, title=front_title(members, self._records()))
        return closing(table, self._place, tracker=self._tracker)


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
        self._print(self._line(record))

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
        Console(highlight=False, markup=False, width=120).print(self._closing(members))

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


def _searched_fields(config: SearchConfig) -> ShownFields:
    """The fields that differ between points of the space."""
    rng, found = random.Random(0), []
    for _ in range(NUM_SAMPLES):
        with contextlib.suppress(ArchitectureError):
            found.append(registry.architecture(config.space.sample(rng), config.task).to_dict())
    return fields_by_family(found)
