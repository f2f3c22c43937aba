"""How a network can run when its latency is measured. Imports nothing: a device of one's own may have only torch."""

from __future__ import annotations

from enum import StrEnum


class Runtime(StrEnum):
    """How a network runs when its latency is measured.

    ``eager`` is torch as it is; ``folded`` is eager with batch norm folded into convolutions; ``compiled`` is the
    folded network after ``torch.compile``; ``onnxruntime`` runs the exported network without torch.
    """

    EAGER = "eager"
    FOLDED = "folded"
    COMPILED = "compiled"
    ONNXRUNTIME = "onnxruntime"

    @property
    def folds_batch_norms(self) -> bool:
        """Whether a batch norm after a convolution costs nothing."""
        return self is not Runtime.EAGER
