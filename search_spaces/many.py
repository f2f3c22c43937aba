"""What the closed form of one network says when it is asked of many at once, each number a column of them.

A family describes one network. Where a size is a column, with an entry for each network, the same code counts all of
them in one pass: arithmetic goes entry by entry. Where the code asks what the networks answer differently (``if``,
``range``), ``Undecided`` is raised, and ``cost_columns`` runs it again for those that say yes and those that say no.
So what takes time is how many structures there are, not how many networks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any

Size = Any
"""A number of one network, or ``Many``: arithmetic reads alike, which annotations can't say."""


class Undecided(Exception):  # noqa: N818 - no error: a question that is asked again of each part
    """Networks that are counted at once differ in a decision.

    Attributes:
        answer_N: of each network, true or false; both occur.
    """

    def __init__(self, answer_N: Any) -> None:
        super().__init__("networks that are counted at once differ in their structure")
        self.answer_N = answer_N


class Many(ABC):
    """The numbers of many networks, in place of one number."""

    @property
    @abstractmethod
    def number_type(self) -> type:
        """``int`` or ``float``, as each number of one network is."""

    @abstractmethod
    def reached(self) -> Iterator[tuple[int, Size]]:
        """Each index below the largest number, with 1 for the networks whose number is above it and 0 for others."""

    @abstractmethod
    def at_least(self, low: float) -> Many:
        """Each number, or ``low`` where it is below."""


def at_least(low: float, number: Size) -> Size:
    """``max(low, number)``."""
    return max(low, number) if isinstance(number, int | float) else number.at_least(low)


def larger(one: Size, other: Size) -> Size:
    """``max(one, other)``, of each network."""
    return one + (other - one) * (other > one)


def repeated(count: Size) -> Iterable[tuple[int, Size]]:
    """``range(count)``, and with each index how often it comes: once, but never in networks that end before it.

    The loop runs on for those, too: it fits where what follows it reads nothing that an index beyond the end changes,
    as after blocks that keep the shape. ``range`` fits always, and parts networks by their counts.
    """
    return zip(range(count), repeat(1)) if isinstance(count, int) else count.reached()


def number_type(value: object) -> type:
    """The type of a value, or of each that it stands for."""
    return value.number_type if isinstance(value, Many) else type(value)
