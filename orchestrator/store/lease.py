"""Who may write: one driver at a time holds a study, under an owner epoch that only rises."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from orchestrator.errors import StudyError


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """A driver process, told apart from a later one with the same pid by when it started."""

    pid: int
    started_at: float
    host: str
    boot_id: str
    since: str

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
        """False only where it is known to be gone: another boot of this host, or no such process."""
        if self.host != socket.gethostname():
            return True
        if self.boot_id != _boot_id():
            return False
        try:
            return bool(abs(psutil.Process(self.pid).create_time() - self.started_at) < 1.0)
        except psutil.NoSuchProcess:
            return False

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Owner:
        return cls(**json.loads(text))


def claim(path: Path, owner: Owner) -> None:
    """Creates the owner record of an epoch; of two drivers that try, one succeeds.

    Raises:
        StudyError: another driver was faster.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError as error:
        raise StudyError(f"{path.parent.parent}: another driver has just taken this study") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(owner.to_json())
        file.flush()
        os.fsync(file.fileno())


def highest_owner_epoch(folder: Path) -> int:
    """The newest claim in the study's storage; 0 where there is none."""
    return max((int(path.stem) for path in folder.glob("*.json")), default=0)


def held_error(root: Path, owner: Owner) -> StudyError:
    return StudyError(
        f"{root}: the study is being run by pid {owner.pid} on host {owner.host} since {owner.since}",
        hint="wait for it, stop it, or give --takeover if you know that it is dead",
    )


def _boot_id() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else str(psutil.boot_time())
