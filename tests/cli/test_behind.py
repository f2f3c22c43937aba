"""A person sees that MLflow is away, and why, while the study goes on."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.cli.behind import behind
from orchestrator.cli.display import LineDisplay
from orchestrator.cli.endings import closing
from orchestrator.storage.places import Place


@dataclass
class Sending:
    num_behind: int
    last_error: str = ""


REFUSED = "MLflow at http://x:5000 refuses connections: is the server running?"


@pytest.mark.parametrize(
    ("tracker", "words"),
    [
        (None, ""),
        (Sending(0), ""),
        (Sending(0, REFUSED), ""),
        (Sending(40), ""),
        (Sending(312), "tracking: behind 312 events"),
        (Sending(1, REFUSED), f"tracking: behind 1 event ({REFUSED})"),
    ],
)
def test_it_is_told_from_the_first_error_on_or_when_it_grows(tracker: Sending | None, words: str) -> None:
    assert behind(tracker) == words


def test_the_end_of_a_study_tells_whatever_is_left() -> None:
    written = io.StringIO()
    place = Place(root=Path("runs/x"))
    Console(width=200, file=written).print(closing("", place, tracker=Sending(3, REFUSED)))  # type: ignore[arg-type]
    assert f"tracking: behind 3 events ({REFUSED}); archfront sync runs/x" in written.getvalue()


def test_a_log_has_one_line_for_one_reason(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    display = LineDisplay()
    display._last_phase = ""
    monkeypatch.setattr(LineDisplay, "_print", staticmethod(lines.append))
    for tracker in (Sending(3, REFUSED), Sending(9, REFUSED), Sending(0), Sending(4, "it does not answer in time")):
        display._tracker = tracker  # type: ignore[assignment]
        display._refresh()
    assert [line for line in lines if line] == [
        f"tracking: behind 3 events ({REFUSED})",
        "tracking: behind 4 events (it does not answer in time)",
    ]
