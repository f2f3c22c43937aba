"""The report: whole, safe and readable for any study."""

from __future__ import annotations

import dataclasses
import math
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.objectives import DIRECTIONS, MACS, NUM_PARAMETERS, THROUGHPUT_PER_S, Constraint, Objective
from orchestrator.records import Cause, SeedResult, StudySnapshot, TrialState
from orchestrator.report import render
from orchestrator.selector import front
from search_spaces.registry import get_architecture
from tests.report.html_outline import Element, read
from tests.synthetic import OBJECTIVES, completed, measured, study, unfinished


def snapshot_of(*records: object, **fields: object) -> StudySnapshot:
    return dataclasses.replace(study(0), records=records, **fields)


STUDIES = {
    "empty": study(0),
    "one trial": study(1),
    "forty": study(40),
    "unconfirmed": study(40, is_confirmed=False),
    "only failed": snapshot_of(*(unfinished(number, TrialState.FAILED, cause=Cause.DIVERGED) for number in range(3))),
    "only running": snapshot_of(unfinished(0, TrialState.RUNNING)),
    "nothing feasible": dataclasses.replace(study(20), constraints=(Constraint(name=NUM_PARAMETERS, bound=1),)),
    "all equal": snapshot_of(*(completed(number, 0.9, 10_000, 1.0) for number in range(5))),
    "all but equal": snapshot_of(*(completed(number, 0.9, 10_000, 7.0 + number * 1e-15) for number in range(2))),
    "all perfect": snapshot_of(*(completed(number, 1.0, 10_000 + number, 1.0) for number in range(5))),
    "all hopeless": snapshot_of(*(completed(number, 0.0, 10_000 + number, 1.0) for number in range(5))),
    "seven families": snapshot_of(
        *(completed(number, 0.9, 10_000, 1.0, family=f"family{number}") for number in range(7))
    ),
    "two objectives": dataclasses.replace(study(20), objectives=OBJECTIVES[:2]),
    "macs": dataclasses.replace(
        study(20), objectives=(OBJECTIVES[0], Objective(name=MACS, direction=DIRECTIONS[MACS]))
    ),
}


@pytest.fixture(params=STUDIES, ids=str)
def snapshot(request: pytest.FixtureRequest) -> StudySnapshot:
    return STUDIES[request.param]


def tables(page: Element, kind: str) -> list[Element]:
    return page.all("table", class_=kind)


def test_every_element_is_closed_and_every_reference_has_its_target(snapshot: StudySnapshot) -> None:
    text = render(snapshot)
    page = read(text)
    identities = re.findall(r'\sid="([^"]*)"', text)
    assert len(set(identities)) == len(identities)
    wanted = set(re.findall(r'href="#([^"]*)"', text)) | set(
        re.findall(r'aria-(?:labelledby|describedby)="([^"]*)"', text)
    )
    assert wanted <= set(identities)
    assert page.all("title")[0].text == "digits · archfront"


def test_no_coordinate_is_without_a_number(snapshot: StudySnapshot) -> None:
    drawn = re.sub(r"<(style|script)>.*?</\1>", "", render(snapshot), flags=re.DOTALL)
    assert not re.search(r'="[^"]*\b(nan|inf)\b', drawn)


def test_the_page_asks_no_network_for_anything(snapshot: StudySnapshot) -> None:
    text = render(snapshot)
    for trace in ("http:", "https:", "//cdn", "src=", "@import", "url(", "fetch(", "XMLHttpRequest", "<link"):
        assert trace not in text
    assert "default-src 'none'" in read(text).all("meta", http_equiv="Content-Security-Policy")[0].attributes["content"]


def test_the_same_study_gives_the_same_page(snapshot: StudySnapshot) -> None:
    assert render(snapshot) == render(snapshot)


def test_every_front_member_has_a_mark_in_each_plane_and_a_row(snapshot: StudySnapshot) -> None:
    page = read(render(snapshot))
    members = [record.number for record in front(snapshot.records, snapshot.objectives, snapshot.constraints)]
    rows = [
        row.attributes["data-t"]
        for table in tables(page, "front")
        for row in table.all("tr")
        if "data-t" in row.attributes
    ]
    assert rows == list(map(str, members))
    planes = [svg for svg in page.all("svg") if svg.attributes.get("aria-labelledby", "").startswith("plane-")]
    for plane in planes:
        marks = [mark.attributes["data-t"] for mark in plane.all("g", role="img")]
        assert sorted(marks, key=int) == sorted(map(str, members), key=int)
    assert planes or not members


def test_every_trial_has_a_row_with_its_state(snapshot: StudySnapshot) -> None:
    rows = [
        row for table in tables(read(render(snapshot)), "trials") for row in table.all("tr") if "id" in row.attributes
    ]
    assert [row.attributes["id"] for row in rows] == [f"t{record.number}" for record in snapshot.records]
    for row, record in zip(rows, snapshot.records, strict=True):
        assert row.all("td")[0].text == record.state
        assert str(record.cause or "") in row.text


def test_tables_and_charts_speak_to_those_who_do_not_see_them(snapshot: StudySnapshot) -> None:
    page = read(render(snapshot))
    for table in page.all("table"):
        assert table.all("caption")[0].text
        assert all(head.attributes["scope"] in ("row", "col") for head in table.all("th"))
    for figure in page.all("figure"):
        (svg,) = figure.all("svg")
        assert svg.attributes["role"] in ("img", "group")
        assert svg.all("title")[0].text
        assert svg.all("desc")[0].text
        assert figure.all("figcaption")[0].text
        assert all(mark.attributes["aria-label"] for mark in svg.all("g", tabindex="0"))
    assert page.all("html")[0].attributes["lang"] == "en"


def test_a_thousand_trials_fit_into_half_a_megabyte() -> None:
    assert len(render(dataclasses.replace(study(1000), num_validation=359)).encode()) < 500_000


def test_trials_beyond_the_limit_of_rows_are_thinned_and_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.report.tables.MAX_ROWS", 100)
    many = snapshot_of(*(completed(number, 0.9 - number / 4_000, 10_000 + number, 1.0) for number in range(300)))
    page = read(render(many))
    rows = [row for table in tables(page, "trials") for row in table.all("tr") if "id" in row.attributes]
    assert len(rows) == 100
    assert "100 of 300 trials, evenly chosen" in tables(page, "trials")[0].all("caption")[0].text


def test_a_front_beyond_the_limit_of_rows_is_shown_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.report.tables.MAX_ROWS", 100)
    many = snapshot_of(*(completed(number, 0.5 + number / 4_000, 10_000 + number, 1.0) for number in range(150)))
    page = read(render(many))
    assert len(tables(page, "front")[0].all("tr")) == 151
    assert len(tables(page, "trials")[0].all("tr")) == 151


HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;<!--\x00\ud800\U0001f600"


def test_nothing_that_a_person_wrote_becomes_markup() -> None:
    record = completed(
        0,
        0.9,
        10_000,
        1.0,
        family=HOSTILE,
        architecture={"family": HOSTILE, HOSTILE: HOSTILE, "list": [HOSTILE]},
        latency=dataclasses.replace(
            measured(1.0), conditions=dataclasses.replace(measured(1.0).conditions, device=HOSTILE)
        ),
    )
    failed = unfinished(1, TrialState.FAILED, message=HOSTILE)
    text = render(
        snapshot_of(
            record,
            failed,
            name=HOSTILE,
            study_id=HOSTILE,
            created_at=HOSTILE,
            frozen={HOSTILE: {HOSTILE: [HOSTILE, {HOSTILE: None}]}},
            provenance={HOSTILE: HOSTILE},
            num_refused={HOSTILE: 3},
        )
    )
    text.encode("utf-8")
    page = read(text)
    assert len(page.all("script")) == 1
    assert page.all("img") == []
    assert "<!--" not in text
    assert page.all("h1")[0].text.startswith("</script><script>alert(1)</script>\"'><img src=x")


@given(st.text(max_size=30))
@settings(max_examples=30)
def test_any_name_is_shown_as_it_is(name: str) -> None:
    page = read(render(dataclasses.replace(study(1), name=name)))
    shown = name.encode("utf-8", "replace").decode()
    # An HTML reader turns a carriage return into a line feed, and NUL into a replacement.
    assert page.all("h1")[0].text.replace("\r\n", "\n").replace("\r", "\n") == shown.replace("\r\n", "\n").replace(
        "\r", "\n"
    )


def test_an_unmeasured_front_is_called_provisional_and_its_latency_predicted() -> None:
    page = read(render(STUDIES["unconfirmed"]))
    assert "provisional" in page.all("p", role="note")[0].text
    assert "≈" in tables(page, "front")[0].text
    assert read(render(STUDIES["forty"])).all("p", role="note") == []


def test_a_measured_latency_has_its_interval_drawn_and_written() -> None:
    record = completed(0, 0.9, 10_000, 1.0, latency=measured(1.23, low_ms=1.2, high_ms=1.3, is_contended=True))
    page = read(render(snapshot_of(record)))
    assert len(page.all("line", class_="interval")) == 1
    assert "1.23 ms (1.20 to 1.30, contended)" in tables(page, "front")[0].text


def test_what_stands_out_is_named_beside_its_mark() -> None:
    page = read(render(STUDIES["forty"]))
    labels = [text.text for text in page.all("text", class_="role")]
    assert sorted(set(", ".join(labels).split(", "))) == ["fastest", "knee", "most accurate", "smallest"]


def test_stopped_curves_end_in_a_cross() -> None:
    snapshot = STUDIES["forty"]
    crosses = read(render(snapshot)).all("path", class_="stop")
    assert len(crosses) == sum(record.state is TrialState.PRUNED for record in snapshot.records)


def test_a_diverged_epoch_breaks_no_curve() -> None:
    reports = tuple(
        dataclasses.replace(report, accuracy=math.nan, loss=math.nan) if report.epoch > 2 else report
        for report in study(1).records[0].reports[:4]
    )
    page = render(snapshot_of(unfinished(0, TrialState.FAILED, cause=Cause.DIVERGED, reports=reports)))
    assert len(read(page).all("path", class_="c")) == 1


def test_a_third_plane_is_drawn_where_macs_are_an_objective() -> None:
    assert 'aria-labelledby="plane-macs-title"' in render(STUDIES["macs"])
    assert "plane-macs" not in render(STUDIES["forty"])


def test_the_filter_names_every_family_and_its_share_of_the_front() -> None:
    labels = [label.text for label in read(render(STUDIES["forty"])).all("label")]
    assert [label.split()[0] for label in labels] == ["densenet", "mobilenet", "resnet"]
    members = front(STUDIES["forty"].records, OBJECTIVES, STUDIES["forty"].constraints)
    assert sum(int(label.split()[1]) for label in labels) == len(members)


def test_settings_and_conditions_are_on_the_page() -> None:
    text = read(render(STUDIES["forty"])).all("section", aria_labelledby="conditions")[0].text
    for part in (
        "digits-7f3a",
        "maximize accuracy",
        "num_parameters at most 1,000,000",
        "7 infeasible",
        "learning_rate",
        "folded",
    ):
        assert part in text


def test_a_report_needs_no_framework() -> None:
    code = (
        "import sys; from orchestrator.report import render; from tests.synthetic import study; render(study(5))\n"
        "heavy = {'torch', 'ray', 'optuna', 'mlflow', 'pyarrow', 'scipy', 'pandas', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_published_network_is_marked_by_its_name_wherever_it_ended() -> None:
    network = get_architecture("resnet18", in_channels=1, num_classes=10)
    of_trial = {
        "family": "resnet",
        "architecture": network.to_dict(),
        "architecture_id": network.architecture_id,
    }
    dominated = completed(40, 0.97, network.num_parameters, 5.0, **of_trial)
    page = read(render(snapshot_of(*study(10).records, dominated)))
    labels = [text.text for text in page.all("text", class_="role") if "resnet18" in text.text]
    assert len(labels) == 2


def test_further_seeds_have_a_column_where_there_are_some() -> None:
    again = tuple(SeedResult(seed=seed, accuracy=0.9 + seed / 1000, loss=0.1) for seed in (1, 2, 3))
    page = read(render(snapshot_of(completed(0, 0.91, 10_000, 1.0, seeds=again), completed(1, 0.9, 9_000, 0.9))))
    (table,) = tables(page, "front")
    assert "further seeds" in [head.text for head in table.all("th", scope="col")]
    assert "0.9020 (0.8995 to 0.9045), n = 3" in table.text
    assert "further seeds" not in render(STUDIES["forty"])


def test_members_that_accuracy_does_not_tell_apart_are_said_to_be_too_close_to_call() -> None:
    members = [completed(number, 0.97 - number / 1000, 10_000 - number, 1.0 - number / 10) for number in range(3)]
    close = read(render(snapshot_of(*members, num_validation=300)))
    assert "trial 0 and all other 2 are too close to call" in tables(close, "front")[0].all("caption")[0].text


def test_a_study_that_did_not_record_its_validation_images_says_that_it_knows_no_intervals() -> None:
    members = [completed(number, 0.97 - number / 1000, 10_000 - number, 1.0 - number / 10) for number in range(3)]
    words = "How far accuracies can be trusted is not known"
    page = render(snapshot_of(*members, num_validation=None))
    assert words in tables(read(page), "front")[0].all("caption")[0].text
    assert "intervals of the accuracy" not in page
    assert words not in render(snapshot_of(*members, num_validation=300))


def test_the_cheapest_by_throughput_is_the_fastest() -> None:
    goals = (OBJECTIVES[0], Objective(name=THROUGHPUT_PER_S, direction=DIRECTIONS[THROUGHPUT_PER_S]))
    slow, fast = (
        completed(number, 0.9 - number / 10, 10_000, 1.0, predicted_throughput_per_s=100.0 * (1 + number))
        for number in range(2)
    )
    page = read(render(snapshot_of(slow, fast, objectives=goals)))
    (plane,) = page.all("svg", aria_labelledby="plane-throughput_per_s-title")
    assert "Cheapest: trial 1, " in plane.all("desc")[0].text
    assert "Throughput is predicted." in page.text


def test_landmarks_say_what_they_are() -> None:
    (body,) = read(render(STUDIES["forty"])).all("body")
    assert [child.name for child in body.children if child.name in ("header", "nav", "main")] == [
        "header",
        "nav",
        "main",
    ]
    assert body.all("nav")[0].attributes["aria-label"]
    heads = [element.text for element in body.all("h2")]
    assert "Families at equal budgets" in heads
    assert all(region.attributes["aria-label"] for region in body.all("div", role="region"))
