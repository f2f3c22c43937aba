"""How much memory this process may still take."""

from __future__ import annotations

from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")


def available_bytes(cgroup: Path = _CGROUP) -> int:
    """What the machine has left, or the container where that is less."""
    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (int((cgroup / name).read_text()) for name in ("memory.max", "memory.current"))
        # Files that were read long ago count as used, and are given up when memory is asked for.
        reclaimable = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())["inactive_file"]
        return min(free, limit - used + int(reclaimable))
    except (OSError, ValueError, KeyError):  # no container, or one without a limit ("max")
        return free
