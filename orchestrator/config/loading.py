"""From a study file to a SearchConfig: every problem at once, or a config that can be searched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from orchestrator.config.consistency import check_data, check_settings, study_name
from orchestrator.config.credentials import take_out_secrets
from orchestrator.config.data_rules import DIGITS, DataSummary
from orchestrator.config.document import Document, check_values, read_document
from orchestrator.config.feasibility import check_feasible
from orchestrator.config.goals import read_constraints, read_objectives, warn_of_goals
from orchestrator.config.problems import Problems
from orchestrator.config.settings import DataSettings, SearchConfig, StudySettings
from orchestrator.config.source import read_source
from orchestrator.config.spaces import read_space
from orchestrator.config.tables import Tables, check_keys, read_tables
from orchestrator.errors import BadInputError
from search_spaces.architecture import Task

TABLES = (
    "study",
    "data",
    "space",
    "objectives",
    "constraints",
    "recipe",
    "latency",
    "budget",
    "confirm",
    "resources",
    "tracking",
)

Inspect = Callable[[DataSettings], DataSummary]
"""Looks at a data set without loading it; raises BadInputError where it can't be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A study file that can be searched.

    Attributes:
        warnings: what is odd in it, one line each.
        source: how messages call the file.
    """

    config: SearchConfig
    warnings: tuple[str, ...]
    source: str


def load(
    source: Path | str,
    overrides: Sequence[str] = (),
    *,
    inspect: Inspect,
    shipped: Mapping[str, str] = MappingProxyType({}),
) -> Loaded:
    """Reads a study file.

    Args:
        source: a path, or the name of a shipped study where no such file exists.
        overrides: ``recipe.epochs=3``, in place of what the file says.
        inspect: says what task the data sets, and how many images there are.
        shipped: texts of the shipped studies by name.

    Raises:
        ConfigError: with everything that is wrong with it.
    """
    name, text = read_source(source, shipped)
    document = read_document(name, text, overrides)
    problems = Problems(document.locate, known=document.refused_overrides)
    config = _read(document, inspect, problems)
    problems.raise_if_any()
    assert config is not None
    return Loaded(config=config, warnings=problems.warnings, source=document.name)


def _read(document: Document, inspect: Inspect, problems: Problems) -> SearchConfig | None:
    check_values(document, problems)
    take_out_secrets(document.tables, problems)
    check_keys((), document.tables, problems, known=TABLES)
    given = document.tables
    tables = read_tables(given, problems)
    check_settings(tables, given, problems)
    objectives = read_objectives(given.get("objectives", {}), problems)
    constraints = read_constraints(given.get("constraints", {}), problems)
    warn_of_goals(objectives, constraints, given, problems)
    summary = look_at_data(tables, inspect, problems)
    # Where the data can't be used, the axes of the space are still held to their rules, on any task.
    task = summary.task if summary is not None else Task()
    space = read_space(given.get("space", {}), task, problems)
    if summary is not None:
        check_data(tables, given, summary, problems)
    if summary is None or space is None:
        return None
    check_feasible(space, task, constraints=constraints, latency=tables.latency, problems=problems)
    return SearchConfig(
        study=_named(tables, document.name),
        data=tables.data,
        task=task,
        space=space,
        objectives=objectives,
        constraints=constraints,
        recipe=tables.recipe,
        latency=tables.latency,
        budget=tables.budget,
        confirm=tables.confirm,
        resources=tables.resources,
        tracking=tables.tracking,
    )


def look_at_data(tables: Tables, inspect: Inspect, problems: Problems) -> DataSummary | None:
    """What the data hold; None where they can't be used, which is a problem of ``[data]``."""
    if not problems.is_clean(("data",)):
        return None
    try:
        return inspect(tables.data)
    except BadInputError as error:
        key = "path" if tables.data.path and tables.data.name != DIGITS else "name"
        problems.add(("data", key), error.message, value=getattr(tables.data, key), hint=error.hint)
        return None


def _named(tables: Tables, name: str) -> StudySettings:
    return replace(tables.study, name=tables.study.name or study_name(Path(name).stem))
