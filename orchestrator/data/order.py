"""The order of an epoch's images.

Legend: N images, M images of a window.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Blocks:
    """Images that are stored, and best read, together, as in the row groups of Parquet; one behind the other.

    Attributes:
        sizes: images of each block.
        window: blocks that are shuffled together, and that a reader has to hold at a time.
    """

    sizes: tuple[int, ...]
    window: int

    def of(self, indices: Sequence[int]) -> Blocks:
        """The blocks of some of the images, given in ascending order."""
        ends = list(itertools.accumulate(self.sizes))
        cuts = [bisect.bisect_left(indices, end) for end in ends]
        sizes = (end - start for start, end in itertools.pairwise([0, *cuts]))
        return Blocks(sizes=tuple(size for size in sizes if size), window=self.window)


def shuffled(num_images: int, blocks: Blocks | None, generator: Generator) -> Tensor:
    """A permutation of all rows, ``order_N``; with blocks, one that reads a few of them at a time.

    The blocks are permuted, then the rows within each window of them: the rows of one block are read close to each
    other in time.
    """
    if blocks is None:
        return torch.randperm(num_images, generator=generator)
    starts = [0, *itertools.accumulate(blocks.sizes)]
    order = torch.randperm(len(blocks.sizes), generator=generator).tolist()
    windows = [
        torch.cat([torch.arange(starts[block], starts[block + 1]) for block in order[at : at + blocks.window]])
        for at in range(0, len(order), blocks.window)
    ]
    return torch.cat([window_M[torch.randperm(len(window_M), generator=generator)] for window_M in windows])
