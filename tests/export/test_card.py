"""The card says what a reader of the folder must know."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.export.card import model_card, wilson_interval
from tests.export.studies import DATASET, TrainedTrial, trained_trial


@pytest.fixture
def trained(tmp_path: Path) -> TrainedTrial:
    return trained_trial(tmp_path)


@given(num_right=st.integers(0, 1000), num_wrong=st.integers(0, 1000))
def test_the_interval_holds_the_share_and_stays_between_0_and_1(num_right: int, num_wrong: int) -> None:
    if num_images := num_right + num_wrong:
        low, high = wilson_interval(num_right / num_images, num_images)
        assert 0.0 <= low <= num_right / num_images + 1e-12
        assert num_right / num_images - 1e-12 <= high <= 1.0


def test_the_interval_is_that_of_the_literature() -> None:
    # Newcombe 1998, table I: 81 of 263.
    assert wilson_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_figures_stand_with_intervals_and_conditions(trained: TrainedTrial) -> None:
    card = model_card(trained.snapshot, trained.record, DATASET, folder_name="best", has_onnx=True)
    assert "| test accuracy | 0.9800 (95 % interval 0.9597 to 0.9902, 360 images) |" in card
    assert "1.25 ms (95 % interval 1.23 to 1.28, 120 repetitions); cpu: simulated, 1 thread, 1x1x8x8" in card
    assert f"{trained.record.num_parameters:,}" in card
    assert "model.onnx" in card


def test_what_was_not_measured_is_said(trained: TrainedTrial) -> None:
    record = dataclasses.replace(trained.record, latency=None, test_accuracy=None)
    card = model_card(trained.snapshot, record, DATASET, folder_name="best", has_onnx=False)
    assert "| latency | 1.3 ms, predicted |" in card
    assert "| test accuracy | not scored |" in card
    assert "model.onnx" not in card


def test_the_card_says_data_seed_recipe_and_how_to_load(trained: TrainedTrial) -> None:
    card = model_card(trained.snapshot, trained.record, DATASET, folder_name="best", has_onnx=False)
    for text in ("| name | digits |", "| seed of the study | 7 |", "| epochs | 12 |", 'load_model("best")', "Licence"):
        assert text in card
