"""The front in two planes: accuracy against parameters, accuracy against latency."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

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
    return tag("div", *(_plane(view, name) for name in names), class_="charts")


def _plane(view: StudyView, name: str) -> Html:
    members = view.front_numbers
    others = thinned([record for record in view.completed if record.number not in members], MAX_POINTS)
    y_axis = _accuracy_axis(view)
    visible = [record for record in others if record.value(ACCURACY) >= y_axis.low]
    costs = [view.value(record, name) for record in (*view.front, *visible)]
    if name == LATENCY_MS:
        costs += [bound for record in view.front for bound in _interval(view, record) or ()]
    x_axis = axis_over([max(cost, 1e-9) for cost in costs], start=LEFT, end=RIGHT, scale=Scale.LOG)
    title = f"Validation accuracy against {_TITLES[name]}"
    svg = chart(
        f"plane-{name}",
        frame(x_axis, y_axis, x_title=_TITLES[name], y_title="validation accuracy"),
        *_stairs(view, name, x_axis, y_axis),
        *_dominated(view, visible, name, x_axis, y_axis),
        *(_member(view, record, name, x_axis, y_axis) for record in reversed(view.front)),
        *(
            _role(view, record, x=x_axis.at(view.value(record, name)), y=_height(record, y_axis))
            for record in view.front
        ),
        title=title,
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


def _stairs(view: StudyView, name: str, x_axis: Axis, y_axis: Axis) -> list[Html]:
    """The best accuracy of the front at each cost of this plane."""
    corners: list[str] = []
    best = -1.0
    for record in sorted(view.front, key=lambda record: (view.value(record, name), -record.value(ACCURACY))):
        if record.value(ACCURACY) > best:
            best = record.value(ACCURACY)
            x, y = x_axis.at(view.value(record, name)), y_axis.at(best)
            corners.append(f"H{x:.1f}V{y:.1f}" if corners else f"M{x:.1f},{y:.1f}")
    return [tag("path", d=f"{''.join(corners)}H{RIGHT}", class_="stairs")] if corners else []


def _dominated(
    view: StudyView, records: Sequence[TrialRecord], name: str, x_axis: Axis, y_axis: Axis
) -> Iterator[Html]:
    """One group of small marks for each style: a thousand marks are most of a page."""
    for style in range(NUM_STYLES):
        marks = [
            tag(
                "use",
                href=f"#s{style}",
                x=x_axis.at(view.value(record, name)),
                y=_height(record, y_axis),
                data_t=record.number,
            )
            for record in records
            if view.style(record) == style
        ]
        if marks:
            yield tag("g", *marks, class_=f"o f{style}")


def _member(view: StudyView, record: TrialRecord, name: str, x_axis: Axis, y_axis: Axis) -> Html:
    x, y = x_axis.at(view.value(record, name)), _height(record, y_axis)
    style = view.style(record)
    parts: list[Html] = []
    if name == LATENCY_MS and (bounds := _interval(view, record)):
        ends = [x_axis.at(bound) for bound in bounds]
        parts.append(tag("line", x1=ends[0], x2=ends[1], y1=y, y2=y, class_="interval"))
    parts.append(tag("use", href=f"#m{style}", x=x, y=y))
    role = view.roles.get(record.number)
    label = f"Trial {record.number}, {record.family}, {f'{role}, ' if role else ''}{figures(record)}"
    return tag("g", *parts, class_=f"m f{style}", data_t=record.number, tabindex=0, role="img", aria_label=label)


def _role(view: StudyView, record: TrialRecord, *, x: float, y: float) -> Html:
    """A label above all marks, on the side that has room."""
    if record.number not in view.roles:
        return Html()
    is_right = x > (LEFT + RIGHT) / 2
    return tag(
        "text",
        view.roles[record.number],
        x=x - 9 if is_right else x + 9,
        y=y - 9,
        text_anchor="end" if is_right else None,
        class_=f"role f{view.style(record)}",
        aria_hidden="true",
    )


def figures(record: TrialRecord) -> str:
    """A COMPLETED trial in one line."""
    parameters = wording.count(record.num_parameters, "parameter")
    return f"accuracy {wording.accuracy(record.accuracy)}, {parameters}, latency {wording.latency(record)}"


def _height(record: TrialRecord, y_axis: Axis) -> float:
    return y_axis.at(record.value(ACCURACY))


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
        sentences += ["Bars are 95\N{NO-BREAK SPACE}% intervals of the measured median."]
        sentences += ["Pale marks that were not measured stand at their prediction."]
    if name == LATENCY_MS and view.basis is LatencyBasis.PREDICTED:
        sentences += ["Latency is predicted."]
    if num_hidden:
        sentences += [f"{wording.count(num_hidden, 'trial')} below the axis not drawn."]
    return joined([" ".join(sentences)])
