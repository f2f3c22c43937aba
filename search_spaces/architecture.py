"""One point of a family: a frozen description of a network, its identity and its exact costs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

from search_spaces.costs import IMAGE_SIZE, Layer
from search_spaces.errors import ArchitectureError, did_you_mean
from search_spaces.rules import Rule, WholeNumber

SCHEMA_VERSION = 1

_CHANNELS = WholeNumber(1, 1024)
_CLASSES = WholeNumber(1, 1_000_000)

_WEIGHTS_WORDS = ("pretrained", "weights")
_WEIGHTS_HINT = 'a network with trained weights: create_pretrained("resnet18", "IMAGENET1K_V1")'


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What every network of a study is built for.

    Attributes:
        in_channels: 1 for grey images, 3 for colour.
        num_classes: width of the classifier.
        image_size: side of the square input, in pixels.
    """

    in_channels: int = 3
    num_classes: int = 1000
    image_size: int = 224

    def __post_init__(self) -> None:
        _CHANNELS.accept("in_channels", self.in_channels)
        _CLASSES.accept("num_classes", self.num_classes)
        IMAGE_SIZE.accept("image_size", self.image_size)


@dataclass(frozen=True, kw_only=True)
class Architecture(ABC):
    """Base of every family's architecture: plain values that say all that a network is made of.

    A subclass adds its own fields, each with a rule in ``rules``, and lists its layers. What must hold
    between fields is checked in its ``__post_init__``, after the one here.
    Two architectures that build equal networks have one ``architecture_id``.
    """

    family: ClassVar[str]
    rules: ClassVar[Mapping[str, Rule]] = {"in_channels": _CHANNELS, "num_classes": _CLASSES}

    in_channels: int = 3
    num_classes: int = 1000

    def __post_init__(self) -> None:
        for name, rule in self.rules.items():
            # A rule returns the value in its one form; a frozen field is set this way alone.
            object.__setattr__(self, name, rule.accept(name, getattr(self, name)))

    @abstractmethod
    def layers(self, image_size: int) -> tuple[Layer, ...]:
        """Every layer in the order of execution, with its output shape, parameters and MACs.

        Raises:
            ArchitectureError: ``image_size`` is no whole number of pixels.
            GeometryError: the image shrinks below one pixel.
        """

    def inactive_fields(self) -> frozenset[str]:
        """Fields that change nothing in this network, and so are left out of its identity."""
        return frozenset()

    def derived_fields(self) -> Mapping[str, Any]:
        """Fields that act only through what they make, each with that: two factors may round to equal widths."""
        return {}

    @cached_property
    def num_parameters(self) -> int:
        """Trainable parameters, exact."""
        return sum(layer.num_parameters for layer in self.layers(_AMPLE_IMAGE_SIZE))

    def macs(self, image_size: int) -> int:
        """Multiply-accumulates of one forward pass of one image, exact (convolutions and linear layers)."""
        return sum(layer.macs for layer in self.layers(image_size))

    def canonical(self) -> dict[str, Any]:
        """The form that is hashed: the family and every field that has an effect and differs from its default.

        A field added to a family later changes no identity as long as its default does what was done before.
        """
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        derived = self.derived_fields()
        active = {
            name: derived.get(name, getattr(self, name))
            for name in defaults.keys() - self.inactive_fields()
            if name in derived or getattr(self, name) != defaults[name]
        }
        return {"family": self.family, **{name: _to_json(active[name]) for name in sorted(active)}}

    @cached_property
    def architecture_id(self) -> str:
        """Twelve hexadecimal digits that two networks share only if they are equal."""
        text = json.dumps(self.canonical(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """JSON values only; ``architecture_from_dict`` of the registry gives an equal architecture back."""
        fields = {field.name: _to_json(getattr(self, field.name)) for field in dataclasses.fields(self)}
        return {"schema_version": SCHEMA_VERSION, "family": self.family, **fields}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Builds one from JSON values; a field that is absent has its default.

        Raises:
            ArchitectureError: a field is unknown, of the wrong type or outside its rule.
        """
        return cls(**cls.known_fields(fields))

    def replace(self, **changes: Any) -> Self:
        """This architecture with some fields changed.

        Raises:
            ArchitectureError: a field is unknown, of the wrong type or outside its rule.
        """
        return dataclasses.replace(self, **self.known_fields(changes))

    @classmethod
    def known_fields(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The same fields, once it is sure that the family has each of them.

        Raises:
            ArchitectureError: it has not.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in fields:
            if name not in known:
                hint = _WEIGHTS_HINT if name in _WEIGHTS_WORDS else did_you_mean(name, known)
                raise ArchitectureError(f"{cls.family} has no field {name!r}", hint=hint)
        return dict(fields)


# Large enough for any network within the limits of a family; parameters do not depend on it.
_AMPLE_IMAGE_SIZE = 1024


def _to_json(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    return value
