"""Rules between settings that are each right on their own, and settings that have no effect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from orchestrator.config.credentials import check_uri
from orchestrator.config.durations import parse_duration_s
from orchestrator.config.problems import Problems
from orchestrator.config.settings import (
    Budget,
    DataSettings,
    EngineName,
    OptimizerName,
    Recipe,
    Resources,
    StudySettings,
)
from orchestrator.config.tables import Tables
from search_spaces.architecture import Task

DIGITS = "digits"
MAX_NAME_LENGTH = 80

_STUDY_NAME = re.compile(rf"[A-Za-z0-9._-]{{1,{MAX_NAME_LENGTH}}}")
_URI_SCHEMES = ("http", "https", "file", "sqlite", "postgresql", "mysql", "mssql", "databricks")


class DataSummary(Protocol):
    """What is known of a data set before it is loaded."""

    @property
    def task(self) -> Task: ...
    @property
    def num_train(self) -> int: ...


def check_settings(tables: Tables, given: Mapping[str, Any], problems: Problems) -> None:
    """Rules that need no look at the data; ``given`` is what the file says."""
    _check_name(tables.study, given.get("study"), problems)
    _check_shares(tables.data, problems)
    _check_path(tables.data, problems)
    _check_schedule(tables.recipe, problems)
    _check_workers(tables.resources, tables.recipe, problems)
    _check_wall_time(tables.budget, problems)
    _check_reproducible(tables, problems)
    _check_tracking(tables, problems)
    _warn_of_no_effect(tables, given, problems)


def check_data(tables: Tables, summary: DataSummary, problems: Problems) -> None:
    """Rules between the recipe and the images that it is to work with."""
    batch_size = tables.recipe.batch_size
    path = ("recipe", "batch_size")
    if batch_size > summary.num_train and problems.is_clean(path):
        problems.add(path, f"is larger than the {summary.num_train:,} training images", value=batch_size)
    max_shift, side = tables.recipe.max_shift, summary.task.image_size
    if max_shift >= side and problems.is_clean(("recipe", "max_shift")):
        problems.add(("recipe", "max_shift"), f"moves images of {side} pixels out of sight", value=max_shift)


def study_name(stem: str) -> str:
    """The name of a study that gives itself none, from its file's name."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem)[:MAX_NAME_LENGTH]
    return name if is_study_name(name) else "study"


def is_study_name(name: str) -> bool:
    """Whether a folder of this name can hold a study."""
    return _STUDY_NAME.fullmatch(name) is not None and name not in (".", "..")


def _check_name(study: StudySettings, given: Any, problems: Problems) -> None:
    is_given = isinstance(given, Mapping) and "name" in given
    if is_given and problems.is_clean(("study", "name")) and not is_study_name(study.name):
        rule = f"must be letters, digits, . _ -, at most {MAX_NAME_LENGTH} of them"
        problems.add(("study", "name"), rule, value=study.name)


def _check_shares(data: DataSettings, problems: Problems) -> None:
    paths = ("data", "validation_share"), ("data", "test_share")
    total = data.validation_share + data.test_share
    if total >= 1 and problems.is_clean(*paths):
        rule = f"leaves nothing to train on: with test_share = {data.test_share:g} it makes {total:g}"
        problems.add(paths[0], rule, value=data.validation_share, hint="their sum must be below 1")


def _check_path(data: DataSettings, problems: Problems) -> None:
    path = ("data", "path")
    if "\0" in data.path:
        problems.add(path, "must not contain a NUL character", value=data.path)
    try:
        Path(data.path).expanduser()
    except RuntimeError:
        problems.add(path, "begins with a user's name that is not known here", value=data.path)


def _check_schedule(recipe: Recipe, problems: Problems) -> None:
    decay_epochs = recipe.decay_share * recipe.epochs
    names = ("epochs", "warmup_epochs", "decay_share")
    if recipe.warmup_epochs + decay_epochs > recipe.epochs and problems.is_clean(*(("recipe", name) for name in names)):
        problems.warn(
            ("recipe", "warmup_epochs"),
            f"the decay over the last {decay_epochs:g} of {recipe.epochs} epochs begins before the warm-up has ended",
            value=recipe.warmup_epochs,
        )


def _check_workers(resources: Resources, recipe: Recipe, problems: Problems) -> None:
    num_workers = resources.workers_per_trial
    engine, workers, batch = ("resources", "engine"), ("resources", "workers_per_trial"), ("recipe", "batch_size")
    if resources.engine is EngineName.INLINE and num_workers > 1 and problems.is_clean(engine, workers):
        rule = f"runs one worker a trial, and workers_per_trial = {num_workers}"
        problems.add(engine, rule, value="inline", hint='take "group"')
    if recipe.batch_size < 2 * num_workers and problems.is_clean(workers, batch):
        problems.add(
            batch,
            f"batch norm needs at least 2 images a worker and step, and there are {num_workers} workers",
            value=recipe.batch_size,
            hint=f"take at least {2 * num_workers}",
        )


def _check_wall_time(budget: Budget, problems: Problems) -> None:
    if not budget.wall_time:
        return
    try:
        parse_duration_s(budget.wall_time)
    except ValueError as error:
        problems.add(("budget", "wall_time"), str(error), value=budget.wall_time, hint="units: s, min, h, d")


def _check_reproducible(tables: Tables, problems: Problems) -> None:
    concurrency = ("resources", "max_concurrent_trials")
    if tables.study.reproducible and not tables.resources.max_concurrent_trials and problems.is_clean(concurrency):
        rule = "must be given, because study.reproducible = true and suggestions wait for so many trials, twice"
        problems.add(concurrency, rule, value=0, hint="give as many as run at once on the machines you have in mind")
    for name in ("wall_time", "gpu_hours"):
        value = getattr(tables.budget, name)
        if tables.study.reproducible and value and problems.is_clean(("study", "reproducible"), ("budget", name)):
            rule = "ends a study by the speed of its machines, and study.reproducible = true"
            problems.add(("budget", name), rule, value=value, hint="limit budget.trials")


def _check_tracking(tables: Tables, problems: Problems) -> None:
    uri, path = tables.tracking.uri, ("tracking", "uri")
    if not tables.tracking.experiment and problems.is_clean(("tracking", "experiment")):
        problems.add(("tracking", "experiment"), "must not be empty", value="")
    if not uri or not problems.is_clean(path):
        return
    check_uri(uri, problems)
    scheme, separator, rest = uri.partition("://")
    if separator and problems.is_clean(path):
        if scheme.partition("+")[0] not in _URI_SCHEMES:
            problems.add(path, "unknown scheme", value=uri, hint=f"known: {', '.join(_URI_SCHEMES)}")
        elif not rest:
            problems.add(path, "names no place", value=uri, hint="write it like http://127.0.0.1:5000")


def _warn_of_no_effect(tables: Tables, given: Mapping[str, Any], problems: Problems) -> None:
    def is_given(table: str, name: str) -> bool:
        return name in given.get(table, {}) if isinstance(given.get(table, {}), Mapping) else False

    if tables.data.name == DIGITS:
        for name in ("path", "image_size"):
            if is_given("data", name):
                problems.warn(("data", name), "has no effect on the digits, which come with scikit-learn")
        if tables.recipe.flip:
            problems.warn(("recipe", "flip"), "a mirrored digit is no digit", value=True)
    if tables.recipe.optimizer is not OptimizerName.SGD and is_given("recipe", "momentum"):
        problems.warn(("recipe", "momentum"), f"has no effect on {tables.recipe.optimizer}")
    if tables.budget.gpu_hours and not tables.resources.gpus_per_worker:
        hint = "resources.gpus_per_worker gives trials a GPU"
        rule = "has no effect, because no trial has a GPU"
        problems.warn(("budget", "gpu_hours"), rule, value=tables.budget.gpu_hours, hint=hint)
    if not tables.tracking.enabled and (is_given("tracking", "uri") or is_given("tracking", "experiment")):
        problems.warn(("tracking", "enabled"), "nothing is tracked, so the other settings have no effect", value=False)
