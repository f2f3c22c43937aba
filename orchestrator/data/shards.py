"""Parquet with a column of encoded images and one of labels: one file or many, here or remote.

``image`` holds bytes, or a struct with a field ``bytes``, as Hugging Face writes it; ``label`` whole numbers or text.
Class names are the texts, or those of Hugging Face's metadata, or "0" to "n - 1".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.data.listing import SPLIT_NAMES, by_split
from orchestrator.data.shard_file import COLUMNS_HINT, Shard, read_shard, reading
from orchestrator.data.splits import OwnSplits
from orchestrator.errors import BadInputError

_NUM_THREADS = 16
_LAYOUT_HINT = "give a .parquet file or a folder of them; archfront data convert makes one from images"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ShardListing:
    """Shards in the order train, validation, test, and what is known without their images.

    Attributes:
        labels: of every row of every shard.
    """

    filesystem: Any
    shards: tuple[Shard, ...]
    class_names: tuple[str, ...]
    labels: tuple[int, ...]
    own_splits: OwnSplits


def list_shards(path: str) -> ShardListing:
    """Reads the footers and labels of all shards.

    Files named ``train...``, ``val...``, ``validation...`` or ``test...``, or in folders of these names, are splits, as
    Hugging Face names them. A split whose labels are all -1, or that has no rows, is passed over.

    Raises:
        BadInputError: there is no Parquet at ``path``, a shard can't be read or has other columns, no row has a label,
            or labels are no classes.
    """
    if not path:
        raise BadInputError('path is not set, and name = "parquet" needs it', hint=_LAYOUT_HINT)
    filesystem, files, root = _find(path)
    with ThreadPoolExecutor(_NUM_THREADS) as pool:
        shards = dict(zip(files, pool.map(lambda file: read_shard(filesystem, file), files), strict=True))
    parts: dict[str, list[Shard]] = {}
    for file, shard in shards.items():
        parts.setdefault(_part_of(file, root), []).append(shard)
    # Published tests of contests come without labels.
    labelled = {part: members for part, members in parts.items() if not _is_unlabelled(members)}
    if not labelled:
        raise BadInputError(f"{path} has no labelled image", hint=COLUMNS_HINT)
    if "train" not in labelled or len(labelled) == 1:
        labelled = {"train": [shard for members in labelled.values() for shard in members]}
    return _listing(filesystem, labelled, path)


def _find(path: str) -> tuple[Any, list[str], str]:
    """The file system, all Parquet files by name, and the folder that they lie in."""
    from pyarrow import fs

    def find() -> tuple[Any, list[str], str]:
        filesystem, root = (
            fs.FileSystem.from_uri(path)
            if "://" in path
            else (fs.LocalFileSystem(), Path(path).expanduser().absolute().as_posix())
        )
        info = filesystem.get_file_info(root)
        if info.type == fs.FileType.NotFound:
            raise BadInputError(f"{path} does not exist", hint=_LAYOUT_HINT)
        if info.type == fs.FileType.File:
            return filesystem, [root], str(PurePosixPath(root).parent)
        found = filesystem.get_file_info(fs.FileSelector(root, recursive=True))
        return filesystem, sorted(one.path for one in found if _is_shard(one.path, root)), root

    # pyarrow raises ValueError (ArrowInvalid) for an address that it does not know.
    filesystem, files, root = reading(path, find)
    if not files:
        raise BadInputError(f"{path} has no .parquet file", hint=_LAYOUT_HINT)
    return filesystem, files, root


def _is_shard(file: str, root: str) -> bool:
    inside = PurePosixPath(file).relative_to(root)
    return inside.suffix == ".parquet" and not any(part.startswith((".", "_")) for part in inside.parts)


def _part_of(file: str, root: str) -> str:
    """Which split a file is of, by its name or the folder it is in."""
    for part in PurePosixPath(file).relative_to(root).parts:
        word = re.split(r"[-_.]", part)[0]
        if word in SPLIT_NAMES:
            return SPLIT_NAMES[word]
    return "train"


def _is_unlabelled(shards: Sequence[Shard]) -> bool:
    return all(label == -1 for shard in shards for label in shard.labels)


def _listing(filesystem: Any, parts: Mapping[str, Sequence[Shard]], path: str) -> ShardListing:
    class_names = _class_names([shard for shards in parts.values() for shard in shards], path)
    numbers = {name: number for number, name in enumerate(class_names)}
    validation, test = by_split(parts)
    order = [part for part in ("train", validation, test) if part]
    labels: dict[str, list[int]] = {
        part: [label if isinstance(label, int) else numbers[label] for shard in parts[part] for label in shard.labels]
        for part in order
    }
    counts = {part: _counts(labels[part], len(class_names)) for part in order}
    return ShardListing(
        filesystem=filesystem,
        shards=tuple(shard for part in order for shard in parts[part]),
        class_names=class_names,
        labels=tuple(label for part in order for label in labels[part]),
        own_splits=OwnSplits(
            train=counts["train"],
            validation=counts[validation] if validation else None,
            test=counts[test] if test else None,
        ),
    )


def _class_names(shards: Sequence[Shard], path: str) -> tuple[str, ...]:
    """One list for all shards."""
    kinds = {bool(shard.labels) and isinstance(shard.labels[0], str) for shard in shards if shard.labels}
    given = {shard.class_names for shard in shards}
    if len(kinds) > 1 or (len(given) > 1 and kinds == {False}):
        raise BadInputError(f"{path}: its shards name their classes differently", hint="convert them in one go")
    if kinds == {True}:
        names = tuple(sorted({str(label) for shard in shards for label in shard.labels}))
    else:
        highest = max((int(label) for shard in shards for label in shard.labels), default=-1)
        lowest = min((int(label) for shard in shards for label in shard.labels), default=0)
        names = next(iter(given)) or tuple(str(number) for number in range(highest + 1))
        if lowest < 0 or highest >= len(names):
            wrong = lowest if lowest < 0 else highest
            raise BadInputError(f"{path}: label {wrong} is not in 0 to {len(names) - 1}", hint=COLUMNS_HINT)
    if len(names) < 2:
        raise BadInputError(f"{path} has {len(names)} class: at least 2 are needed", hint=COLUMNS_HINT)
    return names


def _counts(labels: Sequence[int], num_classes: int) -> tuple[int, ...]:
    counts = [0] * num_classes
    for label in labels:
        counts[label] += 1
    return tuple(counts)
