"""What a family of architectures is: presets, axes that a study fixes or searches, and how a network is built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, final

from search_spaces import axes
from search_spaces.architecture import Architecture, Task
from search_spaces.axes import Axes, Entry
from search_spaces.errors import ArchitectureError
from search_spaces.parameters import Value
from search_spaces.rules import OneOf
from search_spaces.space import FamilySpace

if TYPE_CHECKING:
    from torch import nn

SMALL_IMAGE_SIZE = 64
"""Images of at most so many pixels a side get the small stem, and a default space of small networks."""

STEM_RULE = OneOf(("auto", "imagenet", "cifar"))
"""What the axis ``stem`` accepts; ``auto`` chooses by the size of the image."""


class Family(ABC):
    """A set of architectures that are built by one rule.

    A family of one's own subclasses this. An entry point of the group ``archfront.families`` names an instance
    of it, or ``registry.register_family`` is given one.

    Attributes:
        name: as in ``[space.<name>]`` and in ``architecture.json``.
        presets: complete architectures by name.
        axes: what a study may fix or search; most are fields of the architecture.
    """

    name: ClassVar[str]
    architecture_type: ClassVar[type[Architecture]]
    presets: ClassVar[Mapping[str, Architecture]]
    axes: ClassVar[Axes]

    @abstractmethod
    def defaults(self, task: Task) -> Mapping[str, Value]:
        """The value of every axis that a study leaves out; of axes that exclude each other the first counts."""

    @abstractmethod
    def default_entries(self, task: Task) -> Mapping[str, Entry]:
        """What is searched where a study says nothing; all of it can be built for ``task``."""

    @abstractmethod
    def fields(self, values: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
        """The fields of the architecture that values of axes stand for; each value has met its axis' rule."""

    @abstractmethod
    def build(self, architecture: Architecture) -> nn.Module:
        """The network, with freshly initialised weights."""

    @final
    def default_space(self, task: Task) -> FamilySpace:
        """The space that is searched where a study says nothing."""
        return self.space(self.default_entries(task), task)

    @final
    def space(self, entries: Mapping[str, Entry], task: Task) -> FamilySpace:
        """The space that a study's entries describe; an axis that is left out is fixed at its default.

        Raises:
            ArchitectureError: an entry is unknown, outside its rule or without effect.
        """
        return axes.family_space(self.name, self.axes, entries, self.defaults(task))

    @final
    def problems(self, entries: Mapping[str, Entry]) -> tuple[ArchitectureError, ...]:
        """Everything that is wrong with a study's entries, where ``space`` raises the first."""
        return tuple(axes.problems(self.name, self.axes, entries))

    @final
    def architecture(self, values: Mapping[str, Value], task: Task) -> Architecture:
        """The architecture that values of axes describe.

        Raises:
            ArchitectureError: a value is unknown or outside its rule.
            GeometryError: the task's image is too small for it.
        """
        completed = axes.complete(self.axes, axes.accepted(self.name, self.axes, values), self.defaults(task))
        fields = {**self.fields(completed, task), "in_channels": task.in_channels, "num_classes": task.num_classes}
        architecture = self.architecture_type.from_fields(fields)
        architecture.layers(task.image_size)
        return architecture


def stem_for(values: Mapping[str, Any], task: Task) -> str:
    """The stem that is asked for, or the one that suits the size of the image."""
    stem: str = values["stem"]
    if stem != "auto":
        return stem
    return "cifar" if task.image_size <= SMALL_IMAGE_SIZE else "imagenet"
