"""The front in planes: accuracy against parameters, against latency, and against every further objective."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.objectives import (
    ACCURACY,
    DIRECTIONS,
    LATENCY_MS,
    MACS,
    NUM_PARAMETERS,
    THROUGHPUT_PER_S,
    TIMED,
    Direction,
    cost,
)
from orchestrator.records import TrialRecord
from orchestrator.report import wording
from orchestrator.report.axes import BOTTOM, LEFT, RIGHT, TOP, Axis, Scale, axis_over, chart, frame
from orchestrator.report.markup import Html, joined, tag
from orchestrator.report.view import NUM_STYLES, StudyView, thinned
from orchestrator.selector import LatencyBasis

MAX_POINTS = 1000
"""Points beside the front that are drawn in one plane."""

_TITLES = {NUM_PARAMETERS: "parameters", LATENCY_MS: "latency (ms)", MACS: "multiply-accumulates"}
_TIMED_WORDS = {LATENCY_MS: "Latency", THROUGHPUT_PER_S: "Throughput"}


def planes(view: StudyView) -> Html:
    """One chart per cost, with a caption that says what is drawn; nothing where no trial is COMPLETED."""
    return (
        tag("div", *(tag("figure", *parts) for parts in plane_charts(view)), class_="charts")
        if view.completed
        else Html()
    )


def plane_charts(view: StudyView) -> list[tuple[Html, Html]]:
    """Each chart and its caption; some trial is COMPLETED."""
    return [_chart(view, name) for name in (NUM_PARAMETERS, LATENCY_MS, *view.further_costs)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plane:
    """One cost across, accuracy up."""

    view: StudyView
    name: str
    x_axis: Axis
    y_axis: Axis

    def x(self, record: TrialRecord) -> float:
        return self.x_axis.at(self.view.value(record, self.name))

    def y(self, record: TrialRecord) -> float:
        return self.y_axis.at(record.value(ACCURACY))


def _chart(view: StudyView, name: str) -> tuple[Html, Html]:
    members = view.front_numbers
    others = thinned([record for record in view.completed if record.number not in members], MAX_POINTS)
    y_axis = _accuracy_axis(view)
    visible = [record for record in others if record.value(ACCURACY) >= y_axis.low]
    plane = _Plane(view=view, name=name, x_axis=_cost_axis(view, name, [*view.front, *visible]), y_axis=y_axis)
    svg = chart(
        f"plane-{name}",
        frame(plane.x_axis, y_axis, x_title=title_of(name), y_title="validation accuracy"),
        _stairs(plane),
        *_dominated(plane, visible),
        *(_member(plane, record) for record in reversed(view.front)),
        *(_label(plane, record) for record in (*visible, *view.front) if record.number in view.labels),
        title=f"Validation accuracy against {title_of(name)}",
        description=_description(view, name),
        role="group",
    )
    return svg, tag("figcaption", _caption(view, name, num_hidden=len(others) - len(visible)))


def title_of(name: str) -> str:
    """Of the axis of a cost."""
    words = _TITLES.get(name, name.replace("_", " "))
    return words if DIRECTIONS[name] is Direction.MINIMIZE else f"{words} (more is better)"


def _accuracy_axis(view: StudyView) -> Axis:
    """From a little below the front: the accuracies of failures would press all others to the top."""
    shown = [record.value(ACCURACY) for record in (view.front or view.completed)]
    reach = max(shown) - min(shown) or 0.02
    lowest = min(shown) - 0.5 * reach
    everyone = [record.value(ACCURACY) for record in view.completed]
    axis = axis_over([value for value in everyone if value >= lowest], start=BOTTOM, end=TOP)
    return replace(axis, low=max(axis.low, 0.0), high=min(axis.high, 1.0))


def _cost_axis(view: StudyView, name: str, shown: Sequence[TrialRecord]) -> Axis:
    """The better the further left."""
    costs = [view.value(record, name) for record in shown]
    costs += [bound for record in view.front for bound in view.interval(record, name)]
    start, end = (LEFT, RIGHT) if DIRECTIONS[name] is Direction.MINIMIZE else (RIGHT, LEFT)
    return axis_over([max(cost, 1e-9) for cost in costs], start=start, end=end, scale=Scale.LOG)


def _stairs(plane: _Plane) -> Html:
    """The best accuracy of the front at each cost of this plane."""
    corners: list[str] = []
    best = -1.0
    by_cost = sorted(plane.view.front, key=lambda record: (plane.x(record), -record.value(ACCURACY)))
    for record in by_cost:
        if record.value(ACCURACY) > best:
            best = record.value(ACCURACY)
            x, y = plane.x(record), plane.y(record)
            corners.append(f"H{x:.1f}V{y:.1f}" if corners else f"M{x:.1f},{y:.1f}")
    return tag("path", d=f"{''.join(corners)}H{RIGHT}", class_="stairs") if corners else Html()


def _dominated(plane: _Plane, records: Sequence[TrialRecord]) -> Iterator[Html]:
    """One group of small marks for each style: a thousand marks are most of a page."""
    for style in range(NUM_STYLES):
        of_style = [record for record in records if plane.view.style(record) == style]
        marks = (
            tag("use", href=f"#s{style}", x=plane.x(record), y=plane.y(record), data_t=record.number)
            for record in of_style
        )
        if of_style:
            yield tag("g", *marks, class_=f"o f{style}")


def _member(plane: _Plane, record: TrialRecord) -> Html:
    view, y, style = plane.view, plane.y(record), plane.view.style(record)
    parts: list[Html] = []
    low, high = map(plane.x_axis.at, view.interval(record, plane.name))
    if low != high:
        parts.append(tag("line", x1=low, x2=high, y1=y, y2=y, class_="interval"))
    low, high = map(plane.y_axis.at, view.accuracy_ends(record))
    if low != high:
        parts.append(tag("line", x1=plane.x(record), x2=plane.x(record), y1=low, y2=high, class_="doubt"))
    parts.append(tag("use", href=f"#m{style}", x=plane.x(record), y=y))
    stands_out = f"{view.labels[record.number]}, " if record.number in view.labels else ""
    label = f"Trial {record.number}, {record.family}, {stands_out}{figures(record)}"
    return tag("g", *parts, class_=f"m f{style}", data_t=record.number, tabindex=0, role="img", aria_label=label)


def _label(plane: _Plane, record: TrialRecord) -> Html:
    """A label above all marks, on the side that has room."""
    x, y = plane.x(record), plane.y(record)
    is_right = x > (LEFT + RIGHT) / 2
    return tag(
        "text",
        plane.view.labels[record.number],
        x=x - 9 if is_right else x + 9,
        y=y - 9,
        text_anchor="end" if is_right else None,
        class_=f"role f{plane.view.style(record)}",
        aria_hidden="true",
    )


def figures(record: TrialRecord) -> str:
    """A COMPLETED trial in one line."""
    parameters = wording.count(record.num_parameters, "parameter")
    return f"accuracy {wording.accuracy(record.accuracy)}, {parameters}, latency {wording.latency(record)}"


def _description(view: StudyView, name: str) -> str:
    if not view.front:
        return f"{wording.count(len(view.completed), 'trial')} without a front: none is inside the constraints."
    ordered: Sequence[TrialRecord] = sorted(view.front, key=lambda record: cost(name, view.value(record, name)))
    return (
        f"{wording.count(len(view.front), 'network')} on the Pareto front among "
        f"{wording.count(len(view.completed), 'fully trained trial')}. Cheapest: trial {ordered[0].number}, "
        f"{figures(ordered[0])}. Dearest: trial {ordered[-1].number}, {figures(ordered[-1])}. "
        "The table of front members holds the same figures."
    )


def _caption(view: StudyView, name: str, *, num_hidden: int) -> Html:
    sentences = ["Solid marks are the front, pale ones were trained fully and are dominated."]
    sentences += ["The line is the best accuracy at each cost of this plane alone."]
    if name in TIMED and view.basis is LatencyBasis.MEASURED:
        sentences += ["Bars are 95\N{NO-BREAK SPACE}% intervals of the measured median;"]
        sentences += ["where they overlap, neither trial dominates the other."]
        sentences += ["Pale marks that were not measured stand at their prediction."]
    if name in TIMED and view.basis is LatencyBasis.PREDICTED:
        sentences += [f"{_TIMED_WORDS[name]} is predicted."]
    if any(low < high for low, high in map(view.accuracy_ends, view.front)):
        sentences += ["Pale upright bars are 95\N{NO-BREAK SPACE}% intervals of the accuracy, cut off at the frame."]
    if num_hidden:
        sentences += [f"{wording.count(num_hidden, 'trial')} below the axis: not drawn."]
    return joined([" ".join(sentences)])
