"""``probe.json``: a few images that every machine makes alike, and the logits that the trained network gave on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from orchestrator.errors import ArchfrontError, BadInputError, StorageError
from orchestrator.storage import read_json, write_json

PROBE_FILE = "probe.json"
SCHEMA_VERSION = 1
NUM_IMAGES = 4

_TOLERANCE = 1e-4
"""Of the largest logit, and at least of 1: other runtimes, processors and thread counts round in another order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """What is tried wherever the network is loaded.

    Attributes:
        shape: of the images: batch, channels, height, width.
        logits_BK: that the trained network gave.
    """

    shape: tuple[int, int, int, int]
    logits_BK: NDArray[np.float32]

    @property
    def tolerance(self) -> float:
        """Largest difference of a logit that rounding explains."""
        return _TOLERANCE * max(1.0, float(np.abs(self.logits_BK).max()))

    def difference(self, run: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> float:
        """Runs a network on one image and on the others together, and gives the largest difference of a logit.

        Raises:
            ArchfrontError: it is above the tolerance, or no number.
        """
        image_BCHW = probe_images(self.shape)
        logits_BK = np.concatenate([run(image_BCHW[:1]), run(image_BCHW[1:])])  # the batch size must be free
        difference = float(np.abs(logits_BK - self.logits_BK).max())
        # NaN compares false with everything, so the comparison that must hold is the one that is asked.
        if not difference <= self.tolerance:
            raise ArchfrontError(
                f"logits differ by {difference:.2g} from those recorded, more than {self.tolerance:.2g}"
            )
        return difference

    def write(self, folder: Path) -> None:
        fields = {"shape": self.shape, "tolerance": self.tolerance, "logits": self.logits_BK.tolist()}
        write_json(folder / PROBE_FILE, {"schema_version": SCHEMA_VERSION, **fields})

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What ``write`` wrote.

        Raises:
            BadInputError: there is none, or it is none.
        """
        try:
            fields: dict[str, Any] = read_json(folder / PROBE_FILE)
            batch, channels, height, width = fields["shape"]
            logits_BK = np.asarray(fields["logits"], dtype=np.float32)
            if fields["schema_version"] != SCHEMA_VERSION or logits_BK.shape[0] != batch or batch < 2:
                raise ValueError(f"schema {fields['schema_version']}, logits {logits_BK.shape} of {batch} images")
        except (StorageError, AttributeError, KeyError, TypeError, ValueError) as error:
            path = folder / PROBE_FILE
            raise BadInputError(f"{path}: can't be read: {error}", hint="write the folder again") from None
        return cls(shape=(batch, channels, height, width), logits_BK=logits_BK)


def probe_images(shape: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """Pixel i is a quadratic sequence modulo 65536, between -1 and 1: exact in every language, and much like noise."""
    index_N = np.arange(int(np.prod(shape)), dtype=np.int64)
    pixel_N = ((index_N * (index_N + 1) // 2 % 65536 * 40503) % 65536) / 32768 - 1
    return pixel_N.astype(np.float32).reshape(shape)
