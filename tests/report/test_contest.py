"""Families at equal budgets: who is ahead, what is too close to call, which one to choose."""

from __future__ import annotations

import dataclasses

import pytest

from orchestrator.objectives import LATENCY_MS, NUM_PARAMETERS
from orchestrator.records import SeedResult, StudySnapshot, TrialRecord
from orchestrator.report import render, to_markdown
from orchestrator.report.contest import Contest, Round, contest, verdict
from orchestrator.report.view import view_of
from tests.report.html_outline import read
from tests.synthetic import completed, study


def snapshot_of(*records: TrialRecord, num_validation: int | None = 1000) -> StudySnapshot:
    return dataclasses.replace(study(0), records=records, num_validation=num_validation)


def trials(*figures: tuple[str, float, int], **fields: object) -> list[TrialRecord]:
    return [
        completed(number, accuracy, num_parameters, num_parameters / 10_000, family=family, **fields)
        for number, (family, accuracy, num_parameters) in enumerate(figures)
    ]


def found_in(snapshot: StudySnapshot) -> Contest:
    return contest(view_of(snapshot))


def at(found: Contest, bound: float) -> Round:
    return next(one for one in found.of(NUM_PARAMETERS) if one.bound == bound)


def test_the_best_of_each_family_within_a_budget_is_held_against_the_others() -> None:
    figures = (("resnet", 0.90, 1000), ("resnet", 0.95, 5000), ("densenet", 0.80, 1000), ("densenet", 0.99, 10_000))
    found = found_in(snapshot_of(*trials(*figures)))
    assert at(found, 1000).leader == "resnet"
    assert at(found, 1000).rivals == ()
    assert at(found, 10_000).leader == "densenet"
    assert at(found, 5000).best["resnet"].number == 1  # type: ignore[union-attr]
    assert {one.name for one in found.rounds} == {NUM_PARAMETERS, LATENCY_MS}


@pytest.mark.parametrize(("num_validation", "is_close"), [(200, True), (20_000, False), (None, False)])
def test_a_difference_within_the_noise_of_the_images_is_too_close_to_call(
    num_validation: int | None, *, is_close: bool
) -> None:
    records = trials(("resnet", 0.97, 1000), ("densenet", 0.98, 1000))
    found = found_in(snapshot_of(*records, num_validation=num_validation))
    assert (at(found, 1000).rivals == ("resnet",)) is is_close
    page = render(snapshot_of(*records, num_validation=num_validation))
    assert ("<td>too close to call</td>" in page) is is_close


def test_equal_accuracies_are_too_close_to_call_on_any_number_of_images() -> None:
    found = found_in(snapshot_of(*trials(("resnet", 0.97, 1000), ("densenet", 0.97, 1000)), num_validation=None))
    assert at(found, 1000).rivals == ("densenet",)


def test_further_seeds_decide_where_there_are_some() -> None:
    lucky, steady = trials(("resnet", 0.99, 1000), ("densenet", 0.98, 1000))
    seeds = {0: (0.90, 0.901, 0.902), 1: (0.98, 0.981, 0.979)}
    again = [
        dataclasses.replace(
            record,
            seeds=tuple(
                SeedResult(seed=seed, accuracy=accuracy, loss=0.1)
                for seed, accuracy in enumerate(seeds[record.number], start=1)
            ),
        )
        for record in (lucky, steady)
    ]
    found = at(found_in(snapshot_of(*again)), 1000)
    assert found.leader == "densenet"
    assert found.rivals == ()


def test_the_choice_is_the_family_that_fewest_budgets_speak_against() -> None:
    figures = (("resnet", 0.90, 1000), ("densenet", 0.80, 1000), ("densenet", 0.91, 10_000), ("resnet", 0.90, 10_000))
    found = found_in(snapshot_of(*trials(*figures), num_validation=1000))
    assert found.choice == "resnet"
    advice, *reasons = verdict(found)
    assert advice.startswith("Choose resnet: at all ")
    assert reasons[0] == ("By parameters: up to 5,000 resnet; beyond densenet, too close to call against resnet.")
    assert "1,000 images of the validation split" in reasons[-1]


def test_one_family_alone_is_no_choice() -> None:
    found = found_in(snapshot_of(*trials(("resnet", 0.9, 1000), ("resnet", 0.95, 5000))))
    assert found.choice is None
    assert verdict(found) == ["Only resnet was trained: there is nothing to choose."]


def test_nothing_is_said_before_a_trial_is_completed() -> None:
    assert verdict(found_in(study(0))) == []
    assert "Families can be compared once trials are COMPLETED." in render(study(0))


def test_page_and_markdown_give_the_same_advice() -> None:
    snapshot = study(60)
    advice = verdict(found_in(snapshot))[0]
    (shown,) = read(render(snapshot)).all("p", class_="verdict")
    assert shown.text == advice
    assert advice.split(":")[0] in to_markdown(snapshot)


def test_every_family_has_a_line_and_a_band_in_each_plane_of_budgets() -> None:
    records = trials(("resnet", 0.97, 1000), ("densenet", 0.98, 2000), ("mobilenet", 0.96, 3000))
    page = read(render(snapshot_of(*records)))
    for name in (NUM_PARAMETERS, LATENCY_MS):
        (chart,) = page.all("svg", aria_labelledby=f"families-{name}-title")
        assert len(chart.all("path", class_="noise")) == 3
        assert len(chart.all("path", class_="on-front")) == 3
