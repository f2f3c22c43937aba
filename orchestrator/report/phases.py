"""Where the seconds of training went, family by family."""

from __future__ import annotations

from orchestrator.records import Cause, Phases
from orchestrator.report import wording
from orchestrator.report.markup import Html, tag
from orchestrator.report.tables import table
from orchestrator.report.view import StudyView


def phase_table(view: StudyView) -> Html | None:
    """None where no epoch was timed."""
    rows = [_row(family, spent) for family in view.families if (spent := _spent(view, family)).total_s > 0]
    if not rows:
        return None
    caption = "Where the time went. Training images in a second of data and step, and shares of the epochs' seconds."
    columns = ("family", "images/s", "data", "step", "validation", "checkpoint")
    return table(caption, columns, rows, kind="worth")


def _spent(view: StudyView, family: str) -> Phases:
    """By trials that were trained here."""
    records = [record for record in view.snapshot.records if record.family == family]
    reports = [report for record in records if record.cause is not Cause.REUSED for report in record.reports]
    return sum((report.phases for report in reports if report.phases is not None), Phases())


def _row(family: str, spent: Phases) -> Html:
    speed = wording.NONE if spent.images_per_s is None else f"{spent.images_per_s:,.0f}"
    seconds = (spent.data_s, spent.step_s, spent.validation_s, spent.checkpoint_s)
    cells = (speed, *(f"{100 * value / spent.total_s:.1f} %" for value in seconds))
    return tag("tr", tag("th", family, scope="row"), *(tag("td", cell) for cell in cells))
