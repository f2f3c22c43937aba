"""The front as a Markdown table: for MLflow's description of a study and for the card of an export."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.records import StudySnapshot, TrialRecord
from orchestrator.report import wording
from orchestrator.report.contest import contest, verdict
from orchestrator.report.view import StudyView, view_of
from orchestrator.selector import LatencyBasis

_TEXT_COLUMNS = ("family", "architecture")

# What Markdown, or HTML within it, would take for markup.
_ESCAPED = str.maketrans({character: f"\\{character}" for character in "\\|`*_{}[]<>#~$!"} | {"\n": " ", "\r": " "})


def to_markdown(snapshot: StudySnapshot) -> str:
    """The members of the front, most accurate first, what their latency is, and which family to choose."""
    view = view_of(snapshot)
    if not view.front:
        return "The front is empty: no trial is COMPLETED inside the constraints.\n"
    columns = ("trial", *view.front_columns)
    rule = (":--" if name in _TEXT_COLUMNS else "--:" for name in columns)
    lines = [_line(columns), _line(rule), *(_row(view, record) for record in view.front)]
    predicted = view.basis is LatencyBasis.PREDICTED
    note = (
        "Latency marked ≈ is predicted; the front is provisional until it is measured."
        if predicted
        else _conditions(view)
    )
    advice = " ".join(verdict(contest(view))).translate(_ESCAPED)
    return "\n".join([*lines, "", note, *(["", advice] if advice else []), ""])


def _row(view: StudyView, record: TrialRecord) -> str:
    cells = (str(record.number), *view.front_cells(record))
    return _line([cell.translate(_ESCAPED) for cell in cells])


def _conditions(view: StudyView) -> str:
    latency = view.front[0].latency
    assert latency is not None, "a measured front has measured members"
    return f"Latency: median with its 95 % interval, {wording.conditions(latency.conditions)}."


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
