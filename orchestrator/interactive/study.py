"""A study as a Python object: its tables, its best network, and how it looks in a notebook."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.choosing import read_limit
from orchestrator.errors import BadInputError
from orchestrator.objectives import (
    ACCURACY,
    FILE_BYTES,
    LATENCY_MS,
    MACS,
    NUM_PARAMETERS,
    PEAK_MEMORY_BYTES,
    THROUGHPUT_PER_S,
    TIMED,
)
from orchestrator.records import StudySnapshot, TrialRecord
from orchestrator.report.view import view_of
from orchestrator.selector import LatencyBasis, Policy, Selection, best
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import read_snapshot
from orchestrator.store.remote_study import fetched, open_directory

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import nn

_IDENTITY = ("family", "architecture")
_FIGURES = (
    "test_accuracy",
    NUM_PARAMETERS,
    MACS,
    LATENCY_MS,
    "latency_low_ms",
    "latency_high_ms",
    FILE_BYTES,
    PEAK_MEMORY_BYTES,
    THROUGHPUT_PER_S,
    "throughput_low_per_s",
    "throughput_high_per_s",
)
"""Columns of a front, beside its objectives."""


class Study:
    """What a directory holds of a study; every access reads it anew, also while a search is writing.

    Attributes:
        directory: where it lies.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)

    @property
    def snapshot(self) -> StudySnapshot:
        """Everything that was recorded.

        Raises:
            StudyError: there is no study, or a newer archfront wrote it.
        """
        return read_snapshot(self.directory)

    @property
    def trials(self) -> DataFrame:
        """One row per trial, indexed by its number, with the columns of ``trials.parquet``."""
        return _rows(self.snapshot)

    @property
    def front(self) -> DataFrame:
        """The Pareto front, most accurate first: what tells its networks apart, and their figures."""
        view = view_of(self.snapshot)
        rows = _rows(view.snapshot).loc[[record.number for record in view.front]]
        rows.insert(0, "architecture", [view.architecture(record) for record in view.front])
        names = dict.fromkeys([*_IDENTITY, *(one.name for one in view.snapshot.objectives), *_FIGURES])
        is_predicted = view.basis is LatencyBasis.PREDICTED
        columns = [f"predicted_{name}" if is_predicted and name in TIMED else name for name in names]
        return rows[[name for name in columns if name in rows]].dropna(axis="columns", how="all")

    def best(
        self,
        *,
        max_params: str | float | None = None,
        max_latency: str | None = None,
        max_macs: str | float | None = None,
        max_file: str | None = None,
        max_memory: str | None = None,
        min_throughput: str | None = None,
        min_accuracy: str | float | None = None,
        policy: str = Policy.ACCURATE,
    ) -> Selection:
        """The trial to take inside the limits, the runner-up, and why; as ``archfront best``.

        Args:
            max_params, max_macs: such as ``1e6`` or ``"1M"``.
            max_latency: such as ``"5 ms"``.
            max_file: of the file of weights, such as ``"5 MB"``.
            max_memory: of inference, such as ``"20 MB"``.
            min_throughput: images a second, such as ``"500 /s"``.
            min_accuracy: such as ``0.97`` or ``"97 %"``.
            policy: ``accurate``, ``knee``, ``small`` or ``fast``.

        Raises:
            NothingFeasibleError: no COMPLETED trial is inside the limits; the nearest one is named.
            BadInputError: a limit or the policy can't be read.
        """
        given = {
            "max_params": (NUM_PARAMETERS, max_params),
            "max_latency": (LATENCY_MS, max_latency),
            "max_macs": (MACS, max_macs),
            "max_file": (FILE_BYTES, max_file),
            "max_memory": (PEAK_MEMORY_BYTES, max_memory),
            "min_throughput": (THROUGHPUT_PER_S, min_throughput),
            "min_accuracy": (ACCURACY, min_accuracy),
        }
        limits = [read_limit(called, name, value) for called, (name, value) in given.items() if value is not None]
        snapshot = self.snapshot
        return best(snapshot.records, snapshot.objectives, [*snapshot.constraints, *limits], _policy(policy))

    def load(self, trial: int | TrialRecord | Selection) -> nn.Module:
        """The trained network of a COMPLETED trial, on the CPU, in evaluation mode: the weights that are exported.

        Its input is what ``dataset.json`` beside its weights says: images normalised by that mean and deviation.

        Raises:
            BadInputError: there is no such trial, or it has no trained network.
            StorageError: a file is absent or was changed.
        """
        from orchestrator.training.model_files import read_model

        number = _number(trial)
        records = self.snapshot.records
        if not 0 <= number < len(records):
            raise BadInputError(f"trial {number}: {self.directory} has trials 0 to {len(records) - 1}")
        paths, record = StudyPaths(self.directory).trial(number), records[number]
        is_retrained = record.retrained is not None and record.retrained.cause is None
        folder = fetched(paths.retrained.model if is_retrained else paths.model, self.directory)
        if record.accuracy is None or not folder.is_dir():
            raise BadInputError(
                f"trial {number} is {record.state} and has no trained network",
                hint="study.front lists trials that have one",
            )
        return read_model(folder)

    def __repr__(self) -> str:
        return f"Study({str(self.directory)!r})"

    def _repr_html_(self) -> str:
        from orchestrator.interactive.html import shown

        return shown(self.snapshot, self.front, self.directory)


def open_study(directory: str | os.PathLike[str]) -> Study:
    """The study in a directory such as ``runs/digits``, or a copy of a remote one as it is now.

    Raises:
        StudyError: there is none, or a newer archfront wrote it.
        StorageError: the remote storage can't be reached.
    """
    study = Study(open_directory(os.fspath(directory)))
    _ = study.snapshot
    return study


def _rows(snapshot: StudySnapshot) -> DataFrame:
    from orchestrator.results import trial_table

    rows: DataFrame = trial_table(snapshot).to_pandas().set_index("number")
    return rows


def _number(trial: int | TrialRecord | Selection) -> int:
    record = trial.record if isinstance(trial, Selection) else trial
    return record.number if isinstance(record, TrialRecord) else int(record)


def _policy(name: str) -> Policy:
    try:
        return Policy(name)
    except ValueError as error:
        raise BadInputError(f"policy {name!r}: must be one of {', '.join(Policy)}") from error
