"""Who may write: one driver at a time holds a study, under an owner epoch that only rises."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil

from orchestrator.errors import StudyError
from orchestrator.failpoints import failpoint
from orchestrator.storage import put_once, write_bytes
from orchestrator.store.paths import StudyPaths

_TAKEOVER = "wait for it, stop it, or give --takeover if you know that it is dead"


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """A driver process, told apart from a later one with the same pid by when it started.

    Attributes:
        released: it has given the study back.
    """

    pid: int
    started_at: float
    host: str
    boot_id: str
    since: str
    released: bool = False

    @classmethod
    def current(cls) -> Owner:
        return cls(
            pid=os.getpid(),
            started_at=psutil.Process().create_time(),
            host=socket.gethostname(),
            boot_id=_boot_id(),
            since=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def may_be_alive(self) -> bool:
        """False only where it is known to be gone: another boot of this host, no such process, or one that has ended.

        One that has ended keeps its number until its parent asks for it, which a container's first process may not do.
        """
        if self.host != socket.gethostname():
            return True
        if self.boot_id != _boot_id():
            return False
        try:
            process = psutil.Process(self.pid)
            is_it = abs(process.create_time() - self.started_at) < 1.0
            return bool(is_it and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Owner:
        return cls(**json.loads(text))


def claim(paths: StudyPaths, *, recorded_epoch: int, recorded: Owner | None, takeover: bool) -> int:
    """Makes this process the owner under a new epoch; of several that try at once, one succeeds.

    Args:
        recorded_epoch: as study.db has it; it is behind while somebody is taking the study.
        recorded: whom study.db names; None where it names nobody.

    Raises:
        StudyError: another driver holds the study, or was faster.
    """
    newest = highest_owner_epoch(paths.owner(0).parent)
    if not takeover:
        holder = recorded if newest <= recorded_epoch else _read(paths, newest)
        if holder is not None and not holder.released and holder.may_be_alive():
            raise held_error(paths.root, holder)
    owner_epoch = max(recorded_epoch, newest) + 1
    failpoint("lease.before_link")
    if not put_once(paths.owner(owner_epoch), Owner.current().to_json().encode()):
        raise held_error(paths.root, _read(paths, owner_epoch))
    return owner_epoch


def release(paths: StudyPaths, owner_epoch: int) -> None:
    """Notes beside study.db that the owner of an epoch has given the study back, for when study.db is lost."""
    owner = replace(_read(paths, owner_epoch), released=True)
    write_bytes(paths.owner(owner_epoch), owner.to_json().encode())


def highest_owner_epoch(folder: Path) -> int:
    """The newest claim in the study's storage; 0 where there is none."""
    return max((int(path.stem) for path in folder.glob("*.json") if path.stem.isdecimal()), default=0)


def held_error(root: Path, owner: Owner) -> StudyError:
    return StudyError(
        f"{root}: the study is being run by pid {owner.pid} on host {owner.host} since {owner.since}", hint=_TAKEOVER
    )


def _read(paths: StudyPaths, owner_epoch: int) -> Owner:
    path = paths.owner(owner_epoch)
    try:
        return Owner.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError) as error:
        raise StudyError(f"{path}: can't be read, so nobody knows who holds the study", hint=_TAKEOVER) from error


def _boot_id() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else str(psutil.boot_time())
