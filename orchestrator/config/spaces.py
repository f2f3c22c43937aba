"""``[space.<family>]``: what is said of each axis, handed to the family that knows its rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.config.entries import Written, read_entry
from orchestrator.config.problems import Problems
from orchestrator.config.tables import check_keys
from search_spaces.architecture import Task
from search_spaces.axes import Entry, base_name
from search_spaces.errors import ArchitectureError, did_you_mean
from search_spaces.family import Family
from search_spaces.registry import get_family, list_families
from search_spaces.space import FamilySpace, SearchSpace

DEFAULT_FAMILIES = ("densenet", "resnet", "mobilenet")
"""Searched where a study names no family; one that is installed later changes no study."""

_MAX_UNKNOWN_FAMILIES = 20


def read_space(table: Any, task: Task, problems: Problems) -> SearchSpace | None:
    """The space of all families that the table names; None where something is wrong with it."""
    if not isinstance(table, dict):
        problems.add(("space",), "must be a table", value=table, hint="write [space.densenet] above its axes")
        return None
    # Listing the families that are installed beside ours takes 30 ms.
    known = DEFAULT_FAMILIES if set(table) <= set(DEFAULT_FAMILIES) else list_families()
    for name in [name for name in table if name not in known][:_MAX_UNKNOWN_FAMILIES]:
        problems.add(("space", name), "unknown family", hint=did_you_mean(name[:100], known))
    names = [name for name in known if name in table] if table else known
    spaces = [_read_family(name, table.get(name, {}), task=task, problems=problems) for name in names]
    found = tuple(space for space in spaces if space is not None)
    return SearchSpace(families=found) if found and problems.is_clean(("space",)) else None


def _read_family(name: str, table: Any, *, task: Task, problems: Problems) -> FamilySpace | None:
    path = ("space", name)
    try:
        family = get_family(name)
    except ArchitectureError as error:
        problems.add(path, error.message, hint=error.hint)
        return None
    if not isinstance(table, dict):
        problems.add(path, "must be a table", value=table, hint=f"write [space.{family.name}] above its axes")
        return None
    if not table:
        return family.default_space(task)
    entries = _read_entries(family, table, problems)
    for refusal in family.problems(entries):
        problems.add_refusal(path, refusal.message, hint=refusal.hint)
    if not problems.is_clean(path):
        return None
    try:
        return family.space(entries, task)
    except ArchitectureError as error:
        problems.add_refusal(path, error.message, hint=error.hint)
        return None


def _read_entries(family: Family, table: Mapping[str, Any], problems: Problems) -> dict[str, Entry]:
    path = ("space", family.name)
    known = {name: base for name in table if (base := base_name(family.axes, name)) is not None}
    check_keys(path, table, problems, known=[*family.axes, *known])
    entries = {}
    for name, base in known.items():
        written = Written(name=name, value=table[name], axis=family.axes[base], path=(*path, name))
        entry = read_entry(written, problems)
        if entry is not None:
            entries[name] = entry
    return entries
