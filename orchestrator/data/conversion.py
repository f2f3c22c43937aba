"""From a folder of images to Parquet shards that can be streamed: the files' own bytes, in a shuffled order."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.data.class_names import schema_metadata
from orchestrator.data.listing import Images, Listing
from orchestrator.data.shard_file import IMAGE_COLUMN, LABEL_COLUMN
from orchestrator.errors import BadInputError

if TYPE_CHECKING:
    import pyarrow

_GROUP_BYTES = 4 * 2**20
"""Of a row group, the least that is read at a time."""

Labelled = tuple[Path, int]


def write_shards(listing: Listing, folder: Path, *, shard_bytes: int) -> None:
    """Writes the images of each split into files of about ``shard_bytes``.

    Rows are shuffled, the same way each time, because an epoch of streamed images is shuffled among some row groups
    only.

    Raises:
        BadInputError: an image can't be read.
    """
    splits = {"train": listing.images, "validation": listing.validation, "test": listing.test}
    for name, images in splits.items():
        if images is not None:
            prefix = folder / (name if listing.own_splits.names else "images")
            _write_split(_shuffled(images), listing, prefix, shard_bytes=shard_bytes)


def _shuffled(images: Images) -> list[Labelled]:
    rng = random.Random("convert")
    rows = [(path, label) for label, paths in enumerate(images) for path in paths]
    return sorted(rows, key=lambda _: rng.random())


def _write_split(rows: Sequence[Labelled], listing: Listing, prefix: Path, *, shard_bytes: int) -> None:
    from pyarrow import parquet

    schema = _schema(listing.class_names)
    groups = _groups(rows, listing.root, schema)
    num_shards, group = 0, next(groups, None)
    while group is not None:
        path, num_bytes = prefix.with_name(f"{prefix.name}-{num_shards:05d}.parquet"), 0
        # Images are compressed already, and all different.
        with parquet.ParquetWriter(
            path, schema, compression="none", use_dictionary=False, write_statistics=False
        ) as writer:
            while group is not None and (num_bytes == 0 or num_bytes + group.nbytes <= shard_bytes):
                writer.write_table(group, row_group_size=group.num_rows)
                num_bytes += group.nbytes
                group = next(groups, None)
        num_shards += 1


def _groups(rows: Sequence[Labelled], root: Path, schema: pyarrow.Schema) -> Iterator[pyarrow.Table]:
    """Tables of some megabytes, one for each row group."""
    import pyarrow as pa

    images: list[dict[str, bytes | str]] = []
    labels: list[int] = []
    num_bytes = 0
    for number, (path, label) in enumerate(rows, start=1):
        content = _read(path)
        images.append({"bytes": content, "path": path.relative_to(root).as_posix()})
        labels.append(label)
        num_bytes += len(content)
        if num_bytes >= _GROUP_BYTES or number == len(rows):
            yield pa.table({IMAGE_COLUMN: images, LABEL_COLUMN: labels}, schema=schema)
            images, labels, num_bytes = [], [], 0


def _schema(class_names: Sequence[str]) -> pyarrow.Schema:
    """Columns as Hugging Face's datasets writes and reads them."""
    import pyarrow as pa

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.schema([(IMAGE_COLUMN, image), (LABEL_COLUMN, pa.int64())], metadata=schema_metadata(class_names))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInputError(f"{path}: can't be read: {error.strerror}", hint="mend it or take it away") from error
