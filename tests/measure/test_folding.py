"""Folding changes how many layers run, and nothing that they compute."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from orchestrator.config.runtimes import Runtime
from orchestrator.measure.features import latency_features
from orchestrator.measure.folding import fold_batch_norms
from search_spaces.registry import build_model, get_architecture

PRESETS = ("densenet121", "resnet18", "resnet50", "mobilenet_v2")
SMALL = {
    "densenet": get_architecture("densenet121", block_config=[2, 2], num_classes=10),
    "resnet_basic": get_architecture("resnet18", depths=[1, 1], widths=[16, 32], num_classes=10),
    "resnet_bottleneck": get_architecture("resnet50", depths=[1, 1], widths=[16, 32], num_classes=10),
    "mobilenet": get_architecture("mobilenet_v2", num_classes=10),
}


class Shared(nn.Module):
    """A convolution whose output is read twice, one that runs twice, and one that may be folded."""

    def __init__(self) -> None:
        super().__init__()
        self.branching, self.after_branching = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.repeated, self.after_repeated = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.plain = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        branch_BCHW = self.branching(image_BCHW)
        sum_BCHW = self.after_branching(branch_BCHW) + branch_BCHW
        for _ in range(2):
            sum_BCHW = self.after_repeated(self.repeated(sum_BCHW))
        folded_BCHW: torch.Tensor = self.plain(sum_BCHW)
        return folded_BCHW


def with_statistics(model: nn.Module) -> nn.Module:
    """Batch norms as after training; fresh ones do nothing, and hide every mistake."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    return model.eval()


def num_batch_norms(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@pytest.mark.parametrize("name", SMALL)
def test_logits_of_a_folded_network_agree(name: str) -> None:
    model = with_statistics(build_model(SMALL[name]))
    folded, num_folded = fold_batch_norms(model)
    image_BCHW = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected_BK, logits_BK = model(image_BCHW), folded(image_BCHW)
    assert num_folded > 0
    torch.testing.assert_close(logits_BK, expected_BK, rtol=1e-5, atol=1e-5 * float(expected_BK.abs().max()))


@pytest.mark.parametrize("preset", PRESETS)
def test_the_predictor_counts_the_batch_norms_that_are_left(preset: str) -> None:
    architecture = get_architecture(preset)
    folded, num_folded = fold_batch_norms(build_model(architecture))
    eager, left = (
        latency_features(architecture.layers(224), runtime).get("calls_batch_norm", 0)
        for runtime in (Runtime.EAGER, Runtime.FOLDED)
    )
    assert left == num_batch_norms(folded)
    assert eager == left + num_folded


def test_densenet_keeps_the_norms_that_read_concatenations() -> None:
    folded, num_folded = fold_batch_norms(build_model(get_architecture("densenet121")))
    left = {name for name, module in folded.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert num_folded == 1 + 58  # norm0 of the stem, and norm2 of every layer
    assert {name.rpartition(".")[2] for name in left} == {"norm", "norm1", "norm5"}


def test_only_what_alone_reads_a_convolution_that_runs_once_is_folded() -> None:
    model = with_statistics(Shared())
    folded, num_folded = fold_batch_norms(model)
    image_BCHW = torch.randn(2, 4, 5, 5)
    assert num_folded == 1
    torch.testing.assert_close(folded(image_BCHW), model(image_BCHW))


def test_a_batch_norm_without_running_statistics_is_not_folded() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, track_running_stats=False))
    assert fold_batch_norms(model)[1] == 0


def test_the_network_that_is_given_is_left_as_it_was() -> None:
    model = build_model(get_architecture("resnet18"))
    before = num_batch_norms(model)
    fold_batch_norms(model)
    assert model.training
    assert num_batch_norms(model) == before
