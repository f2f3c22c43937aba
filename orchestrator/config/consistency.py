"""Rules between settings that are each right on their own, and settings that have no effect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrator.config.data_rules import (
    DataSummary,
    check_data_and_recipe,
    check_data_settings,
    warn_of_no_effect,
    warn_of_own_splits,
    warn_of_recipe,
)
from orchestrator.config.durations import parse_duration_s
from orchestrator.config.problems import Problems
from orchestrator.config.runtimes import Runtime
from orchestrator.config.settings import (
    Budget,
    EngineName,
    LatencySettings,
    OptimizerName,
    Recipe,
    Resources,
    ScheduleName,
    StudySettings,
)
from orchestrator.config.tables import Tables

MAX_NAME_LENGTH = 80

_STUDY_NAME = re.compile(rf"[A-Za-z0-9._-]{{1,{MAX_NAME_LENGTH}}}")
_DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_URI_SCHEMES = ("http", "https", "file", "sqlite", "postgresql", "mysql", "mssql", "databricks")
_OF_OTHER_SCHEDULE: Mapping[ScheduleName, tuple[str, ...]] = {
    ScheduleName.STABLE_DECAY: ("milestones", "step_factor"),
    ScheduleName.STEPS: ("decay_share",),
}


def check_settings(tables: Tables, given: Mapping[str, Any], problems: Problems) -> None:
    """Rules that need no look at the data; ``given`` is what the file says."""
    _check_name(tables.study, given.get("study"), problems)
    check_data_settings(tables.data, problems)
    _check_schedule(tables.recipe, problems)
    _check_workers(tables.resources, tables.recipe, problems)
    _check_wall_time(tables.budget, problems)
    _check_latency(tables.latency, problems)
    _check_reproducible(tables, problems)
    _check_tracking(tables, problems)
    _warn_of_no_effect(tables, given, problems)


def check_data(tables: Tables, given: Mapping[str, Any], summary: DataSummary, problems: Problems) -> None:
    """Rules that need a look at the data; ``given`` is what the file says."""
    check_data_and_recipe(tables.recipe, summary, problems)
    warn_of_own_splits(_table(given, "data"), summary, problems)


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


def _check_schedule(recipe: Recipe, problems: Problems) -> None:
    milestones = ("recipe", "milestones")
    if list(recipe.milestones) != sorted(set(recipe.milestones)) and problems.is_clean(milestones):
        problems.add(milestones, "must ascend", value=list(recipe.milestones))
    decay_epochs = recipe.decay_share * recipe.epochs
    names = ("epochs", "warmup_epochs", "decay_share")
    is_clean = problems.is_clean(*(("recipe", name) for name in names))
    decays = recipe.schedule is ScheduleName.STABLE_DECAY
    if decays and recipe.warmup_epochs + decay_epochs > recipe.epochs and is_clean:
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
    share = ("resources", "gpus_per_worker")
    if 0 < resources.gpus_per_worker < 1 and num_workers > 1 and problems.is_clean(share, workers):
        # NCCL refuses two ranks on one GPU, and Ray Train counts whole workers wrongly by sums of fractions.
        rule = f"workers that train as one ({num_workers} a trial) take whole GPUs"
        problems.add(share, rule, value=resources.gpus_per_worker, hint="take 1, or workers_per_trial = 1")
    _check_fewer_workers(resources, problems)
    if recipe.batch_size < 2 * num_workers and problems.is_clean(workers, batch):
        problems.add(
            batch,
            f"batch norm needs at least 2 images a worker and step, and there are {num_workers} workers",
            value=recipe.batch_size,
            hint=f"take at least {2 * num_workers}",
        )


def _check_fewer_workers(resources: Resources, problems: Problems) -> None:
    path, least = ("resources", "min_workers_per_trial"), resources.min_workers_per_trial
    if least > resources.workers_per_trial and problems.is_clean(path, ("resources", "workers_per_trial")):
        problems.add(path, f"is more than workers_per_trial = {resources.workers_per_trial}", value=least)
    elif least and resources.resolved_engine is EngineName.INLINE:
        problems.warn(path, "has no effect without a group of workers", value=least)
    concurrency = ("resources", "max_concurrent_trials")
    if resources.autoscale and not resources.max_concurrent_trials and problems.is_clean(concurrency):
        rule = "needs max_concurrent_trials, which says how far the cluster shall grow"
        problems.add(("resources", "autoscale"), rule, value=True)
    gpus = resources.gpus_per_worker
    if gpus > 1 and gpus != int(gpus):
        hint = f"take {int(gpus)} or {int(gpus) + 1}"
        problems.add(("resources", "gpus_per_worker"), "must be whole, or a fraction of one GPU", value=gpus, hint=hint)


def _check_wall_time(budget: Budget, problems: Problems) -> None:
    if not budget.wall_time:
        return
    try:
        parse_duration_s(budget.wall_time)
    except ValueError as error:
        problems.add(("budget", "wall_time"), str(error), value=budget.wall_time, hint="units: s, min, h, d")


def _check_latency(latency: LatencySettings, problems: Problems) -> None:
    path = ("latency", "device")
    if problems.is_clean(path) and not _DEVICE.fullmatch(latency.device):
        rule = "must be cpu, cuda or a name of letters, digits, . _ -"
        problems.add(path, rule, value=latency.device)
    if latency.device == "cuda" and latency.runtime is Runtime.ONNXRUNTIME:
        hint = 'set latency.runtime to "folded" or "compiled"'
        problems.add(path, "onnxruntime is measured on processors alone", value=latency.device, hint=hint)


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
    fewer = ("resources", "min_workers_per_trial")
    if tables.study.reproducible and tables.resources.min_workers_per_trial and problems.is_clean(fewer):
        rule = "lets the number of workers change, which no reproducible study may"
        problems.add(fewer, rule, value=tables.resources.min_workers_per_trial)


def _check_tracking(tables: Tables, problems: Problems) -> None:
    uri, path = tables.tracking.uri, ("tracking", "uri")
    if not tables.tracking.experiment and problems.is_clean(("tracking", "experiment")):
        problems.add(("tracking", "experiment"), "must not be empty", value="")
    if not uri or not problems.is_clean(path):
        return
    scheme, separator, rest = uri.partition("://")
    if separator:
        if scheme.partition("+")[0] not in _URI_SCHEMES:
            problems.add(path, "unknown scheme", value=uri, hint=f"known: {', '.join(_URI_SCHEMES)}")
        elif not rest:
            problems.add(path, "names no place", value=uri, hint="write it like http://127.0.0.1:5000")


def _warn_of_no_effect(tables: Tables, given: Mapping[str, Any], problems: Problems) -> None:
    def is_given(table: str, name: str) -> bool:
        return name in _table(given, table)

    warn_of_no_effect(tables.data, _table(given, "data"), problems)
    warn_of_recipe(tables.data, tables.recipe, problems)
    if tables.recipe.optimizer is not OptimizerName.SGD and is_given("recipe", "momentum"):
        problems.warn(("recipe", "momentum"), f"has no effect on {tables.recipe.optimizer}")
    for name in _OF_OTHER_SCHEDULE[tables.recipe.schedule]:
        if is_given("recipe", name):
            problems.warn(("recipe", name), f'has no effect on schedule = "{tables.recipe.schedule}"')
    if tables.budget.gpu_hours and not tables.resources.gpus_per_worker:
        hint = "resources.gpus_per_worker gives trials a GPU"
        rule = "has no effect, because no trial has a GPU"
        problems.warn(("budget", "gpu_hours"), rule, value=tables.budget.gpu_hours, hint=hint)
    if not tables.tracking.enabled and _table(given, "tracking").keys() - {"enabled"}:
        problems.warn(("tracking", "enabled"), "nothing is tracked, so the other settings have no effect", value=False)


def _table(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = given.get(name, {})
    return table if isinstance(table, Mapping) else {}
