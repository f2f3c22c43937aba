"""Changes good files in random places, and puts into some of them what must never be run."""

from __future__ import annotations

import copy
import json
import pickle
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TEXTS = ["", "a", "\0", "é" * 90, "../../etc/passwd", "__import__('os').system('true')", "!!python/object:os.system",
          "${HOME}", "x" * 5000, "1e999", "nan", "/no/such", "~", "\x1b[2J", "\udcff"]  # fmt: skip
_NUMBERS = [-(2**63), -1, 0, 1, 2, 3, 64, 65, 1000, 2**31, 2**63, 10**30, 0.0, -0.5, 0.3, 1.5, 1e308, 5e-324,
            float("nan"), float("inf")]  # fmt: skip
WILD: list[Any] = [*_TEXTS, *_NUMBERS, True, False, [], {}, [[]], [1, "a"], {"low": 1}, {"a": {"b": []}}, [0] * 1000]


def changed_tree(tree: Any, rng: random.Random, wild: list[Any]) -> Any:
    """A JSON value with one to four places changed, renamed, doubled or removed."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.randint(1, 4)):
        places = list(_places(tree))
        if not places:
            return copy.deepcopy(rng.choice(wild))
        container, key = rng.choice(places)
        _change(container, key, rng, wild)
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with each of its keys."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def _change(container: Any, key: Any, rng: random.Random, wild: list[Any]) -> None:
    match rng.choice(("change", "change", "rename", "remove", "double", "nest")):
        case "change":
            container[key] = copy.deepcopy(rng.choice(wild))  # else later changes would be made in it
        case "rename" if isinstance(container, dict):
            container[rng.choice([*_TEXTS[:-1], f"{key}x"])] = container.pop(key)
        case "remove":
            del container[key]
        case "double" if isinstance(container, list):
            container.append(container[key])
        case _:
            container[key] = [container[key]]


def changed_bytes(content: bytes, rng: random.Random) -> bytes:
    """Flipped, cut, repeated or inserted bytes."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(content))
        match rng.choice(("flip", "flip", "cut", "insert", "repeat", "remove")):
            case "flip" if content and at < len(content):
                content = content[:at] + bytes([content[at] ^ (1 << rng.randint(0, 7))]) + content[at + 1 :]
            case "cut":
                content = content[:at]
            case "insert":
                content = content[:at] + rng.randbytes(rng.randint(1, 20)) + content[at:]
            case "repeat":
                content = content[:at] + content[max(0, at - 50) :]
            case _:
                content = content[:at] + content[at + rng.randint(1, 20) :]
    return content


def changed_json(content: bytes, rng: random.Random) -> bytes:
    """A JSON file with other values, or with other bytes."""
    draw = rng.random()
    if draw < 0.3:
        return changed_bytes(content, rng)
    if draw < 0.32:
        return b"[" * 100_000
    tree = changed_tree(json.loads(content), rng, [*WILD, None])
    return json.dumps(tree).encode()


def change_file(path: Path, rng: random.Random, *, poison: Path) -> None:
    """Other values, other bytes, or a pickle that makes the file ``poison`` where it is loaded."""
    content = path.read_bytes()
    if rng.random() < 0.05:
        path.write_bytes(pickle.dumps(Poison(poison)))
    elif path.suffix == ".json":
        path.write_bytes(changed_json(content, rng))
    else:
        path.write_bytes(changed_bytes(content, rng))


class Poison:
    """A pickle that leaves a file behind where it is loaded."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._path,))
