"""What of a folder travels to the cluster with a job: a checkout's code, else the study file alone."""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import BadInputError

logger = logging.getLogger(__name__)

MAX_BYTES = 50 << 20
"""Before compression. Every node unpacks it for every job, and Ray itself refuses more than 500 MiB."""

_PACKAGES = ("orchestrator", "search_spaces")
_NUM_NAMED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """A folder that becomes the working directory of a job.

    Attributes:
        excludes: what stays behind, as in a ``.gitignore``; the folder's ignore files hold as well.
    """

    folder: Path
    excludes: tuple[str, ...] = ()

    @property
    def runtime_env(self) -> dict[str, Any]:
        """In Ray's words."""
        environment: dict[str, Any] = {"working_dir": str(self.folder)}
        return environment | ({"excludes": list(self.excludes)} if self.excludes else {})


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """The files that Ray would upload, relative to their folder, with their sizes."""

    sizes: dict[Path, int]

    @property
    def num_bytes(self) -> int:
        return sum(self.sizes.values())

    def __str__(self) -> str:
        return f"{len(self.sizes):,} file{'s' * (len(self.sizes) != 1)}, {_size(self.num_bytes)}"


def upload_of(study: str, folder: Path) -> Upload | None:
    """What a study needs: the folder, where that is a checkout; else its file; None for a shipped study.

    Raises:
        BadInputError: the study file lies outside of the checkout that is uploaded.
    """
    path = Path(study)
    if all((folder / name / "__init__.py").is_file() for name in _PACKAGES):
        if path.is_file() and not _full(path).is_relative_to(_full(folder)):
            raise BadInputError(
                f"{study}: lies outside of {_full(folder)}, which is what a job takes along",
                hint="copy it there, or submit from the study's own folder, with archfront installed on every node",
            )
        return Upload(folder=folder)
    if not path.is_file():
        return None
    return Upload(folder=path.parent, excludes=("/*", "!.", f"!/{_escaped(path.name)}"))


def argument_of(study: str, upload: Upload | None) -> str:
    """The study as the job names it, from within its working directory."""
    if upload is None or not Path(study).is_file():
        return study
    return _full(Path(study)).relative_to(_full(upload.folder)).as_posix()


def contents_of(upload: Upload) -> Contents:
    """Walks the folder by Ray's own rules, so that what is checked is what travels.

    Raises:
        BadInputError: a folder can't be read.
    """
    from ray._private.ray_constants import get_runtime_env_default_excludes
    from ray._private.runtime_env.packaging import _dir_travel, _get_excludes

    root = upload.folder.absolute()
    sizes: dict[Path, int] = {}

    def note(path: Path) -> None:
        if path.is_file():
            sizes[path.relative_to(root)] = path.stat().st_size

    patterns = [*get_runtime_env_default_excludes(), *upload.excludes]
    try:
        _dir_travel(root, [_get_excludes(root, patterns)], note, include_gitignore=True, logger=logger)
    except OSError as error:
        hint = "make it readable, or name it in .rayignore"
        raise BadInputError(f"{error.filename}: can't be taken along: {error.strerror}", hint=hint) from error
    return Contents(sizes=sizes)


def check(contents: Contents, argument: str) -> None:
    """Refuses a job that takes data or results along, or that leaves its study behind.

    Args:
        argument: the study as the job names it.

    Raises:
        BadInputError: more than 50 MiB, or the study file is not among them.
    """
    if contents.num_bytes > MAX_BYTES:
        raise BadInputError(
            f"a job would take {contents} along, and {_size(MAX_BYTES)} is the limit: {_largest(contents)}",
            hint="name data and results in .rayignore, one a line, and give nodes a path or an address of their own",
        )
    if Path(argument).suffix and Path(argument) not in contents.sizes:
        raise BadInputError(
            f"{argument}: would stay behind, because .gitignore or .rayignore names it",
            hint="copy the study file to where neither does",
        )


def _full(path: Path) -> Path:
    """From the root, without dots; links stay, because Ray follows them."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve follows links, Path.absolute keeps dots


def _largest(contents: Contents) -> str:
    below: Counter[str] = Counter()
    for path, size in contents.sizes.items():
        below[path.parts[0] + "/" * (len(path.parts) > 1)] += size
    return ", ".join(f"{name} {_size(size)}" for name, size in below.most_common(_NUM_NAMED))


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 2**20:,.1f} MiB" if num_bytes >= 1 << 20 else f"{-(-num_bytes // 1024):,} KiB"


def _escaped(name: str) -> str:
    """A file's name as a pattern that it alone matches."""
    return re.sub(r"([\\*?\[\]!# ])", r"\\\1", name)
