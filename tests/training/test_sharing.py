from __future__ import annotations

import pickle
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from PIL import Image
from pyarrow import parquet

from orchestrator.config.settings import DataSettings
from orchestrator.data.dataset import Dataset, load
from orchestrator.training.sharing import PackedDataset

MADE_UP = DataSettings(name="synthetic", image_size=16, num_images=200, num_classes=4)


@pytest.fixture
def synthetic() -> Dataset:
    return load(MADE_UP, seed=0)


@pytest.fixture
def shards(tmp_path: Path) -> DataSettings:
    contents = [BytesIO() for _ in range(40)]
    for index, content in enumerate(contents):
        Image.new("L", (16, 16), index).save(content, "PNG")
    images = [content.getvalue() for content in contents]
    parquet.write_table(pa.table({"image": images, "label": [0, 1] * 20}), tmp_path / "a.parquet", row_group_size=8)
    return DataSettings(name="parquet", path=str(tmp_path), image_size=16)


@pytest.mark.parametrize("originals", [False, True], ids=["in memory", "training images streamed"])
@pytest.mark.parametrize("source", ["made up", "shards"])
def test_a_data_set_is_the_same_in_another_process(source: str, shards: DataSettings, *, originals: bool) -> None:
    dataset = load(MADE_UP if source == "made up" else shards, seed=0, originals=originals)
    shared = pickle.loads(pickle.dumps(PackedDataset.of(dataset))).unpacked()
    assert shared.description() == dataset.description()
    for name in ("train", "validation", "test"):
        ours, theirs = getattr(dataset, name), getattr(shared, name)
        rows_B = torch.arange(len(ours))
        assert torch.equal(ours.images(rows_B), theirs.images(rows_B))
        assert torch.equal(ours.labels_N, theirs.labels_N)
        assert ours.is_streamed == theirs.is_streamed


def test_no_image_is_copied_where_it_is_unpacked(synthetic: Dataset) -> None:
    packed = PackedDataset.of(synthetic)
    images_NCHW = packed.packed["validation"].images_NCHW
    images_NCHW.flags.writeable = False
    unpacked = packed.unpacked().validation.images(torch.arange(1))
    assert torch.equal(unpacked, torch.from_numpy(images_NCHW[:1].copy()))
    assert packed.packed["validation"].unpacked().images_NCHW.data_ptr() == images_NCHW.ctypes.data
