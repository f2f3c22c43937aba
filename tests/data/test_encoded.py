"""Decoded once or each time: the same images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from orchestrator.config.settings import CorruptPolicy, DataSettings
from orchestrator.data import dataset as dataset_module
from orchestrator.data.dataset import Dataset, load
from orchestrator.errors import BadInputError


class TopLeft:
    """A crop of each image that depends on its size and its place in the batch."""

    def __init__(self, index: int = 0) -> None:
        self._index = index

    def __getitem__(self, index: int) -> "TopLeft":
        return TopLeft(index)

    def box(self, height: int, width: int) -> tuple[int, int, int, int]:
        return self._index % 2, 0, height // 2, width - 1


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Of many sizes and both orientations."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for index in range(30):
            height, width = rng.integers(5, 60, 2)
            pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{index:02d}.{'jpg' if index % 2 else 'png'}")
    return tmp_path


def streamed(settings: DataSettings) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset_module, "available_bytes", lambda: 0)
        return load(settings, seed=0)


@pytest.mark.parametrize("name", ["folder", "digits", "synthetic"])
def test_streamed_images_are_the_decoded_ones(name: str, photos: Path) -> None:
    settings = DataSettings(name=name, path=str(photos), image_size=16, num_images=60)
    decoded, encoded = load(settings, seed=0), streamed(settings)
    assert encoded.train.is_streamed
    assert not decoded.train.is_streamed
    assert encoded.description() == decoded.description()
    for split in ("train", "validation", "test"):
        one, other = getattr(decoded, split), getattr(encoded, split)
        rows_B = torch.randperm(len(one), generator=torch.Generator().manual_seed(0))
        assert torch.equal(one.labels_N, other.labels_N)
        assert torch.equal(one.images(rows_B), other.images(rows_B))


def test_photos_of_different_sizes_become_one_batch(photos: Path) -> None:
    dataset = load(DataSettings(name="folder", path=str(photos), image_size=16, center_crop=0.875), seed=0)
    assert dataset.train.images(torch.arange(4)).shape == (4, 3, 16, 16)
    assert dataset.description()["center_crop"] == 0.875


@pytest.mark.parametrize("name", ["folder", "digits"])
def test_originals_are_cropped_and_the_other_splits_stay_decoded(name: str, photos: Path) -> None:
    settings = DataSettings(name=name, path=str(photos), image_size=16)
    dataset = load(settings, seed=0, originals=True)
    rows_B = torch.tensor([3, 1, 8])
    crops_BCHW = dataset.train.crops(rows_B, TopLeft())
    assert crops_BCHW.shape == dataset.train.images(rows_B).shape
    assert not torch.equal(crops_BCHW, dataset.train.images(rows_B))
    assert torch.equal(crops_BCHW[0], dataset.train.crops(torch.tensor([3, 3]), TopLeft())[0])
    assert not dataset.validation.is_streamed
    assert dataset.fingerprint == load(settings, seed=0).fingerprint


def test_decoded_images_have_no_crops() -> None:
    with pytest.raises(ValueError, match="originals=True"):
        load(DataSettings(), seed=0).train.crops(torch.tensor([0]), TopLeft())


def test_images_are_decoded_in_inference_mode_as_outside(photos: Path) -> None:
    split = streamed(DataSettings(name="folder", path=str(photos), image_size=16)).train
    with torch.inference_mode():
        inside = split.images(torch.arange(20))
    assert torch.equal(inside, split.images(torch.arange(20)))


def test_a_corrupt_image_stops_a_stream_unless_it_is_skipped(photos: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = DataSettings(name="folder", path=str(photos), image_size=16)
    split = streamed(settings).train
    row = int((split.labels_N == 1).nonzero()[0])
    path = Path(split.source.name(int(split.indices_N[row])))
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(BadInputError, match=f"{path.name}: can't be decoded"):
        split.images(torch.tensor([row]))
    skipping = streamed(DataSettings(name="folder", path=str(photos), image_size=16, on_corrupt=CorruptPolicy.SKIP))
    images_BCHW = skipping.train.images(torch.tensor([row, row + 1]))
    assert torch.equal(images_BCHW[0], images_BCHW[1])
    assert "another image of its class is taken" in caplog.text


def test_a_class_of_which_nothing_can_be_streamed_is_refused(photos: Path) -> None:
    split = streamed(
        DataSettings(name="folder", path=str(photos), image_size=16, on_corrupt=CorruptPolicy.SKIP)
    ).validation
    for index in split.indices_N[split.labels_N == 0].tolist():
        Path(split.source.name(index)).write_bytes(b"")
    row = int((split.labels_N == 0).nonzero()[0])
    with pytest.raises(BadInputError, match="can't be decoded"):
        split.images(torch.tensor([row]))
