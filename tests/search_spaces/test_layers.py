"""The surface that every network has, and recomputation that changes nothing but memory."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from search_spaces import Architecture, create_model
from search_spaces.densenet.architecture import DenseNetArchitecture
from search_spaces.errors import ArchitectureError
from search_spaces.layers import ImageClassifier, batch_norms
from search_spaces.mobilenet.architecture import MobileNetArchitecture
from search_spaces.resnet.architecture import ResNetArchitecture

_DENSE = DenseNetArchitecture(
    num_classes=10, growth_rate=4, block_config=(2, 3), num_init_features=8, stem="cifar", bn_size=2
)
_RESIDUAL = ResNetArchitecture(num_classes=10, depths=(1, 2), widths=(8, 16), stem="cifar")
_MOBILE = MobileNetArchitecture(
    num_classes=10,
    stem_width=8,
    depths=(1, 2),
    widths=(8, 16),
    strides=(1, 2),
    last_width=32,
    drop_rate=0.0,
    stem="cifar",
    squeeze_excite=True,
)
NETWORKS = {
    "densenet": _DENSE,
    "densenet without bottleneck": _DENSE.replace(bn_size=0),
    "densenet with the large stem": _DENSE.replace(stem="imagenet"),
    "densenet with dropout": _DENSE.replace(drop_rate=0.5),
    "resnet basic": _RESIDUAL,
    "resnet bottleneck": _RESIDUAL.replace(block="bottleneck", groups=2),
    "resnet padding": _RESIDUAL.replace(shortcut="padding"),
    "mobilenet v1": _MOBILE.replace(version="v1"),
    "mobilenet v2": _MOBILE,
    "mobilenet v3": _MOBILE.replace(version="v3", num_relu_stages=1),
}

networks = pytest.mark.parametrize("architecture", NETWORKS.values(), ids=NETWORKS.keys())


def build(architecture: Architecture) -> ImageClassifier:
    torch.manual_seed(0)
    model = create_model(architecture)
    assert isinstance(model, ImageClassifier)
    return model


@pytest.fixture
def images() -> Tensor:
    return torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@networks
def test_recomputation_changes_no_output_gradient_or_statistic(architecture: Architecture, images: Tensor) -> None:
    plain = build(architecture)
    lean = copy.deepcopy(plain)
    lean.set_grad_checkpointing(True)
    for _ in range(2):
        logits = [train_step(model, images) for model in (plain, lean)]
        assert torch.equal(*logits)
    for (name, one), (_, other) in zip(plain.named_parameters(), lean.named_parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        assert torch.equal(one.grad, other.grad), name
    for (name, one), (_, other) in zip(plain.state_dict().items(), lean.state_dict().items(), strict=True):
        assert torch.equal(one, other), name


@networks
def test_recomputation_keeps_less_for_the_backward_pass(architecture: Architecture, images: Tensor) -> None:
    plain, lean = build(architecture).train(), build(architecture).train()
    lean.set_grad_checkpointing(True)
    assert kept_bytes(lean, images) < kept_bytes(plain, images)
    lean.set_grad_checkpointing(False)
    assert kept_bytes(lean, images) == kept_bytes(plain, images)


@networks
def test_recomputation_leaves_evaluation_as_it_is(architecture: Architecture, images: Tensor) -> None:
    model = build(architecture).eval()
    with torch.inference_mode():
        before = model(images)
        model.set_grad_checkpointing(True)
        assert torch.equal(model(images), before)


def test_memory_efficient_densenet_is_recomputation(images: Tensor) -> None:
    asked, switched = build(_DENSE.replace(memory_efficient=True)).train(), build(_DENSE).train()
    switched.set_grad_checkpointing(True)
    assert kept_bytes(asked, images) == kept_bytes(switched, images)


@networks
def test_logits_are_the_classifier_after_the_features(architecture: Architecture, images: Tensor) -> None:
    model = build(architecture).eval()
    with torch.inference_mode():
        features_BCHW = model.forward_features(images)
        assert features_BCHW.shape[:2] == (4, model.num_features)
        assert torch.equal(model.forward_head(features_BCHW), model(images))
    assert model.get_classifier().out_features == 10


@networks
def test_another_number_of_classes_leaves_everything_else(architecture: Architecture, images: Tensor) -> None:
    model = build(architecture).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.reset_classifier(3)
    assert model(images).shape == (4, 3)
    assert model.architecture == architecture.replace(num_classes=3)
    assert model.architecture.num_parameters == sum(parameter.numel() for parameter in model.parameters())
    for name, value in model.state_dict().items():
        if not name.startswith(model.classifier_name):
            assert torch.equal(value, before[name]), name


def test_a_classifier_without_classes_is_refused_and_nothing_changes() -> None:
    model = build(_DENSE)
    with pytest.raises(ArchitectureError, match="num_classes = 0"):
        model.reset_classifier(0)
    assert model.get_classifier().out_features == 10


@networks
def test_frozen_features_stay_what_they_are(architecture: Architecture, images: Tensor) -> None:
    model = build(architecture)
    model.freeze_features()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train_step(model, images)
    optimizer.step()
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {f"{model.classifier_name}.weight", f"{model.classifier_name}.bias"}
    assert model.training
    assert not any(norm.training for norm in batch_norms(model))


def test_the_padded_shortcut_is_every_other_pixel_and_empty_channels(images: Tensor) -> None:
    model = build(_RESIDUAL.replace(shortcut="padding"))
    shortcut = model.get_submodule("layer2.0.downsample")
    features_BCHW = torch.randn(2, 8, 6, 6)
    shortened_BCHW = shortcut(features_BCHW)
    assert torch.equal(shortened_BCHW[:, :8], features_BCHW[:, :, ::2, ::2])
    assert not shortened_BCHW[:, 8:].any()
    assert not list(shortcut.parameters())


def train_step(model: nn.Module, images: Tensor) -> Tensor:
    """Adds the gradients of one batch; the same dropout every time."""
    torch.manual_seed(1)
    logits_BK: Tensor = model.train()(images)
    functional.cross_entropy(logits_BK, torch.arange(len(images))).backward()
    return logits_BK.detach()


def kept_bytes(model: nn.Module, images: Tensor) -> int:
    """Bytes that autograd, or a recomputation, holds between the two passes."""
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        logits_BK = model(images)
    assert logits_BK.requires_grad
    return sum(storages.values())
