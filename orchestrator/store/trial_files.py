"""Folders of trials in remote storage: their files first, and then the manifest, which makes them whole."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from orchestrator.storage import MANIFEST, broken_files, storage_error
from orchestrator.storage.files import temporary_name
from orchestrator.storage.remote import Remote

CHECKPOINTS = "checkpoints"


def publish(remote: Remote, root: Path, folder: Path, *, check: Callable[[], None] = lambda: None) -> None:
    """Puts a whole folder below a study's directory into the study's storage.

    Args:
        check: called before the manifest is put; what it raises leaves the folder without one, and so absent.
    """
    name, manifest = _name(root, folder), (folder / MANIFEST).read_bytes()
    if remote.get(f"{name}/{MANIFEST}") == manifest:
        return
    remote.delete([f"{name}/{MANIFEST}"])  # an older folder of that name is no longer whole while it is replaced
    for file in _files(manifest):
        remote.put(f"{name}/{file}", folder / file)
    check()
    remote.put(f"{name}/{MANIFEST}", manifest)


def fetch(remote: Remote, root: Path, folder: Path) -> bool:
    """Brings a folder to where it would lie in the study's directory, unless it is there; False where none is whole.

    Raises:
        StorageError: the disk here is full.
    """
    name = _name(root, folder)
    manifest = remote.get(f"{name}/{MANIFEST}")
    if manifest is None:
        return False
    if _is_same(folder, manifest):
        return True
    temporary = temporary_name(folder)
    try:
        temporary.mkdir(parents=True)
        for file in _files(manifest):
            (temporary / file).parent.mkdir(parents=True, exist_ok=True)
            remote.fetch(f"{name}/{file}", temporary / file)
        (temporary / MANIFEST).write_bytes(manifest)
        if broken_files(temporary):
            return False
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    except OSError as error:
        raise storage_error(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return True


def fetch_checkpoint(remote: Remote, root: Path, trial: Path) -> None:
    """Brings the newest whole checkpoint of a trial, where there is one."""
    for step in _steps(remote, _name(root, trial)):
        if fetch(remote, root, trial / CHECKPOINTS / step):
            return


def prune_checkpoints(remote: Remote, root: Path, trial: Path, *, num_kept: int) -> None:
    """Removes all but the newest whole checkpoints of a trial."""
    name = _name(root, trial)
    kept = _steps(remote, name)[:num_kept]
    names = checkpoint_names(remote, name) if kept else []
    remote.delete(one for one in names if int(PurePosixPath(one).parts[-2]) < int(kept[-1]))


def checkpoint_names(remote: Remote, trial: str) -> list[str]:
    """All that a trial's checkpoints hold, manifests first, so that none is whole that is half removed."""
    return sorted(remote.names(f"{trial}/{CHECKPOINTS}"), key=lambda name: not name.endswith(MANIFEST))


def _steps(remote: Remote, trial: str) -> list[str]:
    """The names of whole checkpoints, newest first."""
    paths = map(PurePosixPath, remote.names(f"{trial}/{CHECKPOINTS}"))
    return sorted((path.parts[-2] for path in paths if path.name == MANIFEST), key=int, reverse=True)


def _files(manifest: bytes) -> list[str]:
    """What a manifest lists; nothing of one that can't be read, and no name that leads out of the folder."""
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
        names = [PurePosixPath(name) for name in json.loads(manifest)["sha256"]]
        return [str(name) for name in names if not name.is_absolute() and ".." not in name.parts]
    return []


def _is_same(folder: Path, manifest: bytes) -> bool:
    path = folder / MANIFEST
    return path.exists() and path.read_bytes() == manifest and not broken_files(folder)


def _name(root: Path, folder: Path) -> str:
    return folder.relative_to(root).as_posix()
