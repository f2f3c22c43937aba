"""archfront: the Pareto front of CNN architectures, from a study file to an exported network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.export.loading import load_model

__all__ = ["load_model"]


def __getattr__(name: str) -> Any:
    """Loads what needs torch when it is asked for, so that the command line starts without it."""
    if name == "load_model":
        from orchestrator.export.loading import load_model

        return load_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
