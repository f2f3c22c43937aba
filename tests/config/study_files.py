"""Writes study files: the reverse of reading them, and random ones that are wrong in random places."""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from orchestrator import studies
from orchestrator.config.settings import (
    Budget,
    DataSettings,
    EngineName,
    LatencySettings,
    OptimizerName,
    Recipe,
    Resources,
    Runtime,
    SamplerName,
    SchedulerName,
    SearchConfig,
    StudySettings,
    Tracking,
)
from orchestrator.objectives import ACCURACY, DIRECTIONS, Constraint, Objective
from search_spaces.architecture import Task
from search_spaces.parameters import ChoiceParameter, Condition, FloatParameter, IntParameter
from search_spaces.space import FamilySpace, SearchSpace

Path = tuple[str, ...]


def to_toml(tables: dict[str, Any]) -> str:
    """A text that tomllib reads as these tables."""
    return "".join(f"{_key(name)} = {_value(value)}\n" for name, value in tables.items())


def _key(name: str) -> str:
    return _value(name)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _paths(table: dict[str, Any], prefix: Path = ()) -> Iterator[Path]:
    for name, value in table.items():
        yield (*prefix, name)
        if isinstance(value, dict):
            yield from _paths(value, (*prefix, name))


BASE = tomllib.loads(studies.read("digits")) | {
    "space": {
        "densenet": {"block_config": [[2, 2], [3, 3]], "growth_rate": {"low": 4, "high": 16, "step": 4}},
        "resnet": {"num_stages": 2, "depth": [1, 2], "base_width": {"low": 8, "high": 32, "log": True}},
        "mobilenet": {"expand_ratio": {"low": 1.0, "high": 6.0}, "kernel_size": [3, 5], "squeeze_excite": True},
    },
    "budget": {"trials": 24, "wall_time": "2 h", "gpu_hours": 8, "patience": 50},
    "resources": {"engine": "auto", "workers_per_trial": 1, "max_concurrent_trials": 2},
    "tracking": {"enabled": True, "uri": "http://127.0.0.1:5000"},
}

_TEXTS = [
    "",
    "fast",
    "<= 1k",
    "<= 5 ms",
    "90 min",
    ">= 0.9",
    "1M",
    "sgd",
    "auto",
    "folder",
    "/no/such",
    "~x",
    "..",
    "\x1b",
    "é" * 90,
]
_NUMBERS = [-3, 0, 1, 2, 3, 8, 64, 65, 5000, 2**31, -(2**63), 2**63, 0.0, -0.5, 0.3, 1.0, 1.5, 8.0, 1e308, 5e-324]
_SCALARS = [*_TEXTS, *_NUMBERS, float("nan"), float("inf"), True, False]
_KEYS = sorted({name for path in _paths(BASE) for name in path} | {"low", "high", "step", "log", "token"})
_ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_ANY_SCALAR = st.sampled_from(_SCALARS) | st.integers() | st.floats() | _ANY_TEXT
_NAMES = st.sampled_from([*_KEYS, *_TEXTS])
_ENDS = st.sampled_from(_NUMBERS)
_RANGES = st.fixed_dictionaries({}, optional={"low": _ENDS, "high": _ENDS, "step": _ENDS, "log": st.booleans()})
_LISTS = st.lists(_ANY_SCALAR, max_size=3)
_TABLES = st.dictionaries(_NAMES, _LISTS, max_size=2)
_VALUES = st.one_of(_ANY_SCALAR, _LISTS, st.lists(_LISTS, max_size=2), _RANGES, _TABLES)


@st.composite
def mutated_tables(draw: st.DrawFn) -> dict[str, Any]:
    """The tables of a good study file with one to four keys changed, added, renamed or removed."""
    tables = copy.deepcopy(BASE)
    for _ in range(draw(st.integers(1, 4))):
        *parents, name = draw(st.sampled_from(list(_paths(tables)) or [("data",)]))
        table = tables
        for parent in parents:
            table = table[parent]
        match draw(st.sampled_from(("change", "change", "add", "rename", "remove"))):
            case "change":
                table[name] = draw(_VALUES)
            case "add":
                table[draw(_NAMES)] = draw(_VALUES)
            case "rename":
                table[draw(_NAMES)] = table.pop(name, {})
            case _:
                table.pop(name, None)
    return tables


def _axis_names() -> st.SearchStrategy[list[str]]:
    return st.lists(st.from_regex(r"[a-z]{1,6}", fullmatch=True), min_size=1, max_size=5, unique=True)


_FLOATS = st.floats(-1e6, 1e6)


@st.composite
def _parameters(draw: st.DrawFn, name: str, before: list[str]) -> IntParameter | FloatParameter | ChoiceParameter:
    condition = None
    if before and draw(st.booleans()):
        values = draw(st.lists(st.integers(0, 5) | st.text(max_size=2), min_size=1, max_size=3))
        condition = Condition(parameter=draw(st.sampled_from(before)), values=tuple(values))
    if draw(st.booleans()):
        values = st.integers(-5, 5) | st.text(max_size=3) | st.lists(st.integers(0, 9), max_size=3).map(tuple)
        choices = draw(st.lists(values, min_size=1, max_size=4, unique=True))
        return ChoiceParameter(name=name, choices=tuple(choices), condition=condition)
    if draw(st.booleans()):
        low, high = sorted(draw(st.tuples(st.integers(1, 99), st.integers(1, 99))))
        return IntParameter(name=name, low=low, high=high, step=draw(st.integers(1, 9)), condition=condition)
    low_end, high_end = sorted(draw(st.tuples(_FLOATS, _FLOATS)))
    step = draw(st.none() | st.floats(0.01, 10))
    return FloatParameter(name=name, low=low_end, high=high_end, step=step, condition=condition)


@st.composite
def _spaces(draw: st.DrawFn) -> SearchSpace:
    families = draw(st.lists(st.sampled_from(("densenet", "resnet", "mine")), min_size=1, unique=True))
    spaces = []
    for family in families:
        *searched, fixed = draw(_axis_names())
        parameters = tuple(draw(_parameters(name, searched[:index])) for index, name in enumerate(searched))
        value = draw(st.booleans() | _FLOATS | st.integers() | st.lists(st.integers(0, 9)).map(tuple))
        spaces.append(FamilySpace(family=family, parameters=parameters, fixed={fixed: value}))
    return SearchSpace(families=tuple(spaces))


@st.composite
def configs(draw: st.DrawFn) -> SearchConfig:
    """Any config; not every one of them could be searched."""
    return SearchConfig(
        study=StudySettings(
            name=draw(st.sampled_from(("a", "b"))),
            seed=draw(st.integers(0, 9)),
            sampler=draw(st.sampled_from(SamplerName)),
            scheduler=draw(st.sampled_from(SchedulerName)),
        ),
        data=DataSettings(name="folder", path=draw(st.text(max_size=3)), image_size=draw(st.integers(8, 64))),
        task=Task(in_channels=draw(st.sampled_from((1, 3))), num_classes=draw(st.integers(2, 9)), image_size=32),
        space=draw(_spaces()),
        objectives=tuple(
            Objective(name=name, direction=DIRECTIONS[name])
            for name in draw(st.lists(st.sampled_from(sorted(DIRECTIONS)), unique=True))
        ),
        constraints=tuple(
            Constraint(name=name, bound=draw(st.floats(1e-3, 1) if name == ACCURACY else st.floats(1e-3, 1e12)))
            for name in draw(st.lists(st.sampled_from(sorted(DIRECTIONS)), unique=True))
        ),
        recipe=Recipe(
            epochs=draw(st.integers(1, 99)),
            optimizer=draw(st.sampled_from(OptimizerName)),
            learning_rate=draw(st.floats(1e-6, 1)),
            flip=draw(st.booleans()),
        ),
        latency=LatencySettings(num_threads=draw(st.integers(1, 4)), runtime=draw(st.sampled_from(Runtime))),
        budget=Budget(
            trials=draw(st.integers(1, 99)),
            wall_time=draw(st.sampled_from(("", "90 min"))),
            gpu_hours=draw(st.floats(0, 9)),
            patience=draw(st.integers(0, 9)),
        ),
        resources=Resources(
            engine=draw(st.sampled_from(EngineName)),
            workers_per_trial=draw(st.integers(1, 4)),
            max_concurrent_trials=draw(st.integers(0, 4)),
        ),
        tracking=Tracking(uri=draw(st.sampled_from(("", "http://127.0.0.1:5000")))),
    )
