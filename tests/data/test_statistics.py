import pytest
import torch

from orchestrator.data import statistics
from orchestrator.data.decoding import Resize
from orchestrator.data.split import TensorSplit
from orchestrator.data.statistics import channel_statistics

RESIZE = Resize(in_channels=3, image_size=8)


def split_of(num_images: int) -> TensorSplit:
    generator = torch.Generator().manual_seed(0)
    images_NCHW = torch.randint(0, 256, (num_images, 3, 8, 8), generator=generator, dtype=torch.uint8)
    images_NCHW[:, 1] = images_NCHW[:, 1] // 2
    return TensorSplit(images_NCHW=images_NCHW, labels_N=torch.zeros(num_images, dtype=torch.int64))


def test_they_are_those_of_all_images() -> None:
    split = split_of(2500)
    mean, std = channel_statistics(split, RESIZE)
    pixels = split.images_NCHW.double() / 255
    assert mean == pytest.approx(pixels.mean((0, 2, 3)).tolist(), rel=1e-12)
    assert std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist(), rel=1e-9)


def test_large_data_are_sampled_close_to_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    split = split_of(6000)
    exact = channel_statistics(split, RESIZE)
    monkeypatch.setattr(statistics, "_MAX_BYTES", 1000)
    sampled = channel_statistics(split, RESIZE)
    assert sampled != exact
    assert sampled == channel_statistics(split, RESIZE)
    for one, other in zip(exact, sampled, strict=True):
        assert one == pytest.approx(other, abs=0.003)
