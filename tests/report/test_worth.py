"""The report says what the search was worth."""

from __future__ import annotations

import dataclasses

import pytest

from orchestrator.records import StudySnapshot, TrialRecord, TrialState
from orchestrator.report import render
from tests.report.html_outline import Element, read
from tests.synthetic import completed, study, unfinished

FORTY = study(40)


def section(snapshot: StudySnapshot) -> list[Element]:
    return read(render(snapshot)).all("section", aria_labelledby="worth")


@pytest.mark.parametrize(
    "records", [(), (unfinished(0, TrialState.RUNNING, wall_time_s=1.0),), (completed(0, 0.9, 1000, 1.0),)]
)
def test_it_is_absent_before_a_completed_trial_took_time(records: tuple[TrialRecord, ...]) -> None:
    snapshot = dataclasses.replace(study(0), records=records)
    assert section(snapshot) == []
    assert 'aria-labelledby="growth-title"' not in render(snapshot)


def test_the_table_holds_what_the_chart_draws() -> None:
    page = read(render(FORTY))
    (chart,) = page.all("svg", aria_labelledby="growth-title")
    assert [len(chart.all("path", class_=kind)) for kind in ("growth", "random", "unstopped")] == [2, 2, 2]
    table = section(FORTY)[0].all("table")[0]
    rows = [[cell.text for cell in row.all("td")] for row in table.all("tr")[1:]]
    assert len(rows) == 5
    assert rows[-1][0] == "100.0 %"
    assert all(len(row) == 3 for row in rows)


def test_it_says_that_the_comparison_flatters_random_search() -> None:
    figure = next(one for one in read(render(FORTY)).all("figure") if one.all("svg", aria_labelledby="growth-title"))
    caption = figure.all("figcaption")[0].text
    assert "200 random orders of the same COMPLETED trials" in caption
    assert "flatters random search" in caption


def test_stopped_trials_have_their_cost_and_what_they_saved() -> None:
    pruned = [record for record in FORTY.records if record.state is TrialState.PRUNED]
    text = section(FORTY)[0].text
    assert f"{len(pruned)} stopped trials took" in text
    assert "PRUNED" in text
    assert "epoch 4" in section(FORTY)[0].all("table")[2].text


def test_without_stopped_trials_nothing_is_said_to_be_saved() -> None:
    kept = tuple(record for record in FORTY.records if record.state is TrialState.COMPLETED)
    snapshot = dataclasses.replace(FORTY, records=kept)
    (found,) = section(snapshot)
    assert "No trial was stopped" in found.text
    assert len(found.all("table")) == 2
    assert "Dashed" not in render(snapshot)
