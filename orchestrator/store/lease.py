"""Who may write: one driver at a time holds a study, under an owner epoch that only rises."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import psutil

from orchestrator.errors import ArchfrontError, StudyError
from orchestrator.failpoints import failpoint
from orchestrator.storage.remote import Remote

OWNERS = "owner"

_TAKEOVER = "wait for it, stop it, or give --takeover if you know that it is dead"


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """A driver process, told apart from a later one with the same pid by when it started.

    Attributes:
        started_at: seconds after its machine's boot: a clock that is set moves every other time of a process, and would
            make a living driver look like a dead one.
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
            started_at=started_at(psutil.Process()),
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
            is_it = abs(started_at(process) - self.started_at) < 1.0
            return bool(is_it and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Owner:
        return cls(**json.loads(text))


def claim(home: Remote, *, takeover: bool, recorded_epoch: int = 0, recorded: Owner | None = None) -> int:
    """Makes this process the owner under a new epoch; of several that try at once, one succeeds.

    Args:
        home: where the study lies: its directory, or its remote storage.
        recorded_epoch: as study.db has it; it is behind while somebody is taking the study.
        recorded: whom study.db names; None where it names nobody.

    Raises:
        StudyError: another driver holds the study, or was faster.
    """
    newest = highest_owner_epoch(home)
    if not takeover:
        holder = recorded if newest <= recorded_epoch else read_owner(home, newest)
        if holder is not None and not holder.released and holder.may_be_alive():
            raise held_error(home, holder)
    owner_epoch = max(recorded_epoch, newest) + 1
    failpoint("lease.before_link")
    if not home.put_once(owner_name(owner_epoch), Owner.current().to_json().encode()):
        raise held_error(home, read_owner(home, owner_epoch))
    return owner_epoch


@contextmanager
def given_back_on_failure(home: Remote, owner_epoch: int) -> Iterator[None]:
    """Gives a study that was just claimed back where the block fails: this process may live on."""
    try:
        yield
    except BaseException:
        with suppress(ArchfrontError):
            release(home, owner_epoch)
        raise


def release(home: Remote, owner_epoch: int) -> None:
    """Notes beside study.db that the owner of an epoch has given the study back, for when study.db is lost."""
    owner = replace(read_owner(home, owner_epoch), released=True)
    home.put(owner_name(owner_epoch), owner.to_json().encode())


def highest_owner_epoch(home: Remote) -> int:
    """The newest claim in the study's storage; 0 where there is none."""
    stems = [PurePosixPath(name).stem for name in home.names(OWNERS) if name.endswith(".json")]
    return max((int(stem) for stem in stems if stem.isdecimal()), default=0)


def owner_name(owner_epoch: int) -> str:
    """The name of an owner record in the study's storage."""
    return f"{OWNERS}/{owner_epoch:06d}.json"


def stop_name(owner_epoch: int) -> str:
    """Exists in remote storage while the workers of a session are to checkpoint and end; sorted after its owner."""
    return f"{OWNERS}/{owner_epoch:06d}.stop"


def news_since(home: Remote, owner_epoch: int) -> bool:
    """Whether a session is over: its workers are to stop, or another driver has claimed the study. One request."""
    return bool(home.names(OWNERS, after=owner_name(owner_epoch)))


def read_owner(home: Remote, owner_epoch: int) -> Owner:
    """Who has claimed an owner epoch.

    Raises:
        StudyError: the record can't be read.
    """
    content = home.get(owner_name(owner_epoch))
    try:
        return Owner.from_json((content or b"").decode())
    except (ValueError, TypeError) as error:
        raise StudyError(
            f"{home}: {owner_name(owner_epoch)} can't be read, so nobody knows who holds the study", hint=_TAKEOVER
        ) from error


def held_error(home: Remote, owner: Owner) -> StudyError:
    return StudyError(
        f"{home}: the study is being run by pid {owner.pid} on host {owner.host} since {owner.since}", hint=_TAKEOVER
    )


def started_at(process: psutil.Process) -> float:
    """Seconds from the machine's boot to the start of a process."""
    return float(process.create_time() - psutil.boot_time())


def _boot_id() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else str(psutil.boot_time())
