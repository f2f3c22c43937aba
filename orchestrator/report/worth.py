"""What the search was worth: hypervolume over cost, how well rungs rank, what stopping saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator import worth
from orchestrator.records import TrialState
from orchestrator.report import wording
from orchestrator.report.axes import BOTTOM, LEFT, RIGHT, TOP, Axis, chart, frame, polyline
from orchestrator.report.markup import Html, joined, tag
from orchestrator.report.tables import table
from orchestrator.report.view import StudyView
from orchestrator.worth import Growth, RankCorrelation, Spending

_SHARES = (10, 25, 50, 75, 100)
"""Of the study's cost, in per cent: rows of the table."""

_UNITS = ((7200.0, 3600.0, "h"), (120.0, 60.0, "min"), (0.0, 1.0, "s"))
"""From how many seconds on, the unit's seconds, its name."""

_KEY_X, _KEY_Y = 272, BOTTOM - 66


def growth_of(view: StudyView) -> Growth | None:
    """None before a COMPLETED trial inside the limits, and where no trial took time."""
    snapshot = view.snapshot
    return worth.growth(snapshot.records, snapshot.objectives, snapshot.constraints)


def growth_chart(growth: Growth | None) -> Html:
    """The study's hypervolume over its cost, and a band of random orders behind it."""
    if growth is None:
        return tag("p", "The hypervolume begins with the first COMPLETED trial that took time.", class_="empty")
    unit_s, unit = next((seconds, name) for least, seconds, name in _UNITS if growth.cost_s_G[-1] >= least)
    axes = (
        Axis(low=0.0, high=float(growth.cost_s_G[-1]) / unit_s, start=LEFT, end=RIGHT),
        Axis(low=0.0, high=1.06, start=BOTTOM, end=TOP),
    )
    cost_G = (growth.cost_s_G / unit_s).tolist()
    svg = chart(
        "growth",
        frame(*axes, x_title=f"training of all trials ({unit})", y_title="share of the final hypervolume"),
        _band(axes, cost_G, growth),
        *(_line(axes, cost_G, values, kind) for kind, _, values in _series(growth)),
        *_key(growth),
        title="Hypervolume over cost",
        description=_description(growth),
    )
    return tag("figure", svg, tag("figcaption", _caption(growth)))


def worth_section(view: StudyView, growth: Growth) -> Html:
    """In a sentence and three tables."""
    records = view.snapshot.records
    spent = worth.spending(records)
    correlations = [worth.rank_correlation(records, epoch) for epoch in worth.stop_epochs(records)]
    tables = [_spending_table(spent)] + ([_rung_table(correlations)] if correlations else [])
    return tag(
        "section",
        tag("h3", "What the search was worth", id="worth"),
        tag("p", _summary(growth, spent)),
        tag("div", _growth_table(growth), tag("div", *tables), class_="pair"),
        aria_labelledby="worth",
    )


def _series(growth: Growth) -> Iterator[tuple[str, str, list[float]]]:
    """Class, name and values of each line, the study's own on top."""
    if growth.unstopped_G is not None:
        yield "unstopped", "random, none stopped", growth.unstopped_G.tolist()
    yield "random", "random order, 90 %", growth.random_G.tolist()
    yield "growth", "this study", growth.study_G.tolist()


def _line(axes: tuple[Axis, Axis], cost_G: Sequence[float], values: Sequence[float], kind: str) -> Html:
    pixels = [(axes[0].at(cost), axes[1].at(value)) for cost, value in zip(cost_G, values, strict=True)]
    return polyline(pixels, class_=kind)


def _band(axes: tuple[Axis, Axis], cost_G: Sequence[float], growth: Growth) -> Html:
    there = list(zip(cost_G, growth.high_G.tolist(), strict=True))
    back = list(zip(cost_G, growth.low_G.tolist(), strict=True))[::-1]
    return polyline([(axes[0].at(cost), axes[1].at(value)) for cost, value in there + back], class_="band")


def _key(growth: Growth) -> Iterator[Html]:
    """Names of the lines, where no curve that rises comes by."""
    for row, (kind, name, _) in enumerate(reversed(list(_series(growth)))):
        y = _KEY_Y + 24 * row
        if kind == "random":
            yield tag("rect", x=_KEY_X, y=y - 11, width=26, height=14, class_="band")
        yield polyline([(_KEY_X, y - 4), (_KEY_X + 26, y - 4)], class_=kind)
        yield tag("text", name, x=_KEY_X + 34, y=y, class_="key")


def _description(growth: Growth) -> str:
    half = len(growth.cost_s_G) // 2
    return (
        f"At half of its cost the study has {_percent(growth.study_G[half])} of its final hypervolume, random orders "
        f"of its COMPLETED trials {_percent(growth.random_G[half])} on average. The table of equal costs holds more."
    )


def _caption(growth: Growth) -> str:
    unstopped = " Dashed: with the stopped trials among them, trained in full at an estimated cost, adding nothing."
    return (
        "Trials one after the other by their numbers; costs of networks on a log scale, latency as predicted for all. "
        f"The band is simulated: {growth.num_orders} random orders of the same COMPLETED trials (mean, 5 to 95 %). It "
        "flatters random search, which would also have drawn what was refused or stopped here."
        f"{unstopped if growth.unstopped_G is not None else ''}"
    )


def _summary(growth: Growth, spent: Sequence[Spending]) -> str:
    total = f"The trials took {wording.duration(growth.cost_s_G[-1])} of training, "
    final = f"for a hypervolume of {growth.hypervolume:.3f} of the box up to the reference point."
    stopped = next((one for one in spent if one.state is TrialState.PRUNED), None)
    if stopped is None or stopped.full_cost_s is None:
        return f"{total}{final} No trial was stopped."
    saved = wording.duration(stopped.full_cost_s - stopped.cost_s)
    return (
        f"{total}{final} {wording.count(stopped.num_trials, 'stopped trial')} took {wording.duration(stopped.cost_s)} "
        f"of it; that they were not trained in full saved about {saved}."
    )


def _growth_table(growth: Growth) -> Html:
    columns = ["cost", "this study", "random (5 to 95 %)"]
    columns += ["none stopped"] if growth.unstopped_G is not None else []
    rows = [_growth_row(growth, share) for share in _SHARES]
    return table("Share of the final hypervolume at equal cost.", columns, rows, kind="worth")


def _growth_row(growth: Growth, share: int) -> Html:
    place = share * (len(growth.cost_s_G) - 1) // 100
    band = tag("small", f" ({100 * growth.low_G[place]:.1f} to {100 * growth.high_G[place]:.1f})")
    cells = [_percent(growth.study_G[place]), joined([_percent(growth.random_G[place]), band])]
    cells += [_percent(growth.unstopped_G[place])] if growth.unstopped_G is not None else []
    head = joined([wording.duration(growth.cost_s_G[place]), tag("small", f" {share} %")])
    return _row(head, cells)


def _spending_table(spent: Sequence[Spending]) -> Html:
    rows = [
        _row(
            one.state,
            [
                f"{one.num_trials:,}",
                wording.duration(one.cost_s),
                wording.NONE if one.full_cost_s is None else wording.duration(one.full_cost_s),
                wording.NONE if one.full_cost_s is None else wording.duration(one.full_cost_s - one.cost_s),
            ],
        )
        for one in spent
    ]
    caption = "Cost by state. In full: the seconds of an epoch, times the epochs of a whole training."
    return table(caption, ("state", "trials", "took", "in full", "saved"), rows, kind="worth")


def _rung_table(correlations: Sequence[RankCorrelation]) -> Html:
    rows = [
        _row(f"epoch {one.epoch}", [wording.NONE if one.rho is None else f"{one.rho:.2f}", f"{one.num_trials:,}"])
        for one in correlations
    ]
    caption = (
        "Rungs against the end. Spearman's rank correlation of accuracies there with the final ones, over COMPLETED "
        "trials: without those that were stopped, which lowers it."
    )
    return table(caption, ("rung", "rank correlation", "trials"), rows, kind="worth")


def _row(head: str, cells: Sequence[str]) -> Html:
    return tag("tr", tag("th", head, scope="row"), *(tag("td", cell) for cell in cells))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
