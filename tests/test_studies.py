"""Every shipped study loads without a warning, whether or not its data are here."""

from __future__ import annotations

import random

import pytest

from orchestrator import studies
from orchestrator.config.loading import load
from orchestrator.config.settings import DataSettings, ScheduleName, SchedulerName, SearchConfig
from orchestrator.data.catalog import FOLDER, DataSummary, inspect
from orchestrator.data.splits import SplitCounts
from search_spaces.architecture import Task
from search_spaces.registry import architecture, costs, get_architecture

NAMES = ("cifar10", "cifar10-ddp", "cifar10-paper", "digits", "imagenet")


def inspected(data: DataSettings) -> DataSummary:
    """As the catalogue, but for the folder of ImageNet, of whose 1,281,167 training images it takes 1,281 a class."""
    if data.name != FOLDER:
        return inspect(data)
    task = Task(in_channels=3, num_classes=1000, image_size=data.image_size)
    counts = SplitCounts(train=1255, validation=26, test=50)
    names = tuple(map(str, range(1000)))
    return DataSummary(task=task, class_names=names, own_splits=("test",), counts=(counts,) * 1000)


def config_of(name: str) -> SearchConfig:
    loaded = load(name, inspect=inspected, shipped={name: studies.read(name)})
    assert loaded.warnings == ()
    return loaded.config


def test_these_studies_are_shipped() -> None:
    assert studies.names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_loads_without_a_warning_under_its_own_name(name: str) -> None:
    assert config_of(name).study.name == name


@pytest.mark.parametrize("name", NAMES)
def test_a_tenth_of_its_space_at_least_meets_its_constraints(name: str) -> None:
    config = config_of(name)
    limits = {limit.name: limit.bound for limit in config.constraints}
    rng = random.Random(0)
    points = [config.space.sample(rng) for _ in range(200)]
    num_parameters = costs(points, config.task).num_parameters_N
    assert (num_parameters <= limits.get("num_parameters", float("inf"))).mean() >= 0.1


@pytest.mark.parametrize("name", [name for name in NAMES if name != "digits"])
def test_it_says_what_to_expect_and_that_it_was_not_run(name: str) -> None:
    text = studies.read(name)
    assert "What to expect" in text
    assert "not run for this file" in text or "None of them was run for this file" in text


def test_the_papers_recipe_steps_down_and_compares_nothing_at_rungs() -> None:
    config = config_of("cifar10-paper")
    recipe = config.recipe
    assert config.study.scheduler is SchedulerName.NONE
    assert (recipe.schedule, recipe.milestones, recipe.step_factor) == (ScheduleName.STEPS, (0.5, 0.75), 0.1)
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate, recipe.weight_decay) == (300, 64, 0.1, 1e-4)


@pytest.mark.parametrize("preset", ["densenet_bc100_k12_cifar", "densenet_bc250_k24_cifar", "densenet_bc190_k40_cifar"])
def test_the_papers_networks_are_points_of_its_space(preset: str) -> None:
    config = config_of("cifar10-paper")
    found = {architecture(point, config.task).architecture_id for point in config.space.points()}
    assert get_architecture(preset).architecture_id in found


def test_trials_of_the_distributed_studies_have_several_workers() -> None:
    assert config_of("cifar10-ddp").resources.workers_per_trial >= 2
    assert config_of("imagenet").resources.workers_per_trial >= 2
