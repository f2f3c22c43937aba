"""One Parquet file of images: its columns, its row groups and its labels, read without its images."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.data.class_names import named_labels
from orchestrator.errors import BadInputError

if TYPE_CHECKING:
    import pyarrow

IMAGE_COLUMN = "image"
LABEL_COLUMN = "label"
COLUMNS_HINT = 'columns "image" (bytes, or a struct with bytes) and "label" (whole numbers or text) are read'


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """One file of a data set.

    Attributes:
        path: as its file system calls it.
        group_sizes: rows of each of its row groups.
        group_bytes: of the images of each of them, decompressed.
        num_bytes: of the whole file.
        column: to read for the images' bytes.
        labels: of each row.
    """

    path: str
    group_sizes: tuple[int, ...]
    group_bytes: tuple[int, ...]
    num_bytes: int
    column: str
    labels: Sequence[int] | Sequence[str]
    class_names: tuple[str, ...]


def reading(path: str, read: Callable[[], Any]) -> Any:
    """What ``read`` returns.

    Raises:
        BadInputError: it can't be read on this machine, which is named: others may be able to.
    """
    import pyarrow as pa

    try:
        return read()
    except (OSError, pa.ArrowException) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BadInputError(
            f"{path}: can't be read on {socket.gethostname()}: {reason}",
            hint="every machine that trains has to read every shard: is the file whole, and the folder shared?",
        ) from error


def read_shard(filesystem: Any, path: str) -> Shard:
    """The footer and the labels of one file."""
    from pyarrow import parquet

    def read() -> tuple[Any, Any, int]:
        with filesystem.open_input_file(path) as file, parquet.ParquetFile(file) as shard:
            schema = shard.schema_arrow
            _check_columns(path, schema)
            return shard.metadata, shard.read(columns=[LABEL_COLUMN]), file.size()

    footer, table, num_bytes = reading(path, read)
    schema = table.schema
    column, sizes = _image_column(footer)
    labels, class_names = named_labels(path, table.column(LABEL_COLUMN), schema.metadata)
    return Shard(
        path=path,
        group_sizes=tuple(footer.row_group(group).num_rows for group in range(footer.num_row_groups)),
        group_bytes=sizes,
        num_bytes=num_bytes,
        column=column,
        labels=labels,
        class_names=class_names,
    )


def _check_columns(path: str, schema: pyarrow.Schema) -> None:
    import pyarrow as pa

    for name in (IMAGE_COLUMN, LABEL_COLUMN):
        if name not in schema.names:
            raise BadInputError(f'{path} has no column "{name}": it has {", ".join(schema.names)}', hint=COLUMNS_HINT)
    kind = schema.field(IMAGE_COLUMN).type
    if pa.types.is_struct(kind):
        kind = kind.field("bytes").type if kind.get_field_index("bytes") >= 0 else pa.null()
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        found = schema.field(IMAGE_COLUMN).type
        raise BadInputError(f'{path}: column "{IMAGE_COLUMN}" holds {found}, not bytes of images', hint=COLUMNS_HINT)


def _image_column(footer: Any) -> tuple[str, tuple[int, ...]]:
    """The name of the column with the bytes, and its size in each row group."""
    names = [footer.schema.column(index).path for index in range(footer.num_columns)]
    at = names.index(f"{IMAGE_COLUMN}.bytes") if f"{IMAGE_COLUMN}.bytes" in names else names.index(IMAGE_COLUMN)
    groups = [footer.row_group(group).column(at) for group in range(footer.num_row_groups)]
    return names[at], tuple(int(group.total_uncompressed_size) for group in groups)
