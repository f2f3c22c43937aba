"""How well a network tells the classes of a split apart, from counts alone.

Legend: K classes; ``_KK`` is by label and then by prediction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

MIN_CLASSES_FOR_TOP5 = 6
"""Below, being among the best five says nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Confusion:
    """Images of one class that were taken for another one."""

    label: str
    prediction: str
    num_images: int
    num_of_label: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassificationScore:
    """Predictions of every image of a split, counted.

    Attributes:
        confusion_KK: how many images of a class were taken for which.
        loss: mean cross entropy.
        top5_accuracy: None below 6 classes.
    """

    class_names: tuple[str, ...]
    confusion_KK: tuple[tuple[int, ...], ...]
    loss: float
    top5_accuracy: float | None = None

    def __post_init__(self) -> None:
        num_classes = len(self.class_names)
        if [len(row) for row in self.confusion_KK] != [num_classes] * num_classes:
            raise ValueError(f"counts of {num_classes} classes are no square of that side")
        if min(map(min, self.confusion_KK), default=0) < 0 or self.num_images < 1:
            raise ValueError("counts are negative, or of no image")

    @property
    def num_images(self) -> int:
        return sum(map(sum, self.confusion_KK))

    @property
    def accuracy(self) -> float:
        """Top-1, in [0, 1]."""
        return sum(self._num_right) / self.num_images

    @property
    def precisions(self) -> tuple[float, ...]:
        """By class: share of the images taken for it that are of it; 0 where none is taken for it."""
        return _shares(self._num_right, [sum(column) for column in zip(*self.confusion_KK, strict=True)])

    @property
    def recalls(self) -> tuple[float, ...]:
        """By class: share of its images that are taken for it; 0 where it has none."""
        return _shares(self._num_right, [sum(row) for row in self.confusion_KK])

    @property
    def precision_macro(self) -> float:
        """Mean over all classes, each counting alike."""
        return math.fsum(self.precisions) / len(self.class_names)

    @property
    def recall_macro(self) -> float:
        """Mean over all classes, each counting alike."""
        return math.fsum(self.recalls) / len(self.class_names)

    def most_confused(self, limit: int) -> list[Confusion]:
        """Pairs of different classes by their images, most first; at most so many."""
        found = [
            Confusion(
                label=self.class_names[label],
                prediction=self.class_names[prediction],
                num_images=num_images,
                num_of_label=sum(row),
            )
            for label, row in enumerate(self.confusion_KK)
            for prediction, num_images in enumerate(row)
            if num_images and prediction != label
        ]
        return sorted(found, key=lambda confusion: -confusion.num_images)[:limit]

    def to_dict(self) -> dict[str, Any]:
        """JSON values; of each row only what is not 0, because most of a thousand classes are never confused."""
        rows = [[[index, count] for index, count in enumerate(row) if count] for row in self.confusion_KK]
        return {
            "class_names": list(self.class_names),
            "confusion": rows,
            "loss": self.loss,
            "top5_accuracy": self.top5_accuracy,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """What ``to_dict`` gave."""
        row_of = partial(_counts, num_classes=len(fields["class_names"]))
        return cls(
            class_names=tuple(fields["class_names"]),
            confusion_KK=tuple(map(row_of, fields["confusion"])),
            loss=fields["loss"],
            top5_accuracy=fields["top5_accuracy"],
        )

    @property
    def _num_right(self) -> list[int]:
        return [row[index] for index, row in enumerate(self.confusion_KK)]


def _shares(parts: Sequence[int], wholes: Sequence[int]) -> tuple[float, ...]:
    return tuple(part / whole if whole else 0.0 for part, whole in zip(parts, wholes, strict=True))


def _counts(pairs: Sequence[tuple[int, int]], *, num_classes: int) -> tuple[int, ...]:
    counts = dict(pairs)
    return tuple(counts.get(index, 0) for index in range(num_classes))
