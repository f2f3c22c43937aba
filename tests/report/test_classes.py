"""The section on classes, and the table of phases."""

from __future__ import annotations

import dataclasses

import pytest

from orchestrator.records import Cause, StudySnapshot
from orchestrator.report import render
from tests.report.html_outline import Element, read
from tests.synthetic import completed, scored, study


def page_of(*records: object) -> Element:
    return read(render(dataclasses.replace(study(0), records=records)))


def rows_of(page: Element, kind: str) -> list[list[str]]:
    (table,) = page.all("table", class_=kind)
    rows = table.all("tbody")[0].all("tr")
    return [[cell.text for cell in (*row.all("th"), *row.all("td"))] for row in rows]


def test_the_most_accurate_network_that_was_scored_is_shown() -> None:
    better = completed(1, 0.95, 3e4, 3.0, **scored(0.94))
    page = page_of(completed(0, 0.9, 1e4, 1.0, **scored(0.89)), better, completed(2, 0.97, 9e4, 9.0))
    (heading,) = page.all("h2", id="classes")
    assert heading.text == "Classes told apart"
    assert "Trial 1, the most accurate of the front that was scored, on the 500 images" in page.text
    score = better.test_score
    assert score is not None
    assert f"precision {score.precision_macro:.4f} and recall {score.recall_macro:.4f}" in page.text


@pytest.mark.parametrize("num_classes", [2, 5, 20])
def test_every_pair_of_few_classes_is_a_cell(num_classes: int) -> None:
    record = completed(0, 0.9, 1e4, 1.0, **scored(0.8, num_classes=num_classes))
    rows = rows_of(page_of(record), "confusion")
    assert record.test_score is not None
    counts = [[int(cell or 0) for cell in row[1:-2]] for row in rows]
    assert counts == [list(row) for row in record.test_score.confusion_KK]
    assert [float(row[-2]) for row in rows] == pytest.approx(record.test_score.recalls, abs=1e-4)
    assert [float(row[-1]) for row in rows] == pytest.approx(record.test_score.precisions, abs=1e-4)


@pytest.mark.parametrize("num_classes", [21, 200])
def test_of_many_classes_the_ten_pairs_that_are_confused_most_are_rows(num_classes: int) -> None:
    page = page_of(completed(0, 0.9, 1e4, 1.0, **scored(0.8, num_classes=num_classes)))
    assert not page.all("table", class_="confusion")
    rows = rows_of(page, "pairs")
    assert len(rows) == 10
    assert rows[0] == ["class 0", "class 1", "10", "20.0 %"]


def test_many_classes_without_a_mistake_are_said_to_be_so() -> None:
    page = page_of(completed(0, 0.9, 1e4, 1.0, **scored(1.0, num_classes=30)))
    assert "No image was taken for one of another class." in page.text


def test_a_name_of_a_class_is_text_and_never_markup() -> None:
    fields = scored(0.9, num_classes=2)
    score = dataclasses.replace(fields["test_score"], class_names=("<script>alert(1)</script>", 'a" onclick="b'))
    text = render(
        dataclasses.replace(study(0), records=(completed(0, 0.9, 1e4, 1.0, **fields | {"test_score": score}),))
    )
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize("snapshot", [study(0), study(40, is_confirmed=False)], ids=["empty", "unconfirmed"])
def test_without_scores_there_is_no_such_section(snapshot: StudySnapshot) -> None:
    assert not read(render(snapshot)).all("h2", id="classes")


def test_a_trial_of_an_earlier_version_that_has_its_test_accuracy_alone_is_no_reason_for_the_section() -> None:
    assert not page_of(completed(0, 0.9, 1e4, 1.0, test_accuracy=0.89)).all("h2", id="classes")


def phase_rows(snapshot: StudySnapshot) -> list[list[str]]:
    tables = [table for table in read(render(snapshot)).all("table") if "Where the time went" in table.text]
    return [[cell.text for cell in (*row.all("th"), *row.all("td"))] for table in tables for row in table.all("tr")[1:]]


def test_seconds_of_each_family_add_up_to_all_of_them() -> None:
    snapshot = study(40)
    rows = phase_rows(snapshot)
    assert [row[0] for row in rows] == sorted({record.family for record in snapshot.records})
    assert all(row[1:] == ["2,629", "2.0 %", "80.0 %", "12.0 %", "6.0 %"] for row in rows)


def test_what_was_trained_elsewhere_or_never_timed_is_no_part_of_it() -> None:
    snapshot = study(40)
    reused = tuple(
        dataclasses.replace(record, cause=Cause.REUSED) for record in snapshot.records if record.accuracy is not None
    )
    assert phase_rows(dataclasses.replace(snapshot, records=reused)) == []
    assert phase_rows(study(0)) == []
