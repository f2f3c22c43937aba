"""Weights from torchvision or a file fit, or say why they don't; offline, the error names the file that is missing."""

from __future__ import annotations

import re
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import URLError

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor

from search_spaces import Architecture, create_model, get_architecture, pretrained
from search_spaces.errors import WeightsError
from search_spaces.layers import ImageClassifier
from search_spaces.pretrained import create_pretrained, load_weights, read_weights

SMALL = get_architecture("resnet20_cifar")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty TORCH_HOME on a machine without a network."""

    def unreachable(*_args: object, **_kwargs: object) -> None:
        raise URLError("Network is unreachable")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setattr("search_spaces.pretrained.urlopen", unreachable)
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    return checkpoints


def weights_of(model: torch.nn.Module) -> dict[str, Tensor]:
    """Weights that are not those of a fresh network."""
    return {name: value + 1 for name, value in model.state_dict().items()}


@pytest.mark.usefixtures("hub")
def test_offline_the_error_names_file_folder_and_variable() -> None:
    with pytest.raises(WeightsError) as refusal:
        create_pretrained("densenet121", "IMAGENET1K_V1")
    assert re.match(r"densenet121-\w+\.pth is not in .*hub.checkpoints and can't be downloaded", refusal.value.message)
    assert "TORCH_HOME" in refusal.value.hint


def test_a_download_that_is_not_what_was_published_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "resnet18-00000000.pth").write_bytes(b"other weights")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(WeightsError, match="can't be downloaded: invalid hash"):
            pretrained._fetched(f"http://127.0.0.1:{server.server_port}/resnet18-00000000.pth")
        server.shutdown()
    assert not list((tmp_path / "home").rglob("*.pth"))


def test_weights_that_are_at_hand_are_taken_and_the_classifier_replaced(hub: Path) -> None:
    published = weights_of(torchvision.models.resnet18())
    torch.save(published, hub / "resnet18-f37072fd.pth")
    whole = create_pretrained("resnet18", "IMAGENET1K_V1").state_dict()
    assert all(torch.equal(whole[name], value) for name, value in published.items())
    model = create_pretrained("resnet18", "IMAGENET1K_V1", num_classes=10, freeze=True)
    assert model.get_classifier().out_features == 10
    assert torch.equal(model.state_dict()["conv1.weight"], published["conv1.weight"])
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert trained == ["fc.weight", "fc.bias"]


def test_densenets_old_names_and_files_without_counters_are_understood(hub: Path) -> None:
    new = weights_of(torchvision.models.densenet121())
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|relu|conv))([12])", r"\1.\2", name): value
        for name, value in new.items()
        if not name.endswith("num_batches_tracked")
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, hub / "densenet121-a639ec97.pth")
    state = create_pretrained("densenet121", "IMAGENET1K_V1", memory_efficient=True).state_dict()
    for name, value in new.items():
        assert name.endswith("num_batches_tracked") or torch.equal(state[name], value), name


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("densenet121", {"growth_rate": 16}, r"fits no network with growth_rate = 16 \(32 in the preset\)"),
        ("densenet121", {"in_channels": 1}, r"fits no network with in_channels = 1 \(3 in the preset\)"),
        ("resnet50", {"stem": "cifar"}, r"fits no network with stem = cifar \(imagenet in the preset\)"),
        ("mobilenet_v2", {"width_mult": 0.5}, r"fits no network with width_mult = 0.5 \(1.0 in the preset\)"),
        ("mobilenet_v3_small", {"num_relu_stages": 0}, r"fits no network with num_relu_stages = 0 \(2 in the preset\)"),
        ("densenet264", {"bn_size": 2}, r"fits no network with block_config = .* in the preset\); bn_size = 2 .*"),
        ("mobilenet", {"num_classes": 7}, r"fits no network with version = v1 \(v2 in the preset\); .* and 2 more"),
        ("resnet18", {}, r"resnet18 has no weights 'IMAGENET1K_V9'"),
    ],
)
def test_weights_that_cannot_fit_are_refused_before_anything_is_fetched(
    name: str, overrides: dict[str, object], message: str
) -> None:
    weights = "IMAGENET1K_V1" if overrides else "IMAGENET1K_V9"
    with pytest.raises(WeightsError, match=message):
        create_pretrained(name, weights, **overrides)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_of_ones_own_is_taken(suffix: str, tmp_path: Path) -> None:
    file, weights = tmp_path / f"weights{suffix}", weights_of(create_model(SMALL))
    if suffix == ".pth":
        torch.save({"epoch": 3, "state_dict": weights}, file)
    else:
        save_file(weights, file)
    model = create_pretrained(SMALL, file)
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


def test_weights_that_do_not_fit_are_refused_before_the_network_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, devices = tmp_path / "weights.pth", list[torch.device]()
    torch.save(create_model(SMALL).state_dict(), file)
    build = pretrained.build_model

    def watched(architecture: Architecture) -> torch.nn.Module:
        devices.append(torch.get_default_device())
        return build(architecture)

    monkeypatch.setattr(pretrained, "build_model", watched)
    with pytest.raises(WeightsError, match="fits no network with growth_rate"):
        create_pretrained("densenet121", "IMAGENET1K_V1", growth_rate=256)
    assert devices == []
    with pytest.raises(WeightsError, match="doesn't fit this densenet") as refusal:
        create_pretrained("densenet121", file)
    assert devices == [torch.device("meta")]
    assert refusal.value.hint.startswith("take weights of this very network")


def test_what_names_no_weights_is_refused_with_what_does() -> None:
    weights: Any
    for weights in (True, None, 1):
        with pytest.raises(WeightsError, match=r"^weights = \w+: give a name such as IMAGENET1K_V1, or a .safetensors"):
            create_pretrained(SMALL, weights)
    with pytest.raises(WeightsError) as refusal:
        create_pretrained("resnet18", "weights.bin")
    assert refusal.value.hint == "a .safetensors or .pth file will do, too; known: IMAGENET1K_V1, DEFAULT"


def test_a_network_that_refuses_weights_is_left_as_it_was(tmp_path: Path) -> None:
    torch.save(create_model(SMALL, depths=(3, 3, 2)).state_dict(), tmp_path / "weights.pth")
    model = create_model(SMALL)
    assert isinstance(model, ImageClassifier)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(WeightsError):
        load_weights(model, tmp_path / "weights.pth", freeze=True)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_file_of_another_network_is_refused_with_what_differs(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    save_file(create_model(SMALL).state_dict(), file)
    model = create_model(SMALL, widths=(8, 32, 64))
    assert isinstance(model, ImageClassifier)
    with pytest.raises(WeightsError) as refusal:
        load_weights(model, file)
    assert f"{file} doesn't fit this resnet: bn1.bias is 16 and must be 8" in refusal.value.message
    with pytest.raises(WeightsError, match=r"layer3\.2\.\S+ is unknown"):
        create_pretrained(SMALL, file, depths=(3, 3, 2))


def test_what_is_no_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        read_weights(tmp_path / "absent.pth")
    for name in ("broken.pth", "broken.safetensors"):
        (tmp_path / name).write_bytes(b"not weights")
        with pytest.raises(WeightsError, match="can't be read as weights"):
            read_weights(tmp_path / name)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="is no state dict"):
        read_weights(tmp_path / "list.pth")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"model": create_model(SMALL)}, tmp_path / "model.pth")
    with pytest.raises(WeightsError, match="can't be read as weights"):
        read_weights(tmp_path / "model.pth")
