"""How a study looks in MLflow: names, colours, figures and texts that its pages show well."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

STUDY_TAG = "archfront.study_id"
TRIAL_TAG = "archfront.trial"
FRONT_TAG = "pareto"
RUN_NAME_TAG = "mlflow.runName"
COMMIT_TAG = "mlflow.source.git.commit"
MAX_RUN_NAME = 19  # more is cut off in the chart view of MLflow 3.17
MAX_KEY = 250
MAX_PARAM = 6000
MAX_TAG = 8000

EPOCH_METRICS = {
    "accuracy": "validation/accuracy",
    "loss": "validation/loss",
    "train_loss": "train/loss",
    "top5_accuracy": "validation/top5_accuracy",
    "wall_time_s": "time/wall_time_s",
    "data_s": "time/data_s",
    "step_s": "time/step_s",
    "validation_s": "time/validation_s",
    "checkpoint_s": "time/checkpoint_s",
    "images_per_s": "speed/images_per_s",
}
"""Curves by the chart section they belong to; plain names are left to the figures of the finished trial."""

_COLOURS = {
    "densenet": ("#1f5fbf", "#b3c9ea"),
    "resnet": ("#d9730d", "#f3cfa8"),
    "mobilenet": ("#2a8c4a", "#b5dcc1"),
}
_OTHER_COLOURS = ("#555555", "#cccccc")

_FRONT_HEADING = "## Pareto front"


def run_name(number: int, family: str) -> str:
    return f"{number} {family}".strip()[:MAX_RUN_NAME]


def run_colour(family: str, *, is_on_front: bool) -> str:
    """One hue for each family, strong on the front and pale elsewhere."""
    strong, pale = _COLOURS.get(family, _OTHER_COLOURS)
    return strong if is_on_front else pale


def rounded(value: float) -> float:
    """Four decimals, or four digits where that would show nothing; counts stay whole."""
    if value == int(value):
        return value
    return round(value, 4) if abs(value) >= 0.1 else float(f"{value:.4g}")


def finite_metrics(metrics: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """What may be logged: MLflow stores an infinity as 1.8e308, and one NaN spoils a chart."""
    for name, value in metrics.items():
        if math.isfinite(value):
            yield key(name), rounded(value)


def key(name: str) -> str:
    """A name of a metric, a param or a tag as MLflow accepts it."""
    return re.sub(r"[^/\w.\- :]", "_", name)[:MAX_KEY]


def text(value: Any) -> str:
    """A value as a person writes it: ``6, 12, 24``, ``true``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(text(item) for item in value)
    return str(value)


def params(values: Mapping[str, Any]) -> dict[str, str]:
    """A nested table by dotted names, as MLflow accepts it."""
    return {key(name): words[:MAX_PARAM] for name, words in _flattened(values, "")}


def tags(values: Mapping[str, Any]) -> dict[str, str]:
    """The same, at the length that tags may have."""
    return {key(name): words[:MAX_TAG] for name, words in _flattened(values, "")}


def note(previous: str, *, description: str | None, front: str | None) -> str:
    """The study's description above the table of its front; None keeps what ``previous`` says."""
    old_description, _, old_front = (part.strip() for part in previous.partition(_FRONT_HEADING))
    table = old_front if front is None else front.strip()
    words = old_description if description is None else description.strip()
    parts = [words, f"{_FRONT_HEADING}\n\n{table}" if table else ""]
    return _cut("\n\n".join(part for part in parts if part))


def _flattened(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")
        elif value is not None:
            yield prefix + name, text(value)


def _cut(markdown: str) -> str:
    if len(markdown) <= MAX_TAG:
        return markdown
    return markdown[: MAX_TAG - 2].rpartition("\n")[0] + "\n…"
