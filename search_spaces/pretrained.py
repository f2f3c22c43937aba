"""Weights that were trained elsewhere: torchvision's by name, or a file of one's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import torch
from torch import Tensor

from search_spaces.architecture import Architecture
from search_spaces.errors import WeightsError, did_you_mean
from search_spaces.layers import ImageClassifier
from search_spaces.registry import create_model, get_family

_CONNECT_TIMEOUT_S = 10.0
_PUBLISHED_IMAGE_SIZE = 224
_WITHOUT_WEIGHTS = {"num_classes", "drop_rate", "memory_efficient"}
_OLD_DENSENET_KEY = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)")


def create_pretrained(
    source: str | Path | Architecture, weights: str | Path, *, freeze: bool = False, **overrides: Any
) -> ImageClassifier:
    """A network with trained weights: ``create_pretrained("densenet121", "IMAGENET1K_V1", num_classes=10)``.

    Raises:
        ArchitectureError: the network can't be made.
        WeightsError: the weights are not at hand, or don't fit it.
    """
    model = create_model(source, **overrides)
    if not isinstance(model, ImageClassifier):
        raise WeightsError(f"{type(model).__name__} is no ImageClassifier, and takes no pretrained weights")
    load_weights(model, weights, freeze=freeze)
    return model


def load_weights(model: ImageClassifier, weights: str | Path, *, freeze: bool = False) -> None:
    """Puts trained weights into a network.

    The last linear layer keeps its own where the weights have another number of classes.

    Args:
        model: the network, changed in place.
        weights: a name of torchvision's such as ``IMAGENET1K_V1``, or a ``.safetensors`` or ``.pth`` file.
        freeze: train nothing but the last linear layer from here on.

    Raises:
        WeightsError: the weights are not at hand, or don't fit the network.
    """
    if Path(weights).suffix in {".safetensors", ".pth", ".pt"}:
        state = read_weights(Path(weights))
    else:
        state = _torchvision_weights(model.architecture, str(weights))
    _load(model, state, str(weights))
    if freeze:
        model.freeze_features()


def read_weights(file: Path) -> dict[str, Tensor]:
    """The tensors in a file; nothing in it is executed.

    Raises:
        WeightsError: there is no such file, or it holds no weights.
    """
    if not file.is_file():
        raise WeightsError(f"{file}: no such file")
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(f"{file}: can't be read as weights", hint=str(error).partition("\n")[0]) from error
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{file}: is no state dict", hint="save it with torch.save(model.state_dict(), file)")
    return dict(state)


def _load(model: ImageClassifier, state: dict[str, Tensor], source: str) -> None:
    own = model.state_dict()
    classifier = {key for key in own if key.startswith(f"{model.classifier_name}.")}
    if any(key in state and state[key].shape != own[key].shape for key in classifier):
        state = {key: own[key] if key in classifier else value for key, value in state.items()}
    # Files older than this counter lack it, and nothing but a cumulative average reads it.
    state = {key: value for key, value in own.items() if key.endswith("num_batches_tracked")} | state
    wrong = [
        *(f"{key} is missing" for key in own.keys() - state.keys()),
        *(f"{key} is unknown" for key in state.keys() - own.keys()),
        *(
            f"{key} is {_shape(value)} and must be {_shape(own[key])}"
            for key, value in state.items()
            if key in own and value.shape != own[key].shape
        ),
    ]
    if wrong:
        shown = "; ".join(sorted(wrong)[:3])
        raise WeightsError(
            f"{source} doesn't fit this {model.architecture.family}: {shown}", hint=f"{len(wrong)} differ"
        )
    model.load_state_dict(state)


def _torchvision_weights(architecture: Architecture, name: str) -> dict[str, Tensor]:
    from torchvision.models import get_model_weights, list_models

    model_name = _torchvision_name(architecture, set(list_models()), name)
    choices = get_model_weights(model_name)
    if name not in choices.__members__:
        raise WeightsError(f"{model_name} has no weights {name!r}", hint=did_you_mean(name, choices.__members__))
    return _renamed(_fetched(choices[name].url))


def _torchvision_name(architecture: Architecture, known: set[str], weights: str) -> str:
    """The preset of torchvision that is this network, its classifier apart."""
    presets = {name: preset for name, preset in get_family(architecture.family).presets.items() if name in known}
    if not presets:
        raise WeightsError(f"torchvision has no weights for {architecture.family}", hint="give a file")
    for name, preset in presets.items():
        if _body(preset) == _body(architecture):
            return name
    nearest = min(presets, key=lambda name: len(_differences(architecture, presets[name])))
    raise WeightsError(
        f"{weights} fits no network with {'; '.join(_differences(architecture, presets[nearest]))}",
        hint=f"take {nearest} as it is, or train from the start",
    )


def _body(architecture: Architecture) -> list[tuple[str, tuple[int, int, int], int, int]]:
    """All layers but the classifier, as far as weights and what they do depend on them."""
    layers = architecture.layers(_PUBLISHED_IMAGE_SIZE)[:-1]
    return [(layer.name, layer.output_shape, layer.kernel_size, layer.num_parameters) for layer in layers]


def _differences(architecture: Architecture, preset: Architecture) -> list[str]:
    """Where an architecture differs from a preset, for a person."""
    return [
        f"{field.name} = {mine} ({theirs} in the preset)"
        for field in fields(architecture)
        if field.name not in _WITHOUT_WEIGHTS
        if (mine := getattr(architecture, field.name)) != (theirs := getattr(preset, field.name))
    ]


def _fetched(url: str) -> dict[str, Tensor]:
    """The file that torch.hub keeps of this address, downloaded where it is absent."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    file = folder / url.rpartition("/")[2]
    try:
        if not file.is_file():
            # torch.hub waits without a limit where a network swallows its packets; this doesn't.
            urlopen(Request(url, method="HEAD"), timeout=_CONNECT_TIMEOUT_S).close()  # noqa: S310  (torchvision's own)
            torch.hub.load_state_dict_from_url(url, progress=False, check_hash=True, map_location="cpu")
    except (URLError, OSError) as error:
        raise WeightsError(
            f"{file.name} is not in {folder} and can't be downloaded: {error}",
            hint="copy it there, or set TORCH_HOME to a folder that has it in hub/checkpoints",
        ) from error
    return read_weights(file)


def _renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """DenseNet's published files are older than the rule that module names have no dots."""
    return {_OLD_DENSENET_KEY.sub(r"\1\2", key): value for key, value in state.items()}


def _shape(tensor: Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape) or "a number"
