"""Which dimensions matter: found where they do, and not claimed where trials do not tell."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.records import StudySnapshot
from orchestrator.report import render
from orchestrator.report.dimensions import dimensions_of
from orchestrator.report.importance import Dimension, analysis, exact_shares
from tests.report.html_outline import read
from tests.synthetic import completed, study


def dimensions(num_trials: int = 60, *, seed: int = 0) -> dict[str, Dimension]:
    rng = random.Random(seed)
    choices: dict[str, list[Any]] = {"width": [8, 16, 32, 64], "block": ["basic", "bottleneck"], "depth": [1, 2, 3]}
    return {
        name: Dimension(name=name, values=tuple(rng.choice(values) for _ in range(num_trials)))
        for name, values in choices.items()
    }


def test_the_dimension_that_makes_the_difference_comes_first_with_its_effects() -> None:
    found = dimensions()
    figures = [float(np.log2(width)) for width in found["width"].values]
    result = analysis(list(found.values()), figures)
    first = result.dimensions[0]
    assert first.name == "width"
    assert first.share > 0.9
    assert result.explained > 0.9
    assert list(first.effects) == [8, 16, 32, 64]
    assert list(first.effects.values()) == sorted(first.effects.values())
    assert all(one.share < 0.1 for one in result.dimensions[1:])


def test_what_matters_only_together_counts_for_both() -> None:
    found = dimensions(120)
    pairs = zip(found["block"].values, found["depth"].values, strict=True)
    figures = [float((block == "basic") ^ (depth == 2)) for block, depth in pairs]
    shares = {one.name: one.share for one in analysis(list(found.values()), figures).dimensions}
    assert shares["block"] > 0.3
    assert shares["depth"] > 0.3
    assert shares["width"] < 0.2
    assert sum(shares.values()) > 1.1


def test_noise_is_not_explained() -> None:
    rng = random.Random(1)
    assert analysis(list(dimensions().values()), [rng.gauss(0, 1) for _ in range(60)]).explained < 0.1


def test_the_same_trials_give_the_same_figures() -> None:
    found, rng = list(dimensions().values()), random.Random(2)
    figures = [rng.random() for _ in range(60)]
    assert analysis(found, figures) == analysis(found, figures)


@given(st.integers(0, 1000), st.integers(12, 40), st.sampled_from([0.0, 0.3, 2.0]))
@settings(max_examples=25)
def test_every_share_lies_in_its_interval_and_the_interval_in_0_to_1(seed: int, num_trials: int, noise: float) -> None:
    found = [one for one in dimensions(num_trials, seed=seed).values() if len(one.levels) > 1]
    rng = random.Random(seed)
    figures = [value + noise * rng.gauss(0, 1) + 1e-3 * rng.random() for value in map(float, found[0].values)]
    for one in analysis(found, figures).dimensions:
        assert 0.0 <= one.low <= one.share <= one.high <= 1.0 + 1e-9


def test_costs_that_follow_one_dimension_are_ascribed_to_it() -> None:
    found = dimensions()
    shares = exact_shares(list(found.values()), [float(width) for width in found["width"].values])
    assert shares["width"] > 0.95
    assert exact_shares(list(found.values()), [1.0] * 60) == dict.fromkeys(found, 0.0)


def test_lists_are_told_apart_by_length_and_mean_and_equal_columns_are_one() -> None:
    networks = [
        {"depths": depths, "widths": widths, "block": "basic"}
        for depths, widths in (([1, 1], [8, 8]), ([1, 2, 1], [8, 8, 8]), ([2, 2], [8, 16]))
    ]
    found = dimensions_of(networks, ["depths", "widths", "block"])
    assert [one.name for one in found] == ["depths, widths: length", "depths: mean", "widths: mean"]
    assert found[0].values == (2, 3, 2)


def family_of(num_trials: int) -> StudySnapshot:
    rng = random.Random(3)
    records = []
    for number in range(num_trials):
        rate = rng.choice((8, 12, 16, 24))
        fields = {"family": "densenet", "in_channels": 1, "num_classes": 10, "growth_rate": rate}
        accuracy = (960 + rate + rng.randint(0, 2)) / 1000
        records.append(completed(number, accuracy, 1000 * rate, 0.1 * rate, architecture=fields))
    return dataclasses.replace(study(0), records=tuple(records), num_validation=1000)


def test_a_family_with_enough_trials_has_a_table() -> None:
    page = read(render(family_of(30)))
    (table,) = page.all("table", class_="dimensions")
    row = table.all("tr")[1]
    assert row.all("th")[0].text == "growth rate"
    assert row.all("td")[0].text.startswith("100 % (100 % to 100 %)")
    assert row.all("td")[3].text.count("\N{MULTIPLICATION SIGN}") == 4


@pytest.mark.parametrize(("num_trials", "text"), [(11, "Too few trials: 11 COMPLETED trials for 1 dimension, and 12")])
def test_a_family_with_few_trials_says_so(num_trials: int, text: str) -> None:
    page = read(render(family_of(num_trials)))
    assert not page.all("table", class_="dimensions")
    assert text in page.all("section", aria_labelledby="dimensions")[0].text


def test_a_dimension_is_not_named_where_the_trials_do_not_tell() -> None:
    rng = random.Random(5)
    noise = tuple(
        dataclasses.replace(record, accuracy=rng.randint(900, 999) / 1000) for record in family_of(30).records
    )
    text = read(render(dataclasses.replace(family_of(30), records=noise))).all("table", class_="dimensions")[0].text
    assert "they do not tell which dimension matters" in text
    assert "\N{MULTIPLICATION SIGN}" not in text
