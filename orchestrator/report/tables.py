"""Tables: the front, every trial, and the best of each family at equal budgets."""

from __future__ import annotations

import math
from collections.abc import Sequence

from orchestrator.objectives import ACCURACY, LATENCY_MS, NUM_PARAMETERS, format_quantity
from orchestrator.records import TrialRecord, TrialState
from orchestrator.report import wording
from orchestrator.report.markup import Html, joined, tag
from orchestrator.report.view import StudyView, thinned

MAX_ROWS = 1000
MAX_MESSAGE = 120

_FRONT_COLUMNS = (
    "trial",
    "family",
    "architecture",
    "parameters",
    "MACs",
    "latency",
    "validation",
    "test",
    "stands out",
)
_TRIAL_COLUMNS = (
    "trial",
    "state",
    "family",
    "architecture",
    "parameters",
    "latency",
    "accuracy",
    "epochs",
    "time",
    "cause",
)


def front_table(view: StudyView) -> Html:
    """The members of the front, most accurate first."""
    if not view.front:
        return tag("p", "The front is empty: no trial is COMPLETED inside the constraints.", class_="empty")
    caption = "Members of the Pareto front. Test accuracy was scored once and selected nothing."
    return table(caption, _FRONT_COLUMNS, [_front_row(view, record) for record in view.front], kind="front")


def trial_table(view: StudyView) -> Html:
    """Every trial with its state; of very many the front and an even choice of the others."""
    records, members = view.snapshot.records, view.front_numbers
    if not records:
        return tag("p", "The study has no trials yet.", class_="empty")
    others = [record for record in records if record.number not in members]
    shown = sorted([*view.front, *thinned(others, MAX_ROWS - len(members))], key=lambda record: record.number)
    whole = "Every trial" if len(shown) == len(records) else f"{len(shown):,} of {len(records):,} trials, evenly chosen"
    caption = (
        f"{whole}. Bold numbers are on the front; an accuracy in italics is that of a last epoch, not a final one."
    )
    return table(caption, _TRIAL_COLUMNS, [_trial_row(view, record) for record in shown], kind="trials")


def budget_tables(view: StudyView) -> Html:
    """The best validation accuracy of each family within equal budgets."""
    if not view.completed:
        return tag("p", "Families can be compared once trials are COMPLETED.", class_="empty")
    titles = {NUM_PARAMETERS: "parameters", LATENCY_MS: "latency"}
    return tag("div", *(_budget_table(view, name, title) for name, title in titles.items()), class_="pair")


def budgets(values: Sequence[float]) -> list[float]:
    """Up to eight round figures (1, 2, 5 times a power of ten) from the cheapest to the dearest value."""
    low, high = max(min(values), 1e-9), max(*values, 1e-9)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [round(digit * 10.0**power, 12) for power in powers for digit in (1, 2, 5)]
    first = next(index for index, step in enumerate(steps) if step >= low * (1 - 1e-9))
    last = next((index for index, step in enumerate(steps) if step >= high * (1 - 1e-9)), len(steps) - 1)
    return steps[max(first, last - 7) : last + 1]


def _front_row(view: StudyView, record: TrialRecord) -> Html:
    style = view.style(record)
    cells = (*view.front_cells(record), view.labels.get(record.number, ""))
    head = tag("th", _marker(style), str(record.number), scope="row")
    return tag("tr", head, *(tag("td", cell) for cell in cells), class_=f"f{style}", data_t=record.number)


def _trial_row(view: StudyView, record: TrialRecord) -> Html:
    cells = (
        _state(record.state),
        record.family,
        view.architecture(record),
        f"{record.num_parameters:,}",
        wording.latency(record),
        _latest_accuracy(record),
        f"{len(record.reports):,}",
        wording.duration(record.wall_time_s),
        ": ".join(part for part in (str(record.cause or ""), _shortened(record.message)) if part),
    )
    kind = f"f{view.style(record)} on-front" if record.number in view.front_numbers else f"f{view.style(record)}"
    head = tag("th", str(record.number), scope="row")
    return tag("tr", head, *(tag("td", cell) for cell in cells), class_=kind, id=f"t{record.number}")


def table(caption: str, columns: Sequence[str], rows: Sequence[Html], *, kind: str) -> Html:
    table = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", *(tag("th", name, scope="col") for name in columns))),
        tag("tbody", *rows),
        class_=kind,
    )
    # What scrolls must be reachable by keyboard.
    return tag(
        "div",
        table,
        class_="scroll long" if kind == "trials" else "scroll",
        tabindex=0,
        role="region",
        aria_label=caption.partition(".")[0],
    )


def _budget_table(view: StudyView, name: str, title: str) -> Html:
    steps = budgets([view.value(record, name) for record in view.completed])
    rows = [_budget_row(view, name, bound) for bound in steps]
    caption = f"Best validation accuracy of each family by {title}; the best of each row is bold."
    return table(caption, ("at most", *view.families), rows, kind="budgets")


def _budget_row(view: StudyView, name: str, bound: float) -> Html:
    found = [_best_within(view, family, name, bound) for family in view.families]
    best = max((record.value(ACCURACY) for record in found if record is not None), default=None)
    head = tag("th", format_quantity(name, bound), scope="row")
    return tag("tr", head, *(_budget_cell(record, best) for record in found))


def _budget_cell(record: TrialRecord | None, best: float | None) -> Html:
    if record is None:
        return tag("td", wording.NONE)
    value = tag("b" if record.accuracy == best else "span", wording.accuracy(record.accuracy))
    return tag("td", value, tag("small", f" trial {record.number}"))


def _best_within(view: StudyView, family: str, name: str, bound: float) -> TrialRecord | None:
    inside = [record for record in view.completed if record.family == family and view.value(record, name) <= bound]
    return min(inside, key=lambda record: (-record.value(ACCURACY), record.number), default=None)


def _state(state: TrialState) -> Html:
    return joined([state]) if state is TrialState.COMPLETED else tag("span", state, class_=f"s-{state.lower()}")


def _latest_accuracy(record: TrialRecord) -> Html:
    if record.state is TrialState.COMPLETED or not record.reports:
        return joined([wording.accuracy(record.accuracy)])
    return tag("i", wording.accuracy(record.reports[-1].accuracy))


def _shortened(message: str) -> str:
    first = message.strip().splitlines()[0] if message.strip() else ""
    return first if len(first) <= MAX_MESSAGE else f"{first[: MAX_MESSAGE - 1]}…"


def _marker(style: int) -> Html:
    return tag("svg", tag("use", href=f"#m{style}"), class_=f"k f{style}", viewBox="-7 -7 14 14", aria_hidden="true")
