"""What an architecture is and costs is known without loading a framework; the public names are the listed ones."""

from __future__ import annotations

import subprocess
import sys

import pytest

import search_spaces

WITHOUT_TORCH = """
import random, sys
import search_spaces
from search_spaces import SearchSpace, Task, get_architecture, get_family, list_families, list_models, registry
for name in list_models():
    search_spaces.summarize(get_architecture(name), image_size=64)
for name in list_families():
    task = Task(image_size=32)
    space = SearchSpace(families=(get_family(name).default_space(task),))
    registry.architecture(space.sample(random.Random(0)), task)
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(loaded & {"torch", "torchvision", "numpy", "ray", "optuna", "mlflow"}))
"""


def test_costs_and_spaces_load_no_framework() -> None:
    run = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("name", search_spaces.__all__)
def test_every_public_name_exists(name: str) -> None:
    assert hasattr(search_spaces, name)


def test_an_unknown_name_is_no_attribute() -> None:
    assert not hasattr(search_spaces, "pretrained_model")


def test_public_names_are_sorted() -> None:
    assert search_spaces.__all__ == sorted(search_spaces.__all__)
