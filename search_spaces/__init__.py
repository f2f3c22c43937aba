"""Families of convolutional networks: what an architecture is, what it costs, and how it is built.

``import search_spaces`` loads no torch; ``create_model`` does.
"""

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

__all__ = [
    "Architecture",
    "ArchitectureError",
    "Family",
    "FamilySpace",
    "GeometryError",
    "Point",
    "SearchSpace",
    "Task",
    "WeightsError",
    "architecture_from_dict",
    "create_model",
    "get_architecture",
    "get_family",
    "list_families",
    "list_models",
    "load_architecture",
    "register_family",
]
