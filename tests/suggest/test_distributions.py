from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import optuna

from orchestrator.suggest.distributions import distributions, from_params, suggested_point, to_params
from orchestrator.suggest.encoding import encode_axes
from tests.simulation import config_of


def test_a_point_survives_optuna(tmp_path: Path) -> None:
    space = config_of(tmp_path).space
    rng = random.Random(0)
    for point in (space.sample(rng) for _ in range(200)):
        params = to_params(point, space)
        assert from_params(params, space) == point
        assert all(
            distributions(space)[name]._contains(distributions(space)[name].to_internal_repr(value))
            for name, value in params.items()
        )


def test_a_suggested_point_is_a_point_of_the_space(tmp_path: Path) -> None:
    space = config_of(tmp_path).space
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(50):
        trial = study.ask()
        point = suggested_point(trial, space)
        assert to_params(point, space) == trial.params


def test_encoded_axes_tell_points_apart_and_stay_within_one(tmp_path: Path) -> None:
    space = config_of(tmp_path).space
    points = list({str(point): point for point in (space.sample(random.Random(seed)) for seed in range(300))}.values())
    axes = encode_axes(points, space)
    assert axes.min() >= 0.0
    assert axes.max() <= 1.0
    families = [point.family for point in points]
    rows = np.column_stack([np.unique(families, return_inverse=True)[1], axes])
    assert len(np.unique(rows, axis=0)) == len(points)
