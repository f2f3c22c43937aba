"""The images of Parquet shards, read a row group at a time; the groups read last are kept."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import json
import threading
from collections import OrderedDict
from concurrent.futures import Future
from pathlib import PurePosixPath
from typing import Any

from PIL import Image

from orchestrator.data.decoding import CorruptImageError, decode
from orchestrator.data.order import Blocks
from orchestrator.data.shard_file import reading
from orchestrator.data.shards import ShardListing

_WINDOW_BYTES = 128 * 2**20
_MAX_WINDOW = 64


class ShardSource:
    """Images by their row over all shards; safe to use from many threads."""

    def __init__(self, listing: ShardListing) -> None:
        self._listing = listing
        self._groups = [(shard, group) for shard in listing.shards for group in range(len(shard.group_sizes))]
        sizes = [shard.group_sizes[group] for shard, group in self._groups]
        self._starts = [0, *itertools.accumulate(sizes)]
        self.blocks = Blocks(sizes=tuple(sizes), window=self._window())
        self._lock = threading.Lock()
        self._cache: OrderedDict[int, Future[Any]] = OrderedDict()

    def __reduce__(self) -> tuple[type[ShardSource], tuple[ShardListing]]:
        """Workers get the listing, and each reads what it needs: neither a lock nor what was read can be sent."""
        return ShardSource, (self._listing,)

    def image(self, index: int, mode: str) -> Image.Image:
        group = bisect.bisect_right(self._starts, index) - 1
        encoded = self._group(group)[index - self._starts[group]].as_py()
        if encoded is None:
            raise CorruptImageError("has no bytes")
        return decode(encoded, mode)

    def name(self, index: int) -> str:
        group = bisect.bisect_right(self._starts, index) - 1
        shard, number = self._groups[group]
        row = index - self._starts[group] + sum(shard.group_sizes[:number])
        return f"{shard.path}, row {row:,}"

    def digest(self) -> str:
        """Of the shards' names, sizes, row groups and labels: large data are not read to tell them apart."""
        shards = [
            (PurePosixPath(shard.path).name, shard.num_bytes, shard.group_sizes, shard.group_bytes)
            for shard in self._listing.shards
        ]
        return hashlib.sha256(json.dumps([shards, self._listing.labels]).encode()).hexdigest()

    def _window(self) -> int:
        """Row groups that fit into 128 MiB, two at least."""
        num_bytes = [shard.group_bytes[group] for shard, group in self._groups]
        mean = max(sum(num_bytes) // max(len(num_bytes), 1), 1)
        return max(2, min(_WINDOW_BYTES // mean, _MAX_WINDOW))

    def _group(self, group: int) -> Any:
        """The bytes of a row group's images; one thread reads it, others that need it wait."""
        with self._lock:
            found = self._cache.get(group)
            is_mine = found is None
            if found is None:
                found = self._cache[group] = Future()
                # Batches at the border of two windows, and those decoded ahead, need both.
                while len(self._cache) > 2 * self.blocks.window + 1:
                    self._cache.popitem(last=False)
            self._cache.move_to_end(group)
        if is_mine:
            self._fill(group, found)
        return found.result()

    def _fill(self, group: int, future: Future[Any]) -> None:
        try:
            future.set_result(self._read(group))
        except BaseException as error:  # noqa: BLE001 - who waits must hear of it, whatever it is
            with self._lock:
                self._cache.pop(group, None)  # tried again by who needs it next
            future.set_exception(error)

    def _read(self, group: int) -> Any:
        from pyarrow import parquet

        shard, number = self._groups[group]

        def read() -> Any:
            with self._listing.filesystem.open_input_file(shard.path) as file, parquet.ParquetFile(file) as opened:
                return opened.read_row_group(number, columns=[shard.column]).column(0).combine_chunks()

        column = reading(shard.path, read)
        return column.field("bytes") if shard.column.endswith(".bytes") else column
