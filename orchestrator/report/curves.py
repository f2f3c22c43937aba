"""Learning curves of all trials."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.records import EpochReport, TrialRecord, TrialState
from orchestrator.report import wording
from orchestrator.report.axes import BOTTOM, LEFT, RIGHT, TOP, Axis, Scale, axis_over, chart, frame, polyline
from orchestrator.report.markup import Html, joined, tag
from orchestrator.report.view import StudyView, thinned

MAX_CURVES = 300
MAX_CURVE_POINTS = 5000
"""Points of all curves together; longer curves are drawn through every second, third, ... epoch."""


def learning_curves(view: StudyView) -> Html:
    """Validation accuracy by epoch; the front's curves stand out, and a cross ends those that were stopped."""
    trained = [record for record in view.snapshot.records if _finite(record)]
    if not trained:
        return tag("p", "No trial has reported an epoch yet.", class_="empty")
    members = view.front_numbers
    others = [record for record in trained if record.number not in members]
    drawn = [*thinned(others, MAX_CURVES), *(record for record in trained if record.number in members)]
    x_axis, y_axis = _curve_axes(drawn)
    most = max(2, MAX_CURVE_POINTS // len(drawn))
    svg = chart(
        "curves",
        frame(x_axis, y_axis, x_title="epoch", y_title="validation accuracy"),
        *(_curve(view, record, axes=(x_axis, y_axis), most=most) for record in drawn),
        title="Learning curves",
        description=f"Validation accuracy by epoch of {wording.count(len(drawn), 'trial')}; "
        f"{wording.count(sum(record.state is TrialState.PRUNED for record in drawn), 'trial')} stopped early.",
    )
    sentences = [
        "Strong lines are the front; a cross marks where a trial was stopped. Distance from 1 is on a log scale."
    ]
    if len(drawn) < len(trained):
        sentences.append(f"{len(drawn):,} of {len(trained):,} trials are drawn: the front, and others evenly chosen.")
    return tag("figure", svg, tag("figcaption", " ".join(sentences)))


def _curve_axes(drawn: list[TrialRecord]) -> tuple[Axis, Axis]:
    curves = [_finite(record) for record in drawn]
    # Up to the best last epoch: one lucky epoch on a small validation split would press all curves down.
    lowest = min((1.0 - curve[-1].accuracy for curve in curves if curve[-1].accuracy < 1.0), default=0.1)
    highest = max(1.0 - report.accuracy for curve in curves for report in curve)
    y_axis = Axis(
        low=1.0 - max(highest, 2 * lowest), high=1.0 - lowest / 1.3, start=BOTTOM, end=TOP, scale=Scale.LOG_ERROR
    )
    epochs = axis_over([float(report.epoch) for curve in curves for report in curve], start=LEFT, end=RIGHT)
    return replace(epochs, is_whole=True), y_axis


def _curve(view: StudyView, record: TrialRecord, *, axes: tuple[Axis, Axis], most: int) -> Html:
    reports = _finite(record)
    chosen = [*thinned(reports[:-1], most - 1), reports[-1]]
    pixels = [(axes[0].at(report.epoch), axes[1].at(report.accuracy)) for report in chosen]
    kind = "c on-front" if record.number in view.front_numbers else "c"
    line = polyline(pixels, class_=f"{kind} f{view.style(record)}", data_t=record.number)
    if record.state is not TrialState.PRUNED:
        return line
    x, y = pixels[-1]
    cross = tag("path", d=f"M{x - 3:.1f},{y - 3:.1f}l6,6m0,-6l-6,6", class_=f"stop f{view.style(record)}")
    return joined([line, cross])


def _finite(record: TrialRecord) -> list[EpochReport]:
    return [report for report in record.reports if report.is_finite]
