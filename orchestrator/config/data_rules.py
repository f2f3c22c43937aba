"""Rules of ``[data]``, and between the data and the recipe that they are trained with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from orchestrator.config.problems import Problems
from orchestrator.config.settings import DataSettings, Recipe
from search_spaces.architecture import Task

DIGITS = "digits"

_PUBLISHED = frozenset({"mnist", "fashion-mnist", "cifar10", "cifar100", "svhn"})
_OF_DIGITS = frozenset({DIGITS, "mnist", "svhn"})
_SYNTHETIC = ("num_images", "num_classes")
_NO_EFFECT: Mapping[str, tuple[str, ...]] = {
    DIGITS: ("path", "image_size", "center_crop", "on_corrupt", *_SYNTHETIC),
    "folder": _SYNTHETIC,
    "parquet": _SYNTHETIC,
    "synthetic": ("path", "center_crop", "on_corrupt"),
    **dict.fromkeys(_PUBLISHED, ("on_corrupt", *_SYNTHETIC)),
}
_REASONS: Mapping[str, str] = {
    DIGITS: "has no effect on the digits, which come with scikit-learn",
    "synthetic": "has no effect on synthetic images",
}


class DataSummary(Protocol):
    """What is known of a data set before it is loaded."""

    @property
    def task(self) -> Task: ...
    @property
    def num_train(self) -> int: ...
    @property
    def own_splits(self) -> tuple[str, ...]:
        """The splits, of "validation" and "test", that the data come with."""


def check_data_settings(data: DataSettings, problems: Problems) -> None:
    """Rules that need no look at the data."""
    _check_shares(data, problems)
    _check_path(data, problems)
    if data.name == "synthetic" and data.num_images < data.num_classes and problems.is_clean(("data", "num_images")):
        rule = f"is less than one image for each of num_classes = {data.num_classes:,}"
        problems.add(("data", "num_images"), rule, value=data.num_images)


def check_data_and_recipe(recipe: Recipe, summary: DataSummary, problems: Problems) -> None:
    """Rules between the recipe and the images that it is to work with."""
    side = summary.task.image_size

    def refuse(name: str, rule: str) -> None:
        if problems.is_clean(("recipe", name)):
            problems.add(("recipe", name), rule, value=getattr(recipe, name))

    if recipe.batch_size > summary.num_train:
        refuse("batch_size", f"is larger than the {summary.num_train:,} training images")
    if recipe.max_shift >= side:
        refuse("max_shift", f"moves images of {side} pixels out of sight")
    if recipe.cutout > side:
        refuse("cutout", f"is larger than the images of {side} pixels")


def warn_of_no_effect(data: DataSettings, given: Mapping[str, Any], problems: Problems) -> None:
    """``given`` is what the file says in ``[data]``."""
    for name in _NO_EFFECT.get(data.name, ()):
        if name in given:
            problems.warn(("data", name), _REASONS.get(data.name, f'has no effect on name = "{data.name}"'))


def warn_of_recipe(data: DataSettings, recipe: Recipe, problems: Problems) -> None:
    """Augmentation that is probably not meant."""
    if data.name in _OF_DIGITS and recipe.flip:
        problems.warn(("recipe", "flip"), "a mirrored digit is no digit", value=True)
    if recipe.min_crop_area and recipe.max_shift:
        rule = f"moves images that min_crop_area = {recipe.min_crop_area:g} has cropped at random places already"
        problems.warn(("recipe", "max_shift"), rule, value=recipe.max_shift)


def warn_of_own_splits(given: Mapping[str, Any], summary: DataSummary, problems: Problems) -> None:
    """A share is of no use where the data come with that split."""
    for split in summary.own_splits:
        if f"{split}_share" in given:
            problems.warn(("data", f"{split}_share"), f"has no effect: the data come with a {split} split")


def _check_shares(data: DataSettings, problems: Problems) -> None:
    paths = ("data", "validation_share"), ("data", "test_share")
    total = data.validation_share + data.test_share
    # Published sets come with a test split, and the other share is then of the rest.
    if total >= 1 and data.name not in _PUBLISHED and problems.is_clean(*paths):
        rule = f"leaves nothing to train on: with test_share = {data.test_share:g} it makes {total:g}"
        problems.add(paths[0], rule, value=data.validation_share, hint="their sum must be below 1")


def _check_path(data: DataSettings, problems: Problems) -> None:
    path = ("data", "path")
    if "\0" in data.path:
        problems.add(path, "must not contain a NUL character", value=data.path)
    try:
        Path(data.path).expanduser()
    except RuntimeError:
        problems.add(path, "begins with a user's name that is not known here", value=data.path)
