"""A table of trained architectures: learning curves, costs and latencies that a simulated study looks up.

A Parquet file with one row per architecture:

| column | type | meaning |
|---|---|---|
| `architecture_id` | string | identity; recomputed and compared when the table is read |
| `architecture` | string | the architecture's JSON form |
| `num_parameters`, `macs` | int64 | closed forms, for readers without archfront |
| `accuracy` | list<list<float32>> | validation accuracy by seed and epoch; NaN from where a training diverged |
| `epoch_cost_s` | float64 | seconds that one epoch takes |
| `latency_ms` | float64 | of one image under the conditions in `about` |

The file's metadata holds two keys: `archfront.schema_version`, and `archfront.about`, a JSON object with whatever its
maker says of data, recipe, hardware and versions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from orchestrator.errors import BadInputError
from search_spaces.architecture import Architecture
from search_spaces.errors import ArchitectureError
from search_spaces.registry import architecture_from_dict

SCHEMA_VERSION = 1

_SCHEMA = pa.schema(
    [
        ("architecture_id", pa.string()),
        ("architecture", pa.string()),
        ("num_parameters", pa.int64()),
        ("macs", pa.int64()),
        ("accuracy", pa.list_(pa.list_(pa.float32()))),
        ("epoch_cost_s", pa.float64()),
        ("latency_ms", pa.float64()),
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TableRow:
    """One architecture and what its trainings gave.

    Attributes:
        accuracy_SE: validation accuracy by seed and epoch, (num_seeds, num_epochs).
        epoch_cost_s: seconds that one epoch takes.
    """

    architecture: Architecture
    accuracy_SE: NDArray[np.float64]
    epoch_cost_s: float
    latency_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchitectureTable:
    """Rows by ``architecture_id``, all with the same seeds and epochs."""

    rows: Mapping[str, TableRow]
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def num_seeds(self) -> int:
        return int(next(iter(self.rows.values())).accuracy_SE.shape[0])

    @property
    def num_epochs(self) -> int:
        return int(next(iter(self.rows.values())).accuracy_SE.shape[1])


def write_table(path: Path, rows: Sequence[TableRow], *, image_size: int, about: Mapping[str, Any]) -> None:
    """Writes a table; ``image_size`` is the side that MACs are counted at."""
    columns = {
        "architecture_id": [row.architecture.architecture_id for row in rows],
        "architecture": [json.dumps(row.architecture.to_dict(), sort_keys=True) for row in rows],
        "num_parameters": [row.architecture.num_parameters for row in rows],
        "macs": [row.architecture.macs(image_size) for row in rows],
        "accuracy": [row.accuracy_SE.tolist() for row in rows],
        "epoch_cost_s": [row.epoch_cost_s for row in rows],
        "latency_ms": [row.latency_ms for row in rows],
    }
    metadata = {"archfront.schema_version": str(SCHEMA_VERSION), "archfront.about": json.dumps(about)}
    pq.write_table(pa.table(columns, schema=_SCHEMA.with_metadata(metadata)), path, compression="zstd")


def read_table(path: Path) -> ArchitectureTable:
    """Reads and checks a table.

    Raises:
        BadInputError: there is no such file, or it is no such table; the message names the row.
    """
    try:
        content = pq.read_table(path)
    except FileNotFoundError:
        raise BadInputError(f"{path}: no such file", hint="give a Parquet file with --table") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise BadInputError(f"{path}: can't be read as Parquet: {str(error).splitlines()[0]}") from error
    metadata = content.schema.metadata or {}
    version = metadata.get(b"archfront.schema_version", b"none").decode()
    if version != str(SCHEMA_VERSION):
        hint = "orchestrator/simulate/table.py says what a table holds"
        raise BadInputError(f"{path}: schema version {version}: this archfront reads {SCHEMA_VERSION}", hint=hint)
    missing = [name for name in _SCHEMA.names if name not in content.column_names]
    if missing:
        raise BadInputError(f"{path}: has no column {', '.join(missing)}")
    rows: dict[str, TableRow] = {}
    for number, fields in enumerate(content.to_pylist()):
        try:
            row = _row(fields)
            if rows.setdefault(row.architecture.architecture_id, row) is not row:
                raise ValueError("its architecture has a row above")
        except (ArchitectureError, TypeError, ValueError) as error:
            raise BadInputError(f"{path}: row {number}: {error}") from error
    if not rows:
        raise BadInputError(f"{path}: holds no architecture")
    if len({row.accuracy_SE.shape for row in rows.values()}) > 1:
        raise BadInputError(f"{path}: its rows differ in the number of seeds or epochs")
    return ArchitectureTable(rows=rows, about=_about(path, metadata))


def _about(path: Path, metadata: Mapping[bytes, bytes]) -> Mapping[str, Any]:
    try:
        about = json.loads(metadata.get(b"archfront.about", b"{}"))
    except ValueError:
        about = None
    if not isinstance(about, dict):
        raise BadInputError(f"{path}: archfront.about must be a JSON object")
    return about


def _row(fields: Mapping[str, Any]) -> TableRow:
    architecture = architecture_from_dict(json.loads(fields["architecture"]))
    if architecture.architecture_id != fields["architecture_id"]:
        raise ValueError("architecture_id is not that of its architecture")
    accuracy_SE = np.array(fields["accuracy"], dtype=float)
    if accuracy_SE.ndim != 2 or not accuracy_SE.size:
        raise ValueError("accuracy must be one list of epochs for each seed")
    known = accuracy_SE[np.isfinite(accuracy_SE)]
    if not known.size or known.min() < 0.0 or known.max() > 1.0:
        raise ValueError("accuracy must lie in [0, 1]")
    for name in ("epoch_cost_s", "latency_ms"):
        if not 0.0 < fields[name] < float("inf"):
            raise ValueError(f"{name} = {fields[name]}: must be above 0")
    return TableRow(
        architecture=architecture,
        accuracy_SE=accuracy_SE,
        epoch_cost_s=fields["epoch_cost_s"],
        latency_ms=fields["latency_ms"],
    )
