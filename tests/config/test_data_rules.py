"""Settings of [data] and of the recipe that is used on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from orchestrator import studies
from orchestrator.config.identity import completed, differences, from_frozen, frozen_settings
from orchestrator.config.loading import Loaded, load
from orchestrator.data.catalog import inspect
from orchestrator.errors import ConfigError

Read = Callable[[str], Loaded]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(text: str) -> Loaded:
        path = tmp_path / "study.toml"
        path.write_text(text)
        return load(path, inspect=inspect)

    return read


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[data]\nname = "digits"\npath = "x"', "data.path: has no effect on the digits"),
        ('[data]\nname = "digits"\ncenter_crop = 0.5', "data.center_crop: has no effect on the digits"),
        (
            '[data]\nname = "cifar10"\ntest_share = 0.1',
            "data.test_share: has no effect: the data come with a test split",
        ),
        ('[data]\nname = "cifar10"\non_corrupt = "skip"', 'data.on_corrupt: has no effect on name = "cifar10"'),
        ('[data]\nname = "cifar10"\nnum_images = 100', "data.num_images: has no effect"),
        ('[data]\nname = "synthetic"\npath = "x"', "data.path: has no effect on synthetic images"),
        ('[data]\nname = "mnist"\n[recipe]\nflip = true', "a mirrored digit is no digit"),
        (
            '[data]\nname = "svhn"\n[recipe]\nmax_shift = 2\nmin_crop_area = 0.1',
            "recipe.max_shift = 2: moves images that",
        ),
        ("[recipe]\nmilestones = [0.4]", 'recipe.milestones: has no effect on schedule = "stable-decay"'),
        ('[recipe]\nschedule = "steps"\ndecay_share = 0.1', 'recipe.decay_share: has no effect on schedule = "steps"'),
    ],
)
def test_a_setting_without_effect_is_said(read: Read, text: str, words: str) -> None:
    (warning,) = read(text).warnings
    assert words in warning


def test_settings_that_have_an_effect_are_no_matter_of_warning(read: Read) -> None:
    assert not read('[data]\nname = "cifar10"\npath = "x"\nimage_size = 64\ncenter_crop = 0.9').warnings
    assert not read('[data]\nname = "synthetic"\nnum_images = 1000\nnum_classes = 5\nimage_size = 64').warnings
    assert not read('[data]\nname = "cifar10"\nvalidation_share = 0.9').warnings


def test_a_share_has_no_effect_on_a_folder_with_that_split(read: Read, tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        for name in ("a", "b"):
            (tmp_path / "images" / split / name).mkdir(parents=True)
            for index in range(5):
                Image.new("L", (8, 8)).save(tmp_path / "images" / split / name / f"{index}.png")
    text = f'[data]\nname = "folder"\npath = "{tmp_path}/images"\nvalidation_share = 0.3\n[recipe]\nbatch_size = 2'
    (warning,) = read(text).warnings
    assert "data.validation_share: has no effect: the data come with a validation split" in warning


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[data]\ncenter_crop = 0.0", "data.center_crop = 0.0: must be above 0"),
        ("[data]\ncenter_crop = 1.5", "data.center_crop = 1.5: must be at most 1"),
        ('[data]\non_corrupt = "ignore"', 'must be one of "refuse", "skip"'),
        ('[data]\nname = "synthetic"\nnum_images = 20\nnum_classes = 30', "is less than one image for each of"),
        ('[data]\nname = "synthetic"\nnum_images = 20\nnum_classes = 10', "leaves none for validation"),
        (
            '[data]\nname = "synthetic"\nnum_images = 100\n[recipe]\nbatch_size = 64',
            "larger than the 60 training images",
        ),
        ("[recipe]\ncutout = 9", "recipe.cutout = 9: is larger than the images of 8 pixels"),
        ('[recipe]\nschedule = "steps"\nmilestones = [0.7, 0.5]', "must ascend"),
        ('[data]\nname = "cifar"', 'did you mean "cifar10'),
    ],
)
def test_what_cannot_be_is_refused(read: Read, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert words in caught.value.message


def test_a_study_of_before_these_settings_is_the_same_study() -> None:
    config = load("digits", inspect=inspect, shipped={"digits": studies.read("digits")}).config
    new = frozen_settings(config)
    old = {**new, "data": dict(new["data"]), "recipe": dict(new["recipe"])}
    for name in ("center_crop", "on_corrupt", "num_images", "num_classes"):
        del old["data"][name]
    for name in ("cutout", "min_crop_area"):
        del old["recipe"][name]
    assert differences(old, new) == []
    assert from_frozen(old, name="digits").data == config.data
    assert completed(old)["data"] == new["data"]
    cropped = dataclasses.replace(config, data=dataclasses.replace(config.data, center_crop=0.5))
    assert differences(old, frozen_settings(cropped)) == ["data.center_crop: 1.0 -> 0.5"]
