"""archfront: the Pareto front of CNN architectures, from a study file to an exported network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.export.loading import load_model
    from orchestrator.interactive.searching import search
    from orchestrator.interactive.study import Study, open_study

__all__ = ["Study", "load_model", "open_study", "search"]

_WHERE = {
    "Study": "orchestrator.interactive.study",
    "load_model": "orchestrator.export.loading",
    "open_study": "orchestrator.interactive.study",
    "search": "orchestrator.interactive.searching",
}


def __getattr__(name: str) -> Any:
    """Loads what is asked for, so that the command line starts without torch."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
