"""What the ranks of a trial tell each other; nothing where one rank trains alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranks:
    """This rank among those that train the same network, over torch.distributed's default group."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def shard(self, num_items: int) -> slice:
        """This rank's share of so many items; shares differ by one at most."""
        start, stop = (num_items * rank // self.world_size for rank in (self.rank, self.rank + 1))
        return slice(start, stop)

    def add(self, tensor: Tensor) -> Tensor:
        """The sum over all ranks, in place."""
        if self.world_size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def add_with_flag(self, value: Tensor, *, flag: bool) -> tuple[Tensor, bool]:
        """The sum of a scalar over all ranks, and whether the flag is set on at least one, in one message."""
        if self.world_size == 1:
            return value, flag
        message = self.add(torch.stack([value, value.new_tensor(float(flag))]))
        return message[0], bool(message[1])

    def any(self, *, flag: bool) -> bool:
        """Whether the flag is set on at least one rank."""
        if self.world_size == 1:
            return flag
        return bool(self.add(torch.tensor(float(flag), device=self.device)))

    def meet(self) -> None:
        """Goes on when all ranks are here."""
        self.any(flag=False)

    def broadcast(self, tensor: Tensor) -> None:
        """Overwrites the tensor with rank 0's."""
        if self.world_size > 1:
            distributed.broadcast(tensor, src=0)

    def broadcast_value(self, value: Any) -> Any:
        """Rank 0's value, on all ranks."""
        if self.world_size == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values, src=0, device=self.device)
        return values[0]


ALONE = Ranks(rank=0, world_size=1, device=torch.device("cpu"))
"""One rank without company."""
