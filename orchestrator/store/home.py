"""Where a study lies for good, as its driver uses it: its own directory, or remote storage."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Protocol

from orchestrator.errors import ArchfrontError, StorageError
from orchestrator.storage import storage_error
from orchestrator.storage.remote import Remote
from orchestrator.storage.shared_folder import SharedFolder
from orchestrator.store import lease
from orchestrator.store.database import Database
from orchestrator.store.history import History
from orchestrator.store.paths import StudyPaths
from orchestrator.store.remote_log import RemoteLog
from orchestrator.store.trial_files import checkpoint_names, publish

logger = logging.getLogger(__name__)

SHIP_S = 0.5
"""How often what did not wait for its segment is sent."""
BACKUP_S = 300.0
CLAIMS_S = 5.0
"""How often a driver looks whether another has claimed its study, which may wait for a gap between its segments."""


class Home(Protocol):
    """What the store does beside its database."""

    def keep(self, folder: Path) -> None:
        """A folder of the study's directory is whole, and belongs to the study."""
        ...

    def put(self, path: Path) -> None:
        """The same of a file."""
        ...

    def forget_checkpoints(self, trial: int) -> None:
        """Nothing resumes from them any more."""
        ...

    def stop(self) -> None:
        """Nothing goes on beside the driver from here on."""
        ...

    def release(self) -> None:
        """The study is given back."""
        ...


class LocalHome:
    """The study's directory is all there is."""

    def __init__(self, paths: StudyPaths, database: Database) -> None:
        self._root = SharedFolder(paths.root)
        self._database = database

    def keep(self, folder: Path) -> None:
        """It is there."""

    def put(self, path: Path) -> None:
        """It is there."""

    def forget_checkpoints(self, trial: int) -> None:
        """They were in the trial's directory alone."""

    def stop(self) -> None:
        """There is nothing beside the driver."""

    def release(self) -> None:
        lease.release(self._root, self._database.owner_epoch)


class RemoteHome:
    """Remote storage. A thread sends what does not wait, makes backups, and passes on that workers are to stop."""

    def __init__(self, remote: Remote, paths: StudyPaths, database: Database) -> None:
        assert database.log is not None
        self._remote = remote
        self._paths = paths
        self._database = database
        self._log: RemoteLog = database.log
        self._ended: deque[int] = deque()
        self._backed_up = self._log.position
        self._is_stop_told = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="remote storage", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def keep(self, folder: Path) -> None:
        publish(self._remote, self._paths.root, folder)

    def put(self, path: Path) -> None:
        self._log.ship()  # a deposed driver hears of it here, before it replaces what its successor has put
        self._remote.put(path.relative_to(self._paths.root).as_posix(), path)

    def forget_checkpoints(self, trial: int) -> None:
        self._ended.append(trial)

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def release(self) -> None:
        self._forget()
        with contextlib.suppress(StorageError):  # a backup shortens the next start; the segments hold all of it
            self.back_up()
        self._remote.delete([lease.stop_name(self._database.owner_epoch)])
        lease.release(self._remote, self._database.owner_epoch)

    def back_up(self) -> None:
        """Puts a copy of the database beside those that are there, and removes what it supersedes.

        Raises:
            StorageError: the storage can't be reached, or there is no room here for the copy.
        """
        try:
            with TemporaryDirectory() as folder:
                copy = Path(folder) / self._paths.database.name
                with self._database.lock:  # nothing is committed between the last segment and the copy
                    self._log.ship()
                    position = self._log.position
                    self._database.copy_to(copy)
                self._remote.put(position.backup, copy)
        except OSError as error:
            raise storage_error(Path(error.filename or gettempdir()), error) from error
        self._backed_up = position
        self._remote.delete(History.of(self._remote).superseded())

    def _run(self) -> None:
        backup_at, look_at = time.monotonic() + BACKUP_S, time.monotonic()
        while not self._stopping.wait(SHIP_S):
            try:
                self._log.ship()
            except ArchfrontError as error:  # the next transaction is refused with it
                logger.info("nothing more is sent: %s", error.message)
                return
            # Tried again later; the log tells of a storage that is gone.
            with contextlib.suppress(ArchfrontError, OSError):
                self._tell_stop()
                self._forget()
                if time.monotonic() >= look_at:
                    look_at = time.monotonic() + CLAIMS_S
                    self._look_for_claims()
                if time.monotonic() >= backup_at:
                    backup_at = time.monotonic() + BACKUP_S
                    if self._log.position != self._backed_up:
                        self.back_up()

    def _look_for_claims(self) -> None:
        newest = lease.highest_owner_epoch(self._remote)
        if newest > self._database.owner_epoch:
            self._log.end(taken_by=newest)

    def _tell_stop(self) -> None:
        if not self._is_stop_told and self._paths.stop_request(self._database.owner_epoch).exists():
            self._remote.put(lease.stop_name(self._database.owner_epoch), b"")
            self._is_stop_told = True

    def _forget(self) -> None:
        while self._ended:
            trial = self._paths.trial(self._ended[0]).root.relative_to(self._paths.root).as_posix()
            self._remote.delete(checkpoint_names(self._remote, trial))
            self._ended.popleft()
