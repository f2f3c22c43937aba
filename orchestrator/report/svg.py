"""The planes as one SVG file, with its style and its legend inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.records import StudySnapshot
from orchestrator.report import wording
from orchestrator.report.axes import HEIGHT, WIDTH
from orchestrator.report.markers import marker_shapes
from orchestrator.report.markup import Html, asset, tag
from orchestrator.report.planes import plane_charts
from orchestrator.report.view import NUM_STYLES, StudyView, view_of

_MARGIN, _HEAD, _GAP = 28, 76, 44
_CHARACTER_WIDTH = 7.2
"""Of a legend's text, about."""


def to_svg(snapshot: StudySnapshot) -> str:
    """Light or dark as its reader's system is; a study without a COMPLETED trial has a sentence in place of planes."""
    view = view_of(snapshot)
    charts = [svg for svg, _ in plane_charts(view)] if view.completed else []
    width = 2 * _MARGIN + max(1, len(charts)) * (WIDTH + _GAP) - _GAP
    height = _HEAD + HEIGHT + _MARGIN
    picture = tag(
        "svg",
        tag("title", f"Pareto front of {snapshot.name}", id="title"),
        tag("style", asset("figure.css")),
        marker_shapes(),
        tag("rect", width="100%", height="100%", class_="paper"),
        tag("text", _heading(view), x=_MARGIN, y=32, class_="title"),
        *_legend(view),
        *_placed(charts),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        font_family="system-ui, DejaVu Sans, sans-serif",
        role="group",
        aria_labelledby="title",
    )
    return picture.encode("utf-8", "replace").decode("utf-8")


def _heading(view: StudyView) -> str:
    if not view.front:
        return f"{view.snapshot.name}: no network stands on the front yet"
    trials = wording.count(len(view.snapshot.records), "trial")
    return f"{view.snapshot.name}: {wording.count(len(view.front), 'network')} on the Pareto front, of {trials}"


def _legend(view: StudyView) -> Iterator[Html]:
    x = float(_MARGIN)
    for index, family in enumerate(view.families):
        style = index % NUM_STYLES
        yield tag("use", href=f"#m{style}", x=x + 6, y=54, class_=f"step f{style}")
        yield tag("text", family, x=x + 18, y=58)
        x += 42 + _CHARACTER_WIDTH * len(family)


def _placed(charts: Sequence[Html]) -> Iterator[Html]:
    for index, chart in enumerate(charts):
        x = _MARGIN + index * (WIDTH + _GAP)
        yield tag("svg", chart, x=x, y=_HEAD, width=WIDTH, height=HEIGHT)
