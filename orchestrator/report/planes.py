"""The front in two planes: accuracy against parameters, accuracy against latency."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.objectives import ACCURACY, LATENCY_MS, MACS, NUM_PARAMETERS
from orchestrator.records import TrialRecord
from orchestrator.report import wording
from orchestrator.report.axes import BOTTOM, LEFT, RIGHT, TOP, Axis, Scale, axis_over, chart, frame
from orchestrator.report.markup import Html, joined, tag
from orchestrator.report.view import NUM_STYLES, StudyView, thinned
from orchestrator.selector import LatencyBasis

MAX_POINTS = 1000
"""Points beside the front that are drawn in one plane."""

_TITLES = {NUM_PARAMETERS: "parameters", LATENCY_MS: "latency (ms)", MACS: "multiply-accumulates"}


def planes(view: StudyView) -> Html:
    """One chart per cost, with a caption that says what is drawn; nothing where no trial is COMPLETED."""
    names = [NUM_PARAMETERS, LATENCY_MS]
    names += [MACS] if any(objective.name == MACS for objective in view.snapshot.objectives) else []
    if not view.completed:
        return Html()
    return tag("div", *(_figure(view, name) for name in names), class_="charts")


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


def _figure(view: StudyView, name: str) -> Html:
    members = view.front_numbers
    others = thinned([record for record in view.completed if record.number not in members], MAX_POINTS)
    y_axis = _accuracy_axis(view)
    visible = [record for record in others if record.value(ACCURACY) >= y_axis.low]
    plane = _Plane(view=view, name=name, x_axis=_cost_axis(view, name, [*view.front, *visible]), y_axis=y_axis)
    svg = chart(
        f"plane-{name}",
        frame(plane.x_axis, y_axis, x_title=_TITLES[name], y_title="validation accuracy"),
        _stairs(plane),
        *_dominated(plane, visible),
        *(_member(plane, record) for record in reversed(view.front)),
        *(_label(plane, record) for record in (*visible, *view.front) if record.number in view.labels),
        title=f"Validation accuracy against {_TITLES[name]}",
        description=_description(view, name),
        role="group",
    )
    return tag("figure", svg, tag("figcaption", _caption(view, name, num_hidden=len(others) - len(visible))))


def _accuracy_axis(view: StudyView) -> Axis:
    """From a little below the front: the accuracies of failures would press all others to the top."""
    shown = [record.value(ACCURACY) for record in (view.front or view.completed)]
    reach = max(shown) - min(shown) or 0.02
    lowest = min(shown) - 0.5 * reach
    everyone = [record.value(ACCURACY) for record in view.completed]
    axis = axis_over([value for value in everyone if value >= lowest], start=BOTTOM, end=TOP)
    return replace(axis, low=max(axis.low, 0.0), high=min(axis.high, 1.0))


def _cost_axis(view: StudyView, name: str, shown: Sequence[TrialRecord]) -> Axis:
    costs = [view.value(record, name) for record in shown]
    if name == LATENCY_MS:
        costs += [bound for record in view.front for bound in _interval(view, record) or ()]
    return axis_over([max(cost, 1e-9) for cost in costs], start=LEFT, end=RIGHT, scale=Scale.LOG)


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
    if plane.name == LATENCY_MS and (bounds := _interval(view, record)):
        low, high = map(plane.x_axis.at, bounds)
        parts.append(tag("line", x1=low, x2=high, y1=y, y2=y, class_="interval"))
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


def _interval(view: StudyView, record: TrialRecord) -> tuple[float, float] | None:
    if view.basis is LatencyBasis.PREDICTED or record.latency is None:
        return None
    return record.latency.low_ms, record.latency.high_ms


def _description(view: StudyView, name: str) -> str:
    if not view.front:
        return f"{wording.count(len(view.completed), 'trial')} without a front: none is inside the constraints."
    ordered: Sequence[TrialRecord] = sorted(view.front, key=lambda record: view.value(record, name))
    return (
        f"{wording.count(len(view.front), 'network')} on the Pareto front among "
        f"{wording.count(len(view.completed), 'fully trained trial')}. Cheapest: trial {ordered[0].number}, "
        f"{figures(ordered[0])}. Dearest: trial {ordered[-1].number}, {figures(ordered[-1])}. "
        "The table of front members holds the same figures."
    )


def _caption(view: StudyView, name: str, *, num_hidden: int) -> Html:
    sentences = ["Solid marks are the front, pale ones were trained fully and are dominated."]
    sentences += ["The line is the best accuracy at each cost of this plane alone."]
    if name == LATENCY_MS and view.basis is LatencyBasis.MEASURED:
        sentences += ["Bars are 95\N{NO-BREAK SPACE}% intervals of the measured median;"]
        sentences += ["where they overlap, neither trial dominates the other."]
        sentences += ["Pale marks that were not measured stand at their prediction."]
    if name == LATENCY_MS and view.basis is LatencyBasis.PREDICTED:
        sentences += ["Latency is predicted."]
    if num_hidden:
        sentences += [f"{wording.count(num_hidden, 'trial')} below the axis: not drawn."]
    return joined([" ".join(sentences)])
