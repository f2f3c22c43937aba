"""Figures that are hashes: exact, the same in every run, and without any training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.records import EpochReport, Latency, LatencyConditions, TrialRecord
from orchestrator.suggest.stored import StoredResult

_CONDITIONS = LatencyConditions(
    device="none",
    num_threads=1,
    batch_size=1,
    input_shape=(1, 8, 8),
    dtype="float32",
    runtime="eager",
    torch_version="",
)


class EveryFourth(Mapping[str, StoredResult]):
    """Results of a study that has trained a quarter of all architectures already."""

    def __init__(self, folder: Path) -> None:
        self._model = folder / "model"
        self._model.mkdir(exist_ok=True)
        (self._model / "weights").write_text("of another study")

    def __getitem__(self, architecture_id: str) -> StoredResult:
        if draw(architecture_id, "stored") >= 1 / 4:
            raise KeyError(architecture_id)
        accuracy = 0.5 + 0.4 * draw(architecture_id, "accuracy")
        report = EpochReport(epoch=1, accuracy=accuracy, loss=1.0, train_loss=1.0, wall_time_s=1.0)
        return StoredResult(
            source="another study",
            model=str(self._model),
            accuracy=accuracy,
            loss=1.0,
            wall_time_s=1.0,
            reports=(report,),
        )

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def accuracy_of(record: TrialRecord, epoch: int, *, seed: int) -> float:
    """Rises with the epochs; how far is the architecture's own."""
    final = 0.6 + 0.3 * draw(record.architecture_id, seed)
    return final * (1 - 0.5**epoch) + 0.01 * draw(record.architecture_id, seed, epoch)


def draw(*what: object) -> float:
    """A number in [0, 1) that is a hash."""
    return int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:6]) / 2**48


def made_up_latency(record: TrialRecord) -> Latency:
    middle = record.predicted_latency_ms
    return Latency(
        median_ms=middle,
        low_ms=0.9 * middle,
        high_ms=1.1 * middle,
        num_repetitions=10,
        is_contended=False,
        conditions=_CONDITIONS,
    )
