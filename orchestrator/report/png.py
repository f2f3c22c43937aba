"""The planes as a picture of pixels, drawn by matplotlib: for slides and for what shows no SVG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.objectives import ACCURACY, DIRECTIONS, LATENCY_MS, NUM_PARAMETERS, Direction
from orchestrator.records import StudySnapshot, TrialRecord
from orchestrator.report.planes import title_of
from orchestrator.report.view import NUM_STYLES, StudyView, view_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#0072b2", "#d55e00", "#008a64", "#b0558a", "#8a6d00", "#4d6a94")
_MARKERS = "os^Dv+"
"""As in figure.css and markers.py."""

_WIDTH, _HEIGHT, _DOTS = 6.4, 4.6, 200
"""Of one plane in inches, and dots per inch."""


def to_png(snapshot: StudySnapshot) -> bytes:
    """Each plane beside the other, on white; planes without marks where no trial is COMPLETED."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    view = view_of(snapshot)
    names = (NUM_PARAMETERS, LATENCY_MS, *view.further_costs)
    figure = Figure(figsize=(_WIDTH * len(names), _HEIGHT), layout="constrained")
    FigureCanvasAgg(figure)
    for position, name in enumerate(names, start=1):
        _draw(figure.add_subplot(1, len(names), position), view, name)
    figure.suptitle(f"{snapshot.name}: {len(view.front)} of {len(snapshot.records)} trials on the Pareto front")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=_DOTS, metadata={"Software": "archfront"})
    return content.getvalue()


def _draw(axes: Axes, view: StudyView, name: str) -> None:
    others = [record for record in view.completed if record.number not in view.front_numbers]
    for index, family in enumerate(view.families):
        for records, size, strength in ((others, 4, 0.3), (view.front, 7, 1.0)):
            of_family = [record for record in records if record.family == family]
            axes.errorbar(
                [max(view.value(record, name), 1e-9) for record in of_family],
                [record.value(ACCURACY) for record in of_family],
                xerr=_reaches(view, of_family, name),
                color=_COLOURS[index % NUM_STYLES],
                marker=_MARKERS[index % NUM_STYLES],
                linestyle="none",
                markersize=size,
                alpha=strength,
                label=family if records is view.front else None,
            )
    axes.set_xscale("log")
    if DIRECTIONS[name] is Direction.MAXIMIZE:
        axes.invert_xaxis()
    if shown := [record.value(ACCURACY) for record in view.front]:
        reach = max(shown) - min(shown) or 0.02
        axes.set_ylim(max(0.0, min(shown) - 0.5 * reach), min(1.0, max(shown) + 0.1 * reach))
        axes.legend(frameon=False, loc="lower right")
    axes.set_xlabel(title_of(name))
    axes.set_ylabel("validation accuracy")
    axes.grid(alpha=0.25)


def _reaches(view: StudyView, records: Sequence[TrialRecord], name: str) -> tuple[list[float], list[float]]:
    """How far the intervals of a cost reach down and up."""
    ends = [(view.value(record, name), *view.interval(record, name)) for record in records]
    return [max(0.0, cost - low) for cost, low, _ in ends], [max(0.0, high - cost) for cost, _, high in ends]
