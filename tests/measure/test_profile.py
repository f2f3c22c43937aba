"""A device profile says what it is worth, and is found by the studies that it is for."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from orchestrator.errors import BadInputError
from orchestrator.measure.conditions import Setup
from orchestrator.measure.exchange import Figures
from orchestrator.measure.profile import (
    FOLDER,
    NUM_FITTED,
    NUM_HELD_OUT,
    DeviceProfile,
    find_profile,
    fit_profile,
    profiled_networks,
    write_profile,
)
from orchestrator.measure.references import reference_architectures
from search_spaces.registry import get_family
from search_spaces.space import SearchSpace
from tests.measure.figures import latencies
from tests.measure.spaces import DIGITS, default_space

BOARD = Setup(input_shape=(1, 8, 8), device="board")


def figures(noise: float = 0.03, *, space: SearchSpace | None = None) -> Figures:
    fitted, held_out = profiled_networks(space or default_space(), DIGITS)
    networks = (*fitted, *held_out)
    return Figures(networks=tuple(zip(networks, latencies(networks, noise=noise), strict=True)), reference_ms=0.4)


@pytest.fixture(scope="module")
def profile() -> DeviceProfile:
    return fit_profile(figures(), default_space(), DIGITS)


def test_networks_that_are_held_out_are_not_fitted() -> None:
    fitted, held_out = profiled_networks(default_space(), DIGITS)
    assert (len(fitted), len(held_out)) == (NUM_FITTED, NUM_HELD_OUT)
    assert not {one.architecture_id for one in fitted} & {one.architecture_id for one in held_out}


def test_its_errors_are_those_of_the_networks_held_out(profile: DeviceProfile) -> None:
    _, held_out = profiled_networks(default_space(), DIGITS)
    measured = {one.architecture_id: latency.median_ms for one, latency in figures().networks}
    errors = [abs(measured[one.architecture_id] / profile.predictor.predict_ms(one, 8) - 1) for one in held_out]
    assert profile.predictor.mean_error == pytest.approx(sum(errors) / len(errors))
    assert profile.num_held_out == NUM_HELD_OUT
    assert profile.predictor.num_references == NUM_FITTED
    assert profile.is_good


def test_noise_beyond_the_goals_is_no_good_profile() -> None:
    assert not fit_profile(figures(noise=0.6), default_space(), DIGITS).is_good


def test_it_is_the_same_after_a_round_trip_through_json(profile: DeviceProfile) -> None:
    assert DeviceProfile.from_dict(json.loads(json.dumps(profile.to_dict()))) == profile


def test_a_study_finds_the_newest_profile_of_its_device(tmp_path: Path, profile: DeviceProfile) -> None:
    networks = reference_architectures(default_space(), DIGITS, seed=3)
    renewed = dataclasses.replace(profile.conditions, torch_version="2.16.0")
    newer = dataclasses.replace(
        profile,
        created_at="2199-01-01T00:00:00+00:00",
        predictor=dataclasses.replace(profile.predictor, conditions=renewed),
    )
    write_profile(newer, tmp_path)
    assert write_profile(profile, tmp_path).parent == tmp_path / FOLDER
    assert find_profile(tmp_path, BOARD, networks) == newer
    assert find_profile(tmp_path, dataclasses.replace(BOARD, device="phone"), networks) is None
    assert find_profile(tmp_path, Setup(input_shape=(1, 8, 8)), networks) is None


def test_a_profile_that_lacks_an_operation_of_the_space_is_not_taken(tmp_path: Path) -> None:
    """What was never measured would be predicted to cost nothing."""
    resnets = SearchSpace(families=(get_family("resnet").default_space(DIGITS),))
    write_profile(fit_profile(figures(space=resnets), resnets, DIGITS), tmp_path)
    assert find_profile(tmp_path, BOARD, reference_architectures(resnets, DIGITS, seed=3)) is not None
    assert find_profile(tmp_path, BOARD, reference_architectures(default_space(), DIGITS, seed=3)) is None


def test_profiles_of_spaces_with_other_operations_lie_side_by_side(tmp_path: Path, profile: DeviceProfile) -> None:
    resnets = SearchSpace(families=(get_family("resnet").default_space(DIGITS),))
    write_profile(profile, tmp_path)
    write_profile(fit_profile(figures(space=resnets), resnets, DIGITS), tmp_path)
    write_profile(profile, tmp_path)
    assert find_profile(tmp_path, BOARD, reference_architectures(default_space(), DIGITS, seed=3)) == profile
    assert len(list((tmp_path / FOLDER).iterdir())) == 2


def test_a_broken_file_is_no_profile(tmp_path: Path, profile: DeviceProfile) -> None:
    write_profile(profile, tmp_path)
    (tmp_path / FOLDER / "broken.json").write_text("{")
    assert find_profile(tmp_path, BOARD, []) == profile


def test_too_few_figures_make_no_profile() -> None:
    few = Figures(networks=figures().networks[:2], reference_ms=0.4)
    with pytest.raises(BadInputError, match="2 of the networks"):
        fit_profile(few, default_space(), DIGITS)


def test_figures_of_other_images_make_no_profile() -> None:
    task = dataclasses.replace(DIGITS, image_size=16)
    with pytest.raises(BadInputError, match=r"images \(1, 8, 8\)"):
        fit_profile(figures(), default_space(task), task)
