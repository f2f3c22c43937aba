"""Rules between the settings of ``[resources]``, and between them and the study."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.loading import Loaded, load
from orchestrator.data.catalog import inspect
from orchestrator.errors import ConfigError


def loaded(folder: Path, *lines: str) -> Loaded:
    study = folder / "study.toml"
    study.write_text("\n".join(("[resources]", *lines)))
    return load(study, inspect=inspect)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("autoscale = true",), "resources.autoscale = true: needs max_concurrent_trials"),
        (("gpus_per_worker = 1.5",), "resources.gpus_per_worker = 1.5: must be whole, or a fraction of one GPU"),
        (("workers_per_trial = 2", "gpus_per_worker = 0.5"), "workers that train as one .2 a trial. take whole GPUs"),
        (("workers_per_trial = 2", "min_workers_per_trial = 3"), "is more than workers_per_trial = 2"),
        (
            (
                "workers_per_trial = 2",
                "min_workers_per_trial = 1",
                "max_concurrent_trials = 1",
                "[study]",
                "reproducible = true",
            ),
            "lets the number of workers change",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        loaded(tmp_path, *lines)


def test_fewer_workers_than_one_have_no_effect_and_warn(tmp_path: Path) -> None:
    warnings = loaded(tmp_path, "min_workers_per_trial = 1").warnings
    assert any("min_workers_per_trial = 1: has no effect without a group" in line for line in warnings)


@pytest.mark.parametrize("gpus", ["0", "0.25", "1", "8"])
def test_parts_of_one_gpu_and_whole_gpus_pass(tmp_path: Path, gpus: str) -> None:
    assert loaded(tmp_path, f"gpus_per_worker = {gpus}").config.resources.gpus_per_worker == float(gpus)
