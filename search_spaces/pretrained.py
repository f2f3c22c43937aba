"""Weights that were trained elsewhere: torchvision's by name, or a file of one's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import torch
from torch import Tensor

from search_spaces.architecture import Architecture
from search_spaces.errors import WeightsError, did_you_mean
from search_spaces.layers import ImageClassifier
from search_spaces.registry import build_model, find_architecture, get_family
from search_spaces.rules import show

_CONNECT_TIMEOUT_S = 10.0
_SUFFIXES = {".safetensors", ".pth", ".pt"}
_WEIGHTS_RULE = "give a name such as IMAGENET1K_V1, or a .safetensors or .pth file"
_WITHOUT_WEIGHTS = {"num_classes", "drop_rate", "memory_efficient"}
_OLD_DENSENET_KEY = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)")


def create_pretrained(
    source: str | Path | Architecture, weights: str | Path, *, freeze: bool = False, **overrides: Any
) -> ImageClassifier:
    """A network with trained weights: ``create_pretrained("densenet121", "IMAGENET1K_V1", num_classes=10)``.

    Raises:
        ArchitectureError: the network can't be made.
        WeightsError: the weights are not at hand, or don't fit it; then nothing has been built.
    """
    architecture = find_architecture(source, **overrides)
    state = _read(architecture, weights)
    with torch.device("meta"):  # shapes without numbers, so that a misfit costs neither memory nor time
        _check_fit(_classifier(architecture), state, str(weights))
    model = _classifier(architecture)
    _fill(model, state)
    if freeze:
        model.freeze_features()
    return model


def load_weights(model: ImageClassifier, weights: str | Path, *, freeze: bool = False) -> None:
    """Puts trained weights into a network.

    The last linear layer keeps its own where the weights have another number of classes.

    Args:
        model: the network, changed in place.
        weights: a name of torchvision's such as ``IMAGENET1K_V1``, or a ``.safetensors`` or ``.pth`` file.
        freeze: train nothing but the last linear layer from here on.

    Raises:
        WeightsError: the weights are not at hand, or don't fit the network, which is left as it was.
    """
    state = _read(model.architecture, weights)
    _check_fit(model, state, str(weights))
    _fill(model, state)
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


def _classifier(architecture: Architecture) -> ImageClassifier:
    model = build_model(architecture)
    if not isinstance(model, ImageClassifier):
        raise WeightsError(f"{type(model).__name__} is no ImageClassifier, and takes no pretrained weights")
    return model


def _read(architecture: Architecture, weights: str | Path) -> dict[str, Tensor]:
    """The tensors of a file, or of torchvision's weights of this name where they fit the architecture."""
    if not isinstance(weights, str | Path):  # other libraries take True for a default of theirs
        raise WeightsError(f"weights = {show(weights)}: {_WEIGHTS_RULE}")
    if Path(weights).suffix in _SUFFIXES:
        return read_weights(Path(weights))
    return _torchvision_weights(architecture, str(weights))


def _check_fit(model: ImageClassifier, state: Mapping[str, Tensor], source: str) -> None:
    """Refuses weights that are not those of this network; numbers are not looked at."""
    own = model.state_dict()
    needed = own.keys() - _kept(model, state)
    wrong = [
        *(f"{name} is missing" for name in needed - state.keys()),
        *(f"{name} is unknown" for name in state.keys() - own.keys()),
        *(
            f"{name} is {_shape(state[name])} and must be {_shape(own[name])}"
            for name in needed & state.keys()
            if state[name].shape != own[name].shape
        ),
    ]
    if wrong:
        raise WeightsError(
            f"{source} doesn't fit this {model.architecture.family}: {'; '.join(sorted(wrong)[:3])}",
            hint=f"take weights of this very network, its classes apart; tensors that differ: {len(wrong)}",
        )


def _fill(model: ImageClassifier, state: Mapping[str, Tensor]) -> None:
    own, kept = model.state_dict(), _kept(model, state)
    model.load_state_dict({name: own[name] if name in kept else state[name] for name in own})


def _kept(model: ImageClassifier, state: Mapping[str, Tensor]) -> set[str]:
    """Tensors that stay the network's own: a classifier of another width, and counters that old files lack."""
    own = model.state_dict()
    classifier = {name for name in own if name.startswith(f"{model.classifier_name}.")}
    is_other = any(name in state and state[name].shape != own[name].shape for name in classifier)
    # Nothing but a cumulative average reads the counters of batch norms.
    counters = {name for name in own.keys() - state.keys() if name.endswith("num_batches_tracked")}
    return counters | classifier if is_other else counters


def _torchvision_weights(architecture: Architecture, name: str) -> dict[str, Tensor]:
    from torchvision.models import get_model_weights, list_models

    model_name = _torchvision_name(architecture, set(list_models()), name)
    choices = get_model_weights(model_name)
    if name not in choices.__members__:
        near = did_you_mean(name, choices.__members__)
        raise WeightsError(
            f"{model_name} has no weights {name!r}", hint=f"a .safetensors or .pth file will do, too; {near}"
        )
    return _renamed(_fetched(choices[name].url))


def _torchvision_name(architecture: Architecture, known: set[str], weights: str) -> str:
    """The preset of torchvision that is this network, its classifier apart."""
    presets = {name: preset for name, preset in get_family(architecture.family).presets.items() if name in known}
    if not presets:
        raise WeightsError(f"torchvision has no weights for {architecture.family}", hint="give a file")
    for name, preset in presets.items():
        if _with_its_weightless_fields(architecture, preset).architecture_id == preset.architecture_id:
            return name
    nearest = min(presets, key=lambda name: len(_differences(architecture, presets[name])))
    differences = _differences(architecture, presets[nearest])
    more = f" and {len(differences) - 2} more" if len(differences) > 2 else ""
    raise WeightsError(
        f"{weights} fits no network with {'; '.join(differences[:2])}{more}",
        hint=f"take {nearest} as it is, or train from the start",
    )


def _with_its_weightless_fields(architecture: Architecture, preset: Architecture) -> Architecture:
    """The architecture with the preset's value of every field that no tensor but the classifier depends on."""
    names = _WITHOUT_WEIGHTS.intersection(field.name for field in fields(preset))
    return architecture.replace(**{name: getattr(preset, name) for name in names})


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
    except (OSError, HTTPException, RuntimeError) as error:  # the last of which is torch's for another hash
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
