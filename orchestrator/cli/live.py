"""The display of a running study in a terminal: plan, progress, the last trials and the front so far."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator.cli.behind import behind
from orchestrator.cli.display import Display
from orchestrator.records import TrialRecord

if TYPE_CHECKING:
    from orchestrator.store.store import StudyStore
    from orchestrator.tracking.tracker import Tracker

NUM_LAST_TRIALS = 8


class LiveDisplay(Display):
    """A terminal: plan, progress, the last trials and the front so far."""

    def _open(self) -> None:
        self._began = time.monotonic()
        self._num_before = 0
        self._console = Console(file=sys.__stdout__, highlight=False, markup=False)
        self._last: list[TrialRecord] = []
        self._live = Live(self._screen(), console=self._console, refresh_per_second=4, transient=True)
        self._live.start()

    def on_open(self, store: StudyStore, tracker: Tracker | None) -> None:
        super().on_open(store, tracker)
        self._num_before = self._num_ended()

    def _show(self, record: TrialRecord) -> None:
        self._last = [*self._last, record][-NUM_LAST_TRIALS:]

    def _refresh(self) -> None:
        self._live.update(self._screen())

    def _close(self, members: tuple[TrialRecord, ...]) -> None:
        self._live.stop()
        self._console.print(self._closing(members))

    def _leave(self) -> None:
        self._live.stop()

    def _screen(self) -> RenderableType:
        assert self._config is not None
        size = f"{self._config.space.num_points:,.0f} architectures"
        head = Text.assemble((self._config.study.name, "bold"), f" {size}, study in {self._place}")
        parts: list[RenderableType] = [head]
        if self._layout is not None:
            parts.append(Text(str(self._layout), style="dim"))
        parts.append(self._progress())
        if self._last:
            parts += [Text(self._line(record), overflow="ellipsis", no_wrap=True) for record in self._last]
        members = self._members()
        if members:
            parts += ["", self._table(members[:10], title=f"front so far: {len(members)}")]
        return Group(*parts)

    def _progress(self) -> RenderableType:
        num_trials, num_ended = self._num_trials(), self._num_ended()
        remaining = self._remaining_s(num_trials, num_ended)
        words = [f"{num_ended}/{num_trials} trials", self._phase, f"{time.monotonic() - self._began:.0f} s"]
        if remaining is not None and num_ended < num_trials:
            words.append(f"about {remaining:.0f} s left")
        if lag := behind(self._tracker):
            words.append(lag)
        row = Table.grid(padding=(0, 2))
        row.add_row(ProgressBar(total=num_trials, completed=num_ended, width=30), ", ".join(words))
        return row

    def _num_ended(self) -> int:
        return sum(record.state.is_end for record in self._budgeted())

    def _remaining_s(self, num_trials: int, num_ended: int) -> float | None:
        """From the pace of this session; None before three trials have ended."""
        num_new = num_ended - self._num_before
        if num_new < 3:
            return None
        return (time.monotonic() - self._began) / num_new * (num_trials - num_ended)
