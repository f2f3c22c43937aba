"""The README.md of an exported network: what it is, what it was made from, how good it is, how it is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from statistics import fmean
from typing import Any

from orchestrator.export import names
from orchestrator.objectives import ACCURACY, LATENCY_MS, MACS, NUM_PARAMETERS, format_quantity
from orchestrator.records import StudySnapshot, TrialRecord
from orchestrator.report.wording import conditions
from orchestrator.scores import ClassificationScore
from orchestrator.selector.certainty import Basis, Interval, accuracy_interval, images_interval

_ON_ACCURACY = (
    "Accuracy is top-1. The validation split chose this network among others, so its accuracy there flatters it; "
    "the test split was scored once and chose nothing."
)
_ON_RETRAINING = (
    "**The weights in this folder were trained anew on the training and the validation images together**, by the same "
    "recipe. Validation figures, latency and seeds are those of the search; the test accuracy of these weights is "
    "in the table."
)
_ON_FORMS = (
    "`model.safetensors` and `graph.json` hold the network as it was trained, with batch norms of their own: it can be "
    "trained on. In `model.onnx` and `model.pt2`, where they are here, and under latency where the runtime is called "
    "`folded`, those batch norms are folded into the convolutions before them: for inference, equal but for rounding."
)
ON_LICENCE = (
    "This folder grants no rights of its own. The weights come from the data named above: "
    "its licence decides how they may be used and passed on."
)

_ALWAYS_SHOWN = (ACCURACY, NUM_PARAMETERS, MACS, LATENCY_MS)


def model_card(
    snapshot: StudySnapshot,
    record: TrialRecord,
    dataset: Mapping[str, Any],
    files: frozenset[str],
    *,
    folder_name: str,
    is_retrained: bool = False,
) -> str:
    """Markdown; ``dataset`` is what training noted of its images beside the weights, ``files`` what lies beside it."""
    sections = [
        f"# {record.family} {record.architecture_id}",
        f"Trial {record.number} of the study `{snapshot.name}` (`{snapshot.study_id}`), {snapshot.created_at}.",
        *([_ON_RETRAINING] if is_retrained else []),
        "## Figures\n\n" + table("figure", _figures(snapshot, record, dataset)),
        _ON_ACCURACY,
        "## Architecture\n\n" + table("field", record.architecture.items()),
        "## Data\n\n" + table("setting", data_rows(snapshot.frozen.get("data", {}), dataset)),
        "## Training\n\n" + table("setting", _training(snapshot, record)),
        "## How to load\n\n" + loading_text(folder_name, files),
        "## Licence\n\n" + ON_LICENCE,
    ]
    return "\n\n".join(sections) + "\n"


def accuracy_text(accuracy: float | None, num_images: int | None) -> str:
    """A share with its 95 % interval, where it is known of how many images."""
    if accuracy is None:
        return "not scored"
    return _interval_text(images_interval(accuracy, num_images)) if num_images else f"{accuracy:.4f}"


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


def loading_text(folder_name: str, files: frozenset[str]) -> str:
    """How a reader of the folder gets its network."""
    lines = []
    if names.LOADER_FILE in files:
        lines += [
            "With torch and nothing else, in this folder:",
            "```python\nfrom load import load, prepare\n\nlogits = load()(prepare(images))  # uint8, BCHW\n```",
            "With archfront, as the module that was trained:",
        ]
    else:
        lines.append("With archfront and the package that brings the family:")
    lines += [
        f'```python\nfrom orchestrator import load_model\n\nmodel = load_model("{folder_name}")\n```',
        "Both verify the checksums first, and execute nothing that the other files hold.",
        "Images go in as `preprocessing.json` says; logits come out, in the order of its `class_names`.",
    ]
    if names.ONNX_FILE in files:
        lines.append("`model.onnx` is the same network: input `image`, output `logits`, any batch size.")
    if names.PT2_FILE in files:
        lines.append(
            '`torch.export.load("model.pt2").module()` is the same network, any batch size; torch reads that file with '
            "pickle, so open it only where you trust whoever wrote it."
        )
    lines.append(_ON_FORMS)
    lines.append(
        "`archfront verify` tries all of this, `python load.py` what torch alone can try, and "
        "`sha256sum --check SHA256SUMS` the files."
    )
    return "\n\n".join(lines)


def table(head: str, rows: Iterable[tuple[str, Any]]) -> str:
    """A Markdown table of names and values."""
    cells = "".join(f"\n| {name} | {_cell(value)} |" for name, value in rows)
    return f"| {head} | |\n|---|---|{cells}"


def _figures(snapshot: StudySnapshot, record: TrialRecord, dataset: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "validation accuracy", accuracy_text(record.accuracy, dataset.get("num_validation"))
    yield "test accuracy", accuracy_text(record.test_accuracy, dataset.get("num_test"))
    if record.test_score is not None:
        yield from score_rows(record.test_score)
    yield from _further_rows(record)
    yield "parameters", f"{record.num_parameters:,}"
    yield "multiply-accumulates per image", f"{record.macs:,}"
    yield "latency", _latency(record)
    goals = [*(one.name for one in snapshot.objectives), *(one.name for one in snapshot.constraints)]
    for name in dict.fromkeys(goals):
        if name not in _ALWAYS_SHOWN:
            yield name, format_quantity(name, record.value(name))


def _further_rows(record: TrialRecord) -> Iterator[tuple[str, str]]:
    """Of trainings after the search."""
    over_seeds = accuracy_interval(record, None)
    if over_seeds is not None:
        yield f"validation accuracy, mean over {over_seeds.count} further seeds", _interval_text(over_seeds)
    tests = [one.test_accuracy for one in record.seeds if one.test_accuracy is not None]
    if tests:
        yield f"test accuracy, mean over {len(tests)} further seeds", f"{fmean(tests):.4f}"
    if failed := [one for one in record.seeds if one.cause is not None]:
        yield "further seeds that failed", ", ".join(f"{one.seed} ({one.cause})" for one in failed)
    if record.retrained is not None and record.retrained.test_score is not None:
        score = record.retrained.test_score
        yield "test accuracy, trained on validation images as well", accuracy_text(score.accuracy, score.num_images)


def _interval_text(found: Interval) -> str:
    of = f", {found.count:,} images" if found.basis is Basis.IMAGES else ""
    return f"{found.mean:.4f} (95 % interval {found.low:.4f} to {found.high:.4f}{of})"


def _latency(record: TrialRecord) -> str:
    measured = record.latency
    if measured is None:
        return f"{record.predicted_latency_ms:.3g} ms, predicted"
    interval = f"95 % interval {measured.low_ms:.3g} to {measured.high_ms:.3g}"
    contended = "; something else was running" if measured.is_contended else ""
    repetitions = f"{measured.num_repetitions:,} repetitions"
    return f"{measured.median_ms:.3g} ms ({interval}, {repetitions}{contended}); {conditions(measured.conditions)}"


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
