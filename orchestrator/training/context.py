"""What the training function needs from whoever runs it, and the two ways in which a trial ends early."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from orchestrator.records import Cause, EpochReport

if TYPE_CHECKING:
    import torch


class Context(Protocol):
    """One rank's view of the trial that it trains."""

    @property
    def rank(self) -> int: ...

    @property
    def world_size(self) -> int:
        """Ranks that train this network together; above 1 ``torch.distributed``'s default group is up."""

    @property
    def device(self) -> torch.device: ...

    @property
    def seed(self) -> int:
        """The trial's, the same on all ranks and for all attempts."""

    @property
    def directory(self) -> Path:
        """The trial's directory; checkpoints and the final model lie in it. Rank 0 alone uses it."""

    def report(self, report: EpochReport) -> None:
        """Called by all ranks after each epoch, whose checkpoint is on the disk by then.

        After a resume the last report comes again, because it may never have arrived.

        Raises:
            StopTrial: the trial is not to go on.
        """

    def stop_requested(self, step: int) -> bool:
        """Called by all ranks before each step: whether to checkpoint now and end; all must get the same answer."""


class StopTrial(Exception):  # noqa: N818 - no error: the trial was asked to end
    """Training ended before its last epoch because it was asked to.

    Attributes:
        by_driver: a report was answered so, and the trial has ended; else it is checkpointed and can go on.
    """

    def __init__(self, *, by_driver: bool = False) -> None:
        super().__init__("by the driver" if by_driver else "checkpointed")
        self.by_driver = by_driver


class TrialFailure(Exception):  # noqa: N818 - a state of a trial, as in TrialState.FAILED
    """The trial can't be trained to its end; trying again would end alike."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message
