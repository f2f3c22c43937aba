import pytest
import torch
from torch import nn

from orchestrator.training.statistics import recompute_statistics


def test_statistics_are_the_plain_mean_over_the_inputs() -> None:
    norm = nn.BatchNorm2d(2, momentum=0.3)
    norm.running_mean.fill_(77)  # type: ignore[union-attr]
    inputs = list(torch.randn(3, 8, 2, 4, 4, generator=torch.Generator().manual_seed(0)))
    recompute_statistics(norm, inputs)
    means = torch.stack([one.mean((0, 2, 3)) for one in inputs])
    variances = torch.stack([one.transpose(0, 1).flatten(1).var(1) for one in inputs])
    torch.testing.assert_close(norm.running_mean, means.mean(0))
    torch.testing.assert_close(norm.running_var, variances.mean(0))
    assert norm.momentum == 0.3


def test_a_norm_that_keeps_its_statistics_in_training_keeps_them_here() -> None:
    model = nn.Sequential(nn.BatchNorm2d(1), nn.BatchNorm2d(1)).train()
    model[0].eval()
    recompute_statistics(model, [torch.full((4, 1, 2, 2), 3.0)])
    assert model[0].running_mean.tolist() == [0.0]
    assert model[1].running_mean.tolist() == pytest.approx([3.0], abs=1e-4)
    assert not model[0].training


def test_dropout_is_off_meanwhile() -> None:
    model = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm2d(1))
    recompute_statistics(model, [torch.ones(4, 1, 2, 2)])
    assert model[1].running_mean.tolist() == [1]
