"""What the two views of a study show, in the form that MLflow's pages keep a shared view in.

It is an internal form of theirs: servers before 3.15 do not know it and show their usual charts.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from orchestrator.tracking.views import View

TAG_PREFIX = "mlflow.sharedViewState."
MAX_TAG = 5000
"""What a tag of an experiment may hold."""

MAX_COLUMNS = 12
"""Of parameters; more are not read, and their names fill the tag."""

MAX_NAME = 60
"""Letters of a parameter's name; a longer one is left out."""

_SECTION = "archfront"
_NUM_RUNS = 1000
_COSTS = ("num_parameters", "latency_ms", "macs")
_FIGURES = ("accuracy", *_COSTS, "test_accuracy")
_CURVE = "validation/accuracy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Axes:
    """Which parameters of the trials are worth showing.

    Attributes:
        columns: those that differ between trials, the commonest first.
        shared: those of them that every trial has: only these draw a line through parallel coordinates.
    """

    columns: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    @classmethod
    def of(cls, trials: Iterable[Mapping[str, str]]) -> Self:
        """From the parameters of each trial."""
        tables = [table for table in trials if table]
        names = sorted({name for table in tables for name in table if len(name) <= MAX_NAME})
        differing = [name for name in names if len({table[name] for table in tables if name in table}) > 1]
        counts = {name: sum(name in table for table in tables) for name in differing}
        ordered = sorted(differing, key=lambda name: (-counts[name], name))
        shared = tuple(name for name in ordered if counts[name] == len(tables))
        return cls(columns=tuple(ordered[:MAX_COLUMNS]), shared=shared[:MAX_COLUMNS])


def view_tags(study_id: str, study_name: str, axes: Axes, *, now_ms: int) -> dict[str, str]:
    """The experiment's tags that hold the views of a study."""
    return {
        TAG_PREFIX + view.key(study_id): _packed(
            f"{view.value}: {study_name}", _state(view, study_id, axes), now_ms=now_ms
        )
        for view in View
    }


def is_same(tag: str | None, other: str) -> bool:
    """Whether two such tags show the same, whenever they were written."""
    return tag is not None and _content(tag) == _content(other)


def _content(tag: str) -> Any:
    try:
        fields = json.loads(tag)
        return fields["name"], fields["state"]
    except (ValueError, TypeError, KeyError):
        return tag


def _packed(name: str, state: Mapping[str, Any], *, now_ms: int) -> str:
    packed = base64.b64encode(zlib.compress(json.dumps(state, separators=(",", ":")).encode(), 9)).decode()
    tag = json.dumps({"name": name, "createdAt": now_ms, "updatedAt": now_ms, "state": f"deflate;{packed}"})
    assert len(tag) <= MAX_TAG, f"{len(tag)} characters"
    return tag


def _state(view: View, study_id: str, axes: Axes) -> dict[str, Any]:
    figures = [f"metrics.`{name}`" for name in _FIGURES]
    marks = ["tags.`state`"] if view is View.TRIALS else []
    return {
        "searchFilter": view.condition(study_id),
        "orderByKey": "metrics.`accuracy`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": [*figures, *(f"params.`{name}`" for name in axes.columns), *marks],
        "columnOrder": [],
        "columnWidths": {},
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runsVisibilityMap": {},
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": _charts(axes),
        "compareRunSections": [_section("Accuracy against costs")],
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": False,
        "groupBy": None,
        "groupsExpanded": {},
        "autoRefreshEnabled": True,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }


def _section(title: str) -> dict[str, Any]:
    return {
        "uuid": _SECTION,
        "name": title,
        "display": True,
        "isReordered": False,
        "deleted": False,
        "isGenerated": False,
        "columns": 2,
        "cardHeight": 420,
    }


def _charts(axes: Axes) -> list[dict[str, Any]]:
    return [
        _scatter("num_parameters", "accuracy against parameters"),
        _scatter("latency_ms", "accuracy against latency (ms)"),
        _parallel(axes.shared),
        _curves(),
    ]


def _scatter(cost: str, title: str) -> dict[str, Any]:
    return {
        **_chart("SCATTER", cost, title),
        "runsCountToCompare": _NUM_RUNS,
        "xaxis": {"key": cost, "type": "METRIC"},
        "yaxis": {"key": "accuracy", "type": "METRIC"},
    }


def _parallel(parameters: Sequence[str]) -> dict[str, Any]:
    return {
        **_chart("PARALLEL", "parallel", "parallel coordinates"),
        "runsCountToCompare": _NUM_RUNS,
        "showAllRuns": True,
        "selectedParams": list(parameters),
        "selectedMetrics": ["num_parameters", "latency_ms", "accuracy"],
    }


def _curves() -> dict[str, Any]:
    return {
        **_chart("LINE", "curves", "learning curves: validation accuracy"),
        "runsCountToCompare": _NUM_RUNS,
        "metricKey": _CURVE,
        "selectedMetricKeys": [_CURVE],
        "lineSmoothness": 0,
        "scaleType": "linear",
        "xAxisScaleType": "linear",
        "xAxisKey": "step",
        "range": {},
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
    }


def _chart(kind: str, key: str, title: str) -> dict[str, Any]:
    return {
        "uuid": f"{_SECTION}-{key}",
        "type": kind,
        "displayName": title,
        "metricSectionId": _SECTION,
        "isGenerated": False,
        "deleted": False,
    }
