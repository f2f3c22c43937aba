"""The labels of a Parquet file and the names of their classes, in the metadata that Hugging Face's datasets writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.errors import BadInputError

if TYPE_CHECKING:
    import pyarrow

_KEY = b"huggingface"
_HINT = "labels are whole numbers from 0, or text"


def named_labels(
    path: str, column: pyarrow.ChunkedArray, metadata: Mapping[bytes, bytes] | None
) -> tuple[list[int] | list[str], tuple[str, ...]]:
    """Labels, and the names that the file gives to classes 0, 1, ...; no names where it gives none.

    Raises:
        BadInputError: labels are missing, or neither whole numbers nor text.
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if column.null_count:
        raise BadInputError(f"{path}: {column.null_count:,} rows have no label", hint=_HINT)
    if pa.types.is_integer(kind):
        return column.to_pylist(), _class_names(metadata or {})
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column.to_pylist(), ()
    raise BadInputError(f"{path}: labels are of type {column.type}, which is no class", hint=_HINT)


def schema_metadata(class_names: Sequence[str]) -> dict[bytes, bytes]:
    """Metadata that says which columns are image and label, and what classes 0, 1, ... are called."""
    features = {"image": {"_type": "Image"}, "label": {"names": list(class_names), "_type": "ClassLabel"}}
    return {_KEY: json.dumps({"info": {"features": features}}).encode()}


def _class_names(metadata: Mapping[bytes, bytes]) -> tuple[str, ...]:
    try:
        feature: Any = json.loads(metadata[_KEY])["info"]["features"]["label"]
        return tuple(str(name) for name in feature["names"])
    except (KeyError, TypeError, ValueError):
        return ()
