"""The README.md of an exported network: what it is, what it was made from, how good it is, how it is loaded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestrator.records import Latency, StudySnapshot, TrialRecord
from orchestrator.scores import ClassificationScore

_Z_95 = 1.959964

_ON_ACCURACY = (
    "Accuracy is top-1. The validation split chose this network among others, so its accuracy there flatters it; "
    "the test split was scored once and chose nothing."
)
ON_LICENCE = (
    "This folder grants no rights of its own. The weights come from the data named above: "
    "its licence decides how they may be used and passed on."
)


def model_card(
    snapshot: StudySnapshot, record: TrialRecord, dataset: Mapping[str, Any], *, folder_name: str, has_onnx: bool
) -> str:
    """Markdown; ``dataset`` is what training noted of its images beside the weights."""
    sections = [
        f"# {record.family} {record.architecture_id}",
        f"Trial {record.number} of the study `{snapshot.name}` (`{snapshot.study_id}`), {snapshot.created_at}.",
        "## Figures\n\n" + table("figure", _figures(record, dataset)),
        _ON_ACCURACY,
        "## Architecture\n\n" + table("field", record.architecture.items()),
        "## Data\n\n" + table("setting", data_rows(snapshot.frozen.get("data", {}), dataset)),
        "## Training\n\n" + table("setting", _training(snapshot, record)),
        "## How to load\n\n" + loading_text(folder_name, has_onnx=has_onnx),
        "## Licence\n\n" + ON_LICENCE,
    ]
    return "\n\n".join(sections) + "\n"


def wilson_interval(share: float, num_images: int) -> tuple[float, float]:
    """The 95 % interval of a share of ``num_images`` (Wilson 1927); stays within [0, 1]."""
    z2 = _Z_95**2
    centre = (share + z2 / (2 * num_images)) / (1 + z2 / num_images)
    spread = share * (1 - share) / num_images + z2 / (4 * num_images**2)
    half_width = _Z_95 * math.sqrt(spread) / (1 + z2 / num_images)
    return max(0.0, centre - half_width), min(1.0, centre + half_width)


def accuracy_text(accuracy: float | None, num_images: int | None) -> str:
    """A share with its 95 % interval, where it is known of how many images."""
    if accuracy is None:
        return "not scored"
    if not num_images:
        return f"{accuracy:.4f}"
    low, high = wilson_interval(accuracy, num_images)
    return f"{accuracy:.4f} (95 % interval {low:.4f} to {high:.4f}, {num_images:,} images)"


def data_rows(settings: Mapping[str, Any], dataset: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What was asked for, and what was found."""
    # How many images and classes were asked for matters where they were made up.
    unused = () if settings.get("name") == "synthetic" else ("num_images", "num_classes")
    yield from ((name, value) for name, value in {**settings, **dataset}.items() if name not in unused)


def score_rows(test: ClassificationScore) -> Iterator[tuple[str, str]]:
    """What is known of a test split beside its accuracy."""
    if test.top5_accuracy is not None:
        yield "test top-5 accuracy", accuracy_text(test.top5_accuracy, test.num_images)
    yield "test precision, mean over classes", f"{test.precision_macro:.4f}"
    yield "test recall, mean over classes", f"{test.recall_macro:.4f}"


def loading_text(folder_name: str, *, has_onnx: bool) -> str:
    """How a reader of the folder gets its network."""
    lines = [
        "With archfront and the packages in `requirements.txt` installed:",
        f'```python\nfrom orchestrator import load_model\n\nmodel = load_model("{folder_name}")\n```',
        "Its checksums are verified first.",
        "Images go in as `preprocessing.json` says; logits come out, in the order of its `class_names`.",
    ]
    if has_onnx:
        lines.append("`model.onnx` is the same network: input `image`, output `logits`, any batch size.")
    lines.append("`sha256sum --check SHA256SUMS` verifies the files without archfront.")
    return "\n\n".join(lines)


def table(head: str, rows: Iterable[tuple[str, Any]]) -> str:
    """A Markdown table of names and values."""
    cells = "".join(f"\n| {name} | {_cell(value)} |" for name, value in rows)
    return f"| {head} | |\n|---|---|{cells}"


def _figures(record: TrialRecord, dataset: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "validation accuracy", accuracy_text(record.accuracy, dataset.get("num_validation"))
    yield "test accuracy", accuracy_text(record.test_accuracy, dataset.get("num_test"))
    if record.test_score is not None:
        yield from score_rows(record.test_score)
    yield "parameters", f"{record.num_parameters:,}"
    yield "multiply-accumulates per image", f"{record.macs:,}"
    yield "latency", _latency(record)


def _latency(record: TrialRecord) -> str:
    measured = record.latency
    if measured is None:
        return f"{record.predicted_latency_ms:.3g} ms, predicted"
    interval = f"95 % interval {measured.low_ms:.3g} to {measured.high_ms:.3g}"
    contended = "; something else was running" if measured.is_contended else ""
    repetitions = f"{measured.num_repetitions:,} repetitions"
    return f"{measured.median_ms:.3g} ms ({interval}, {repetitions}{contended}); {_conditions(measured)}"


def _conditions(latency: Latency) -> str:
    stated = latency.conditions
    shape = "x".join(str(side) for side in (stated.batch_size, *stated.input_shape))
    threads = f"{stated.num_threads} thread{'s' if stated.num_threads > 1 else ''}"
    return f"{stated.device}, {threads}, {shape}, {stated.dtype}, {stated.runtime}, torch {stated.torch_version}"


def _training(snapshot: StudySnapshot, record: TrialRecord) -> Iterator[tuple[str, Any]]:
    yield "seed of the study", snapshot.frozen.get("study", {}).get("seed", "unknown")
    yield from snapshot.frozen.get("recipe", {}).items()
    yield "epochs trained", len(record.reports)
    yield "wall time", f"{record.wall_time_s:.1f} s"
    yield from snapshot.provenance.items()


def _cell(value: Any) -> str:
    """A value on one line of a table."""
    if isinstance(value, Mapping):
        value = ", ".join(f"{name} {item}" for name, item in value.items())
    if isinstance(value, list | tuple):
        value = ", ".join(str(item) for item in value)
    return str(value).replace("|", "\\|").replace("\n", " ")
