"""Families of convolutional networks: what an architecture is, what it costs, and how it is built.

``import search_spaces`` loads no torch; ``create_model`` does.

    architecture = get_architecture("densenet121", growth_rate=16)  # a preset, or load_architecture of a file
    architecture.num_parameters, architecture.macs(224)             # in closed form: nothing is built
    model = create_model(architecture, num_classes=10)              # or by name, or from a file or an exported folder
    model.forward_features, model.num_features, model.reset_classifier, model.set_grad_checkpointing

``summarize`` gives shapes, MACs and memory by stage. ``create_pretrained`` builds a network with torchvision's weights
or those of a file, and freezes all but its classifier on request. ``list_models`` names the presets; the paper and the
table of each stand in ``search_spaces.<family>.presets``. A family of one's own subclasses ``Architecture`` and
``Family``, and is made known by an entry point of the group ``archfront.families`` or, to one process alone, by
``register_family``; ``tests/examples/own_family.py`` is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search_spaces.architecture import Architecture, Task
from search_spaces.errors import ArchitectureError, GeometryError, WeightsError
from search_spaces.family import Family
from search_spaces.registry import (
    architecture_from_dict,
    create_model,
    get_architecture,
    get_family,
    list_families,
    list_models,
    load_architecture,
    register_family,
)
from search_spaces.space import FamilySpace, Point, SearchSpace
from search_spaces.summary import Summary, summarize

if TYPE_CHECKING:
    from search_spaces.pretrained import create_pretrained

__all__ = [
    "Architecture",
    "ArchitectureError",
    "Family",
    "FamilySpace",
    "GeometryError",
    "Point",
    "SearchSpace",
    "Summary",
    "Task",
    "WeightsError",
    "architecture_from_dict",
    "create_model",
    "create_pretrained",
    "get_architecture",
    "get_family",
    "list_families",
    "list_models",
    "load_architecture",
    "register_family",
    "summarize",
]


def __getattr__(name: str) -> Any:
    """Loads what needs torch when it is asked for."""
    if name == "create_pretrained":
        from search_spaces.pretrained import create_pretrained

        return create_pretrained
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
