"""Carries the folders of a trial between the node that trains it and the study's remote storage, where it has one."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

from orchestrator.errors import StorageError
from orchestrator.storage.remote import Remote, open_remote
from orchestrator.store.lease import owner_name
from orchestrator.store.trial_files import CHECKPOINTS, fetch, fetch_checkpoint, prune_checkpoints, publish
from orchestrator.training.checkpoint import NUM_KEPT
from orchestrator.training.work import StudyWork


class Carrier:
    """Does nothing for a study whose directory every node of its cluster sees."""

    def __init__(self, study: StudyWork) -> None:
        self._study = study

    def fetch_checkpoint(self, directory: Path) -> None:
        """Brings what an earlier attempt of the trial of this directory has left, on whatever node that was."""
        if self._study.url:
            fetch_checkpoint(_remote(self._study.url), self._study.folder, directory)

    def publish(self, folder: Path) -> None:
        """A checkpoint or a model is whole here, and must be there before anybody hears of it.

        Raises:
            StorageError: it can't be put, or another driver has taken the study: then it is not whole there.
        """
        if not self._study.url:
            return
        remote = _remote(self._study.url)
        publish(remote, self._study.folder, folder, check=lambda: self._check(remote))
        if folder.parent.name == CHECKPOINTS:
            prune_checkpoints(remote, self._study.folder, folder.parents[1], num_kept=NUM_KEPT)

    def put(self, path: Path) -> None:
        """The same of one file."""
        if self._study.url:
            remote = _remote(self._study.url)
            self._check(remote)
            remote.put(path.relative_to(self._study.folder).as_posix(), path)

    def clean(self, directory: Path) -> None:
        """All of the trial that is worth anything is in remote storage: this node forgets it."""
        if self._study.url:
            shutil.rmtree(directory, ignore_errors=True)

    def brought(self, folder: Path) -> Path:
        """Where a folder of the study, by its path on the driver's machine, lies on this node; fetched if need be."""
        if not self._study.url:
            return folder
        here = self._study.folder / folder.relative_to(self._study.root)
        fetch(_remote(self._study.url), self._study.folder, here)
        return here

    def _check(self, remote: Remote) -> None:
        if remote.get(owner_name(self._study.owner_epoch + 1)) is not None:
            raise StorageError(f"{remote}: another driver has taken this study over")


@functools.cache
def _remote(url: str) -> Remote:
    return open_remote(url)
