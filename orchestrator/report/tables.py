"""Tables: the front and every trial."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.records import TrialRecord, TrialState
from orchestrator.report import wording
from orchestrator.report.markers import marker
from orchestrator.report.markup import Html, joined, tag
from orchestrator.report.view import StudyView, thinned
from orchestrator.selector.certainty import is_too_close

MAX_ROWS = 1000

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
    caption = f"Members of the Pareto front. Test accuracy was scored once and selected nothing.{_closeness(view)}"
    columns = ("trial", *view.front_columns, "stands out")
    return table(caption, columns, [_front_row(view, record) for record in view.front], kind="front")


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


def _closeness(view: StudyView) -> str:
    """How many members can't be told from the most accurate one by their accuracy, if anybody knows."""
    if view.num_validation is None and not view.has_seeds:
        return " How far accuracies can be trusted is not known: nothing says how many validation images there were."
    first, *others = view.front
    close = [record for record in others if is_too_close(first, record, view.num_validation)]
    if not close:
        return ""
    which = f"{len(close)} of the other {len(others)}" if len(close) < len(others) else f"all other {len(others)}"
    return f" By accuracy alone, trial {first.number} and {which} are too close to call: choose by cost."


def _front_row(view: StudyView, record: TrialRecord) -> Html:
    style = view.style(record)
    cells = (*view.front_cells(record), view.labels.get(record.number, ""))
    head = tag("th", marker(style), str(record.number), scope="row")
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
        ": ".join(part for part in (str(record.cause or ""), wording.first_line(record.message)) if part),
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


def _state(state: TrialState) -> Html:
    return joined([state]) if state is TrialState.COMPLETED else tag("span", state, class_=f"s-{state.lower()}")


def _latest_accuracy(record: TrialRecord) -> Html:
    if record.state is TrialState.COMPLETED or not record.reports:
        return joined([wording.accuracy(record.accuracy)])
    return tag("i", wording.accuracy(record.reports[-1].accuracy))
