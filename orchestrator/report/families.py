"""The section on families at equal budgets: curves, tables, and which one to choose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from orchestrator.objectives import ACCURACY, LATENCY_MS, format_quantity
from orchestrator.records import TrialRecord
from orchestrator.report import wording
from orchestrator.report.axes import BOTTOM, LEFT, RIGHT, TOP, Axis, Scale, axis_over, chart, frame, polyline
from orchestrator.report.contest import TITLES, Contest, Round, contest, verdict
from orchestrator.report.markup import Html, tag
from orchestrator.report.tables import table
from orchestrator.report.view import StudyView


def family_section(view: StudyView) -> tuple[Html, ...]:
    """Empty before a trial is COMPLETED."""
    found = contest(view)
    if not found.rounds:
        return (tag("p", "Families can be compared once trials are COMPLETED.", class_="empty"),)
    advice, *reasons = verdict(found)
    figures = [_figure(view, found, name) for name in TITLES]
    tables = [_budget_table(found, name) for name in TITLES]
    return (
        tag("p", tag("strong", advice), class_="verdict"),
        tag("ul", *(tag("li", reason) for reason in reasons), class_="verdict"),
        tag("div", *figures, class_="charts"),
        tag("div", *tables, class_="pair"),
    )


def _figure(view: StudyView, found: Contest, name: str) -> Html:
    """The best accuracy of each family that a budget buys."""
    lines = [_attained(view, family, name) for family in found.families]
    axes = _axes(view, lines, name)
    unit = " (ms)" if name == LATENCY_MS else ""
    svg = chart(
        f"families-{name}",
        frame(*axes, x_title=f"budget of {TITLES[name]}{unit}", y_title="best validation accuracy"),
        *(part for line in lines for part in _line(view, line, name=name, axes=axes)),
        title=f"The best of each family by {TITLES[name]}",
        description=" ".join(verdict(found)[:3]),
    )
    band = "" if found.num_images is None else " Bands are 95 % intervals of its accuracy."
    caption = f"The most accurate network of each family that keeps within a budget.{band}"
    return tag("figure", svg, tag("figcaption", caption))


def _attained(view: StudyView, family: str, name: str) -> list[TrialRecord]:
    """Each network of a family that is more accurate than all cheaper ones of it."""
    ordered = sorted(
        (record for record in view.completed if record.family == family),
        key=lambda record: (view.value(record, name), -record.value(ACCURACY), record.number),
    )
    line: list[TrialRecord] = []
    for record in ordered:
        if not line or record.value(ACCURACY) > line[-1].value(ACCURACY):
            line.append(record)
    return line


def _axes(view: StudyView, lines: Sequence[Sequence[TrialRecord]], name: str) -> tuple[Axis, Axis]:
    """Upward from a little below the least accurate family's best."""
    steps = [record for line in lines for record in line]
    costs = [max(view.value(record, name), 1e-9) for record in steps]
    ends = [line[-1].value(ACCURACY) for line in lines]
    reach = max(0.01, 3 * (max(ends) - min(ends)))
    lowest = max(min(record.value(ACCURACY) for record in steps), min(ends) - reach)
    upward = axis_over([lowest, max(view.accuracy_ends(record)[1] for record in steps)], start=BOTTOM, end=TOP)
    across = axis_over([*costs, max(costs) * 1.2], start=LEFT, end=RIGHT, scale=Scale.LOG)
    return across, replace(upward, low=max(0.0, upward.low), high=min(1.0, upward.high))


def _line(view: StudyView, line: Sequence[TrialRecord], *, name: str, axes: tuple[Axis, Axis]) -> Iterator[Html]:
    """Steps, their band and a mark at each network."""
    style = view.style(line[0])
    across, upward = axes
    xs = [across.at(view.value(record, name)) for record in line]
    ends = [view.accuracy_ends(record) for record in line]
    if view.num_validation is not None:
        there = _steps(xs, [upward.at(high) for _, high in ends])
        back = _steps(xs, [upward.at(low) for low, _ in ends])[::-1]
        yield polyline([*there, *back], class_=f"noise f{style}")
    ys = [upward.at(record.value(ACCURACY)) for record in line]
    yield polyline(_steps(xs, ys), class_=f"c on-front f{style}")
    for record, x, y in zip(line, xs, ys, strict=True):
        yield tag("use", href=f"#s{style}", x=x, y=y, class_=f"step f{style}", data_t=record.number)


def _steps(xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
    """Corners of a line that goes across, then up, and at last to the right end."""
    corners = [(xs[0], ys[0])]
    for x, y in zip(xs[1:], ys[1:], strict=True):
        corners += [(x, corners[-1][1]), (x, y)]
    return [*corners, (RIGHT, corners[-1][1])]


def _budget_table(found: Contest, name: str) -> Html:
    rows = [_budget_row(one, found.families) for one in found.of(name)]
    caption = (
        f"Best validation accuracy of each family by {TITLES[name]}. The best of each row is bold, and so is what is "
        "too close to call."
    )
    return table(caption, ("at most", *found.families, "verdict"), rows, kind="budgets")


def _budget_row(one: Round, families: Sequence[str]) -> Html:
    head = tag("th", format_quantity(one.name, one.bound), scope="row")
    cells = [_budget_cell(one.best[family], is_bold=family in one.contenders) for family in families]
    return tag("tr", head, *cells, tag("td", _word(one)))


def _word(one: Round) -> str:
    if one.rivals:
        return "too close to call"
    return one.leader if one.is_contested else f"only {one.leader}"


def _budget_cell(record: TrialRecord | None, *, is_bold: bool) -> Html:
    if record is None:
        return tag("td", wording.NONE)
    value = tag("b" if is_bold else "span", wording.accuracy(record.accuracy))
    return tag("td", value, tag("small", f" trial {record.number}"))
