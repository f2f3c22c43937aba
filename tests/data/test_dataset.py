import pytest
import torch
from PIL import Image

from orchestrator.config.settings import DataSettings
from orchestrator.data.dataset import load
from orchestrator.errors import BadInputError
from tests.data.conftest import MakeFolder


def test_mean_and_deviation_are_of_the_training_split_alone() -> None:
    dataset = load(DataSettings(), seed=5)
    pixels = dataset.train.images_NCHW.double() / 255
    assert dataset.mean == pytest.approx([pixels.mean().item()], rel=1e-12)
    assert dataset.std == pytest.approx([pixels.std(correction=0).item()], rel=1e-9)
    everything = torch.cat([split.images_NCHW for split in (dataset.train, dataset.validation, dataset.test)])
    assert dataset.mean[0] != pytest.approx((everything.double() / 255).mean().item(), rel=1e-6)


def test_a_normalised_training_split_has_mean_0_and_deviation_1() -> None:
    dataset = load(DataSettings(), seed=0)
    input_NCHW = dataset.normalised(dataset.train.images_NCHW)
    assert input_NCHW.dtype is torch.float32
    assert input_NCHW.mean().item() == pytest.approx(0, abs=1e-5)
    assert input_NCHW.std().item() == pytest.approx(1, abs=1e-3)


def test_normalised_images_have_their_channels_last_even_if_there_is_only_one() -> None:
    dataset = load(DataSettings(), seed=0)
    assert dataset.normalised(dataset.train.images_NCHW[:5]).stride() == (64, 1, 8, 1)


def test_channels_are_normalised_each_by_its_own(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 5, "dog": 5})
    for index, path in enumerate(sorted(root.rglob("*.png"))):
        Image.new("RGB", (8, 8), (index, 100 + 10 * index, 200)).save(path)
    dataset = load(DataSettings(name="folder", path=str(root), image_size=8), seed=0)
    input_NCHW = dataset.normalised(dataset.train.images_NCHW)
    assert torch.allclose(input_NCHW[:, 0], input_NCHW[:, 1], atol=1e-4)
    assert input_NCHW[:, 2].abs().max().item() < 1e-4  # constant: no division by a deviation of 0


def test_the_fingerprint_tells_data_and_splits_apart(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 9, "dog": 9})
    settings = DataSettings(name="folder", path=str(root), image_size=8)
    fingerprint = load(settings, seed=0).fingerprint
    assert load(settings, seed=0).fingerprint == fingerprint
    assert load(settings, seed=1).fingerprint != fingerprint
    Image.new("L", (8, 8), 200).save(root / "cat" / "000.png")
    changed = load(settings, seed=0).fingerprint
    assert changed != fingerprint
    (root / "dog").rename(root / "wolf")
    assert load(settings, seed=0).fingerprint not in (changed, fingerprint)


def test_loading_refuses_what_inspecting_refuses(make_folder: MakeFolder) -> None:
    with pytest.raises(BadInputError, match="leaves none for validation"):
        load(DataSettings(name="folder", path=str(make_folder({"cat": 9, "dog": 2}))), seed=0)
    with pytest.raises(BadInputError, match="no data set"):
        load(DataSettings(name="mnits"), seed=0)


def test_validation_images_that_are_trained_on_are_not_taken_for_skipped_ones() -> None:
    joined, searched = load(DataSettings(), seed=0, joins_validation=True), load(DataSettings(), seed=0)
    assert len(joined.train) == len(searched.train) + len(searched.validation)
    assert (joined.num_skipped, searched.num_skipped) == (0, 0)
