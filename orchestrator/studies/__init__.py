"""Complete studies that are shipped by name: ``archfront search digits``."""

from __future__ import annotations

from importlib.resources import files

_SUFFIX = ".toml"


def names() -> tuple[str, ...]:
    """Names of the shipped studies."""
    found = [file.name for file in files(__name__).iterdir() if file.name.endswith(_SUFFIX)]
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found))


def read(name: str) -> str:
    """The text of a shipped study.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in names():
        raise ValueError(f"no shipped study {name!r}; there are {', '.join(names())}")
    return files(__name__).joinpath(name + _SUFFIX).read_text(encoding="utf-8")
