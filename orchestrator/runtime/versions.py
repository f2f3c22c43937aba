"""Versions of every node, compared before anything starts: networks of different torch versions share no front."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import BadInputError

_TIMEOUT_S = 120.0
_ABSENT = "absent"
_NUM_NAMED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Versions:
    """What a node would run a trial with.

    Attributes:
        torch: with the build, such as 2.15.0+cpu.
        archfront: the version, and the first digits of a hash of its source, which is what is compared.
    """

    node: str
    python: str
    ray: str
    torch: str
    archfront: str

    @property
    def compared(self) -> tuple[str, ...]:
        """Two builds of one torch version may work together: a head without GPUs has another than its workers."""
        return self.python, self.ray, self.torch.partition("+")[0], self.archfront.partition(" ")[2]


def check(nodes: Sequence[Versions]) -> None:
    """Refuses nodes that differ, with a table.

    Raises:
        BadInputError: a version differs, or is absent.
    """
    kinds: dict[tuple[str, ...], list[Versions]] = {}
    for node in nodes:
        kinds.setdefault(node.compared, []).append(node)
    if len(kinds) > 1 or any(_ABSENT in node.compared for node in nodes):
        raise BadInputError(
            f"the nodes do not run the same versions:\n{_table(list(kinds.values()))}",
            hint="install the same on all of them; docker/ builds one image for every node",
        )


def collect(node_ids: Mapping[str, str]) -> list[Versions]:
    """Asks every node at once, by a task that needs no CPU.

    Args:
        node_ids: Ray's names of the nodes, and what people call them.

    Raises:
        BadInputError: a node does not answer within two minutes.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task = ray.remote(num_cpus=0, max_retries=0)(probe())
    asked = {
        task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False)).remote(): name
        for node_id, name in node_ids.items()
    }
    ready, silent = ray.wait(list(asked), num_returns=len(asked), timeout=_TIMEOUT_S)
    if silent:
        names = ", ".join(asked[one] for one in silent[:_NUM_NAMED])
        raise BadInputError(
            f"{len(silent)} of {len(asked)} nodes do not answer: {names}",
            hint="look at their logs under /tmp/ray, or take them out of the cluster",
        )
    return [Versions(node=asked[one], **found) for one, found in zip(ready, ray.get(ready), strict=True)]


def probe() -> Callable[[], dict[str, str]]:
    """A function that says what its node runs; it travels whole, so that a node without archfront can answer too."""
    absent = _ABSENT

    def versions() -> dict[str, str]:
        import hashlib
        import platform
        from importlib import metadata
        from importlib.util import find_spec
        from pathlib import Path

        def version(package: str) -> str:
            try:
                return metadata.version(package)
            except metadata.PackageNotFoundError:
                return absent

        def code() -> str:
            specs = [find_spec(package) for package in ("orchestrator", "search_spaces")]
            folders = [Path(spec.origin).parent for spec in specs if spec is not None and spec.origin is not None]
            digest = hashlib.sha256()
            for folder in folders:
                for path in sorted(folder.rglob("*.py")):
                    digest.update(path.relative_to(folder.parent).as_posix().encode())
                    digest.update(path.read_bytes())
            return digest.hexdigest()[:8] if folders else absent

        return {
            "python": platform.python_version(),
            "ray": version("ray"),
            "torch": version("torch"),
            "archfront": f"{version('archfront')} {code()}",
        }

    return versions


def _table(kinds: Sequence[Sequence[Versions]]) -> str:
    """One line for nodes that are alike, the largest group first."""
    rows = [("nodes", "Python", "ray", "torch", "archfront")]
    for kind in sorted(kinds, key=len, reverse=True):
        first = kind[0]
        rows.append((_names(kind), first.python, first.ray, first.torch, first.archfront))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _names(kind: Sequence[Versions]) -> str:
    more = f" and {len(kind) - _NUM_NAMED} more" if len(kind) > _NUM_NAMED else ""
    return ", ".join(one.node for one in kind[:_NUM_NAMED]) + more
