"""The README.md of a network that was trained outside of a study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.export.card import ON_LICENCE, accuracy_text, data_rows, loading_text, score_rows, table
from orchestrator.fit.config import FitConfig
from orchestrator.provenance import collect
from orchestrator.records import EpochReport
from orchestrator.scores import ClassificationScore

_ON_ACCURACY = "Accuracy is top-1. The test split was scored once, after the last epoch, and decided nothing."


def trained_card(
    config: FitConfig,
    epochs: list[EpochReport],
    test: ClassificationScore,
    dataset: Mapping[str, Any],
    files: frozenset[str],
    *,
    folder_name: str,
) -> str:
    """Markdown; ``dataset`` is what training noted of its images beside the weights, ``files`` what lies beside it."""
    architecture = config.architecture
    sections = [
        f"# {architecture.family} {architecture.architecture_id}",
        "Trained by `archfront train`.",
        "## Figures\n\n" + table("figure", _figures(config, epochs[-1], test, dataset)),
        _ON_ACCURACY,
        "## Architecture\n\n" + table("field", architecture.to_dict().items()),
        "## Data\n\n" + table("setting", data_rows(config.frozen()["data"], dataset)),
        "## Training\n\n" + table("setting", _training(config, epochs)),
        "## How to load\n\n" + loading_text(folder_name, files),
        "## Licence\n\n" + ON_LICENCE,
    ]
    return "\n\n".join(sections) + "\n"


def _figures(
    config: FitConfig, last: EpochReport, test: ClassificationScore, dataset: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    yield "validation accuracy", accuracy_text(last.accuracy, dataset.get("num_validation"))
    yield "test accuracy", accuracy_text(test.accuracy, test.num_images)
    yield from score_rows(test)
    yield "parameters", f"{config.architecture.num_parameters:,}"
    yield "multiply-accumulates per image", f"{config.architecture.macs(config.task.image_size):,}"


def _training(config: FitConfig, epochs: list[EpochReport]) -> Iterator[tuple[str, Any]]:
    frozen = config.frozen()
    yield "first weights", config.weights or "fresh"
    if config.freeze:
        yield "trained", "the last linear layer alone"
    yield "seed", config.seed
    yield "workers", config.num_workers
    yield from frozen["recipe"].items()
    yield "wall time", f"{epochs[-1].wall_time_s:.1f} s"
    yield from collect().items()
