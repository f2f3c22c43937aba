"""What a family of architectures is: presets, axes that a study fixes or searches, and how a network is built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

from search_spaces import axes
from search_spaces.architecture import Architecture, Task
from search_spaces.axes import Axes, Entry
from search_spaces.errors import ArchitectureError
from search_spaces.parameters import Value
from search_spaces.rules import OneOf
from search_spaces.space import FamilySpace, Point, contains, is_active

if TYPE_CHECKING:
    from torch import nn

    from search_spaces.cost_columns import CostColumns

SMALL_IMAGE_SIZE = 64
"""Images of at most so many pixels a side get the small stem, and a default space of small networks."""

STEM_RULE = OneOf(("auto", "imagenet", "cifar"))
"""What the axis ``stem`` accepts; ``auto`` chooses by the size of the image."""


class Family(ABC):
    """A set of architectures that are built by one rule.

    A family of one's own subclasses this: it gives the attributes below and defines ``defaults``, ``default_entries``,
    ``fields`` and ``build``. The other methods are final: ``default_space``, ``space``, ``problems``, ``architecture``
    and ``costs`` follow from those. An entry point of the group ``archfront.families`` names an instance of it, or
    ``register_family`` is given one.

    Attributes:
        name: as in ``[space.<name>]`` and in ``architecture.json``.
        presets: complete architectures by name.
        axes: what a study may fix or search; most are fields of the architecture. They are searched in this order:
            an axis stands after those that decide whether it exists, ``depth`` after the ``num_stages`` it is
            repeated for.
        takes_columns: whether ``fields`` and the architecture can be asked for many networks at once (``many.py``).
            Else their costs are added up network by network, which takes longer and gives the same.
    """

    name: ClassVar[str]
    architecture_type: ClassVar[type[Architecture]]
    presets: ClassVar[Mapping[str, Architecture]]
    axes: ClassVar[Axes]
    takes_columns: ClassVar[bool] = False

    @abstractmethod
    def defaults(self, task: Task) -> Mapping[str, Value]:
        """The value of every axis that a study leaves out; of axes that exclude each other the first counts."""

    @abstractmethod
    def default_entries(self, task: Task) -> Mapping[str, Entry]:
        """What is searched where a study says nothing; all of it can be built for ``task``."""

    @abstractmethod
    def fields(self, values: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
        """The fields of the architecture that values of axes stand for, without those of the task.

        The values are complete: each has met its axis' rule, and what was left out stands at its default. A repeated
        axis comes as ``depth_1``, ``depth_2`` or as one ``depth`` for all; ``axes.each`` reads both.
        """

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
    def point_of(self, architecture: Architecture, space: FamilySpace, task: Task) -> Point | None:
        """The point of a space at which an architecture is; None where it is at none."""
        fields = {name: getattr(architecture, name) for name in architecture.rules}
        described = axes.described(self.axes, fields)
        values: dict[str, Value] = dict(space.fixed)
        for parameter in space.parameters:
            if is_active(parameter, values):
                if not contains(parameter, described.get(parameter.name)):
                    return None
                values[parameter.name] = described[parameter.name]
        try:
            found = self.architecture(values, task)
        except ArchitectureError:
            return None
        is_same = found.architecture_id == architecture.architecture_id
        return Point(family=self.name, values=values) if is_same else None

    @final
    def architecture(self, values: Mapping[str, Value], task: Task) -> Architecture:
        """The architecture that values of axes describe.

        Raises:
            ArchitectureError: a value is unknown or outside its rule.
            GeometryError: the task's image is too small for it.
        """
        architecture = self._described(values, task)
        architecture.layers(task.image_size)
        return architecture

    @final
    def costs(self, points: Sequence[Mapping[str, Value]], task: Task) -> CostColumns:
        """The exact costs of many points, each given as its values; where ``architecture`` raises, it is impossible."""
        from search_spaces.cost_columns import cost_columns  # describing a network needs no numpy

        return cost_columns(
            points,
            lambda values: self._described(values, task),
            image_size=task.image_size,
            at_once=self.takes_columns,
        )

    def _described(self, values: Mapping[str, Any], task: Task) -> Architecture:
        completed = axes.complete(self.axes, axes.accepted(self.name, self.axes, values), self.defaults(task))
        fields = {**self.fields(completed, task), "in_channels": task.in_channels, "num_classes": task.num_classes}
        return self.architecture_type.from_fields(fields)


def stem_for(values: Mapping[str, Any], task: Task) -> str:
    """The stem that is asked for, or the one that suits the size of the image."""
    stem: str = values["stem"]
    if stem != "auto":
        return stem
    return "cifar" if task.image_size <= SMALL_IMAGE_SIZE else "imagenet"
