"""The report: one HTML page with its style, its script and its figures inside, that asks no network for anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from orchestrator.records import StudySnapshot, TrialRecord, TrialState
from orchestrator.report import wording
from orchestrator.report.classes import class_tables
from orchestrator.report.curves import learning_curves
from orchestrator.report.dimensions import dimension_section
from orchestrator.report.families import family_section
from orchestrator.report.markers import marker, marker_shapes
from orchestrator.report.markup import Html, asset, joined, tag
from orchestrator.report.phases import phase_table
from orchestrator.report.planes import planes
from orchestrator.report.tables import front_table, trial_table
from orchestrator.report.view import NUM_STYLES, StudyView, view_of
from orchestrator.report.worth import growth_chart, growth_of, worth_section
from orchestrator.selector import LatencyBasis

# A browser that obeys it can't be made to load anything, whatever a name in the study contains.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def render(snapshot: StudySnapshot, links: Mapping[str, str] = MappingProxyType({})) -> str:
    """A study as one self-contained HTML page.

    Args:
        links: shown in its head: names and the addresses that they lead to.
    """
    view = view_of(snapshot)
    sections = list(_sections(view))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{snapshot.name} · archfront"),
        tag("style", asset("figure.css"), asset("page.css")),
    )
    body = tag(
        "body",
        tag("svg", marker_shapes(), class_="shapes", aria_hidden="true"),
        _headline(view, links),
        _contents(sections),
        tag("main", *(_section(*section) for section in sections)),
        tag("script", asset("page.js")),
    )
    page = "<!doctype html>\n" + tag("html", head, body, lang="en")
    # A file name that is not UTF-8 becomes lone surrogates in Python, which no file can hold.
    return page.encode("utf-8", "replace").decode("utf-8")


def _sections(view: StudyView) -> Iterator[tuple[str, str, Sequence[Html]]]:
    """Identity, title and content."""
    yield "front", "Pareto front", (_filter(view), planes(view), front_table(view))
    if found := class_tables(view):
        yield "classes", "Classes told apart", found
    yield "families", "Families at equal budgets", family_section(view)
    if found := dimension_section(view):
        yield "dimensions", "Dimensions of the space", found
    yield "training", "Search", tuple(_search(view))
    yield "trials", "All trials", (trial_table(view),)
    yield "conditions", "Conditions and provenance", tuple(_conditions(view))


def _contents(sections: Iterable[tuple[str, str, Sequence[Html]]]) -> Html:
    items = [tag("li", tag("a", title, href=f"#{identity}")) for identity, title, _ in sections]
    return tag("nav", tag("ul", *items), aria_label="Sections")


def _headline(view: StudyView, links: Mapping[str, str]) -> Html:
    snapshot = view.snapshot
    tiles = [_tile(*tile) for tile in _tiles(view)]
    parts = [
        tag("p", "archfront study", class_="kicker"),
        tag("h1", snapshot.name),
        tag("p", _summary(view), class_="lead"),
        tag("dl", *tiles, class_="tiles"),
    ]
    if links:
        items = [tag("li", tag("a", name, href=address)) for name, address in links.items()]
        parts.append(tag("ul", *items, class_="links"))
    if view.front and view.basis is LatencyBasis.PREDICTED:
        text = "The front is provisional: latency is predicted, because not every member of it is measured yet."
        parts.append(tag("p", text, class_="notice", role="note"))
    return tag("header", *parts)


def _summary(view: StudyView) -> str:
    if not view.front:
        return "No network stands on the front: none is fully trained inside the constraints."
    smallest = min(view.front, key=lambda record: (record.num_parameters, record.number))
    if len(view.front) == 1:
        return f"One network stands on the front: {_accuracy_and_size(smallest)}."
    return (
        f"{len(view.front)} networks stand on the front: from {_accuracy_and_size(smallest)} "
        f"to {_accuracy_and_size(view.front[0])}."
    )


def _accuracy_and_size(record: TrialRecord) -> str:
    return f"{wording.accuracy(record.accuracy)} with {wording.count(record.num_parameters, 'parameter')}"


def _tiles(view: StudyView) -> Iterator[tuple[str, str, str]]:
    """Name, figure and remark."""
    snapshot = view.snapshot
    states = Counter(record.state for record in snapshot.records)
    yield (
        "on the front",
        f"{len(view.front):,}",
        f"of {wording.count(states[TrialState.COMPLETED], 'fully trained trial')}",
    )
    if view.front:
        first = view.front[0]
        test = f"test {wording.accuracy(first.test_accuracy)}" if first.test_accuracy is not None else "validation"
        yield "best accuracy", wording.accuracy(first.accuracy), f"{test}, trial {first.number}"
    remarks = [f"{states[state]:,} {state.lower()}" for state in TrialState if states[state]]
    refused = sum(snapshot.num_refused.values())
    remarks += [f"{refused:,} refused untrained"] if refused else []
    yield "trials", f"{len(snapshot.records):,}", ", ".join(remarks) or "none yet"
    yield "duration", wording.duration(snapshot.wall_time_s), f"begun {snapshot.created_at[:16].replace('T', ' ')}"


def _tile(name: str, figure: str, remark: str) -> Html:
    return tag("div", tag("dt", name), tag("dd", figure, class_="figure"), tag("dd", remark))


def _section(identity: str, title: str, content: Sequence[Html]) -> Html:
    return tag("section", tag("h2", title, id=identity), *content, aria_labelledby=identity)


def _search(view: StudyView) -> Iterator[Html]:
    growth = growth_of(view)
    yield tag("div", learning_curves(view), growth_chart(growth), class_="charts")
    if growth is not None:
        yield worth_section(view, growth)
    if (phases := phase_table(view)) is not None:
        yield phases


def _filter(view: StudyView) -> Html:
    """The legend; with a script its boxes also hide a family wherever it is drawn or listed."""
    counts = Counter(record.family for record in view.front)
    boxes = [
        tag(
            "label",
            tag("input", type="checkbox", checked="", value=f"f{index % NUM_STYLES}"),
            marker(index % NUM_STYLES),
            f"{family} ",
            tag("small", f"{counts[family]} on the front"),
        )
        for index, family in enumerate(view.families)
    ]
    return tag("fieldset", tag("legend", "Families"), *boxes, class_="filter") if boxes else Html()


def _conditions(view: StudyView) -> Iterator[Html]:
    snapshot = view.snapshot
    rows: dict[str, Any] = {
        "study": snapshot.study_id,
        "begun": snapshot.created_at,
        "objectives": ", ".join(f"{item.direction} {item.name}" for item in snapshot.objectives),
        "constraints": "; ".join(map(str, snapshot.constraints)) or "none",
        "refused untrained": ", ".join(f"{count:,} {why}" for why, count in snapshot.num_refused.items()) or "none",
        "latency": _latency_conditions(view),
    }
    yield _definitions(rows | dict(snapshot.provenance))
    if snapshot.frozen:
        yield tag("details", tag("summary", "Settings that may not change"), _definitions(snapshot.frozen))


def _latency_conditions(view: StudyView) -> str:
    found = {record.latency.conditions for record in view.snapshot.records if record.latency is not None}
    return " / ".join(sorted(map(wording.conditions, found))) or "predicted, not measured"


def _definitions(values: Mapping[str, Any]) -> Html:
    pairs = [joined([tag("dt", str(name)), tag("dd", _nested(value))]) for name, value in values.items()]
    return tag("dl", *pairs, class_="facts")


def _nested(value: Any) -> Html:
    """Tables within tables, but one line for each thing of a list: a search space has dozens of axes."""
    if isinstance(value, Mapping) and value:
        return _definitions(value)
    if isinstance(value, list | tuple) and _holds_tables(value):
        return tag("ul", *(tag("li", _nested_item(item)) for item in value))
    return joined([wording.inline(value)])


def _nested_item(item: Any) -> Html:
    deep = isinstance(item, Mapping) and any(
        isinstance(value, list | tuple) and _holds_tables(value) for value in item.values()
    )
    return _nested(item) if deep else joined([wording.inline(item)])


def _holds_tables(values: Sequence[Any]) -> bool:
    return any(isinstance(value, Mapping) for value in values)
