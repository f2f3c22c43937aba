"""What the tests of the families share: small tasks, sampled architectures, networks that weigh nothing."""

from __future__ import annotations

import random
from collections.abc import Callable
from unittest.mock import patch

import pytest
import torch
from torch import nn

from search_spaces import Architecture, SearchSpace, Task, get_family, registry
from search_spaces.layers import ImageClassifier

TASKS = {
    "digits": Task(in_channels=1, num_classes=10, image_size=8),
    "cifar": Task(in_channels=3, num_classes=10, image_size=32),
    "imagenet": Task(in_channels=3, num_classes=1000, image_size=224),
}


@pytest.fixture(params=TASKS)
def task(request: pytest.FixtureRequest) -> Task:
    """Each kind of task that a default space is made for."""
    return TASKS[request.param]


@pytest.fixture
def digits() -> Task:
    return TASKS["digits"]


@pytest.fixture(scope="session")
def sample() -> Callable[[str, Task, int], list[Architecture]]:
    """Architectures drawn from a family's default space, always the same ones."""

    def draw(family: str, task: Task, count: int) -> list[Architecture]:
        space = SearchSpace(families=(get_family(family).default_space(task),))
        rng = random.Random(0)
        return [registry.architecture(space.sample(rng), task) for _ in range(count)]

    return draw


@pytest.fixture(scope="session")
def build_on_meta() -> Callable[[Architecture], ImageClassifier]:
    """Builds a network of shapes without numbers: real layers, no memory, no arithmetic."""

    # Initialising shapes without numbers takes ten times as long as building them.
    fillers = ("kaiming_uniform_", "kaiming_normal_", "uniform_", "normal_", "ones_", "zeros_")
    unfilled = dict.fromkeys(fillers, lambda tensor, *_args, **_kwargs: tensor)

    def build(architecture: Architecture) -> ImageClassifier:
        with patch.multiple(nn.init, **unfilled), torch.device("meta"):
            model = registry.build_model(architecture)
        assert isinstance(model, ImageClassifier)
        return model

    return build


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgets the families that a test registers."""
    monkeypatch.setattr(registry, "_families", dict(registry._families))
