from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from orchestrator.config.settings import DataSettings
from orchestrator.data.dataset import Dataset, load
from orchestrator.training.sharing import PackedDataset


@pytest.fixture(params=[False, True], ids=["in memory", "training images streamed"])
def synthetic(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    settings = DataSettings(name="synthetic", image_size=16, num_images=200, num_classes=4)
    return load(settings, seed=0, originals=request.param)


def test_a_data_set_is_the_same_in_another_process(synthetic: Dataset) -> None:
    shared = pickle.loads(pickle.dumps(PackedDataset.of(synthetic))).unpacked()
    assert shared.description() == synthetic.description()
    for name in ("train", "validation", "test"):
        ours, theirs = getattr(synthetic, name), getattr(shared, name)
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
