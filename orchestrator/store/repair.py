"""Makes study.db anew from the files beside it, when it is lost, damaged, or older than they are."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from orchestrator.errors import StorageError, StudyError
from orchestrator.records import TrialRecord
from orchestrator.storage import put_once, write_bytes
from orchestrator.storage.shared_folder import SharedFolder
from orchestrator.store import lease
from orchestrator.store.copies import TrialCopy, trial_folders
from orchestrator.store.database import Database
from orchestrator.store.founding import make_tables
from orchestrator.store.identity import Identity
from orchestrator.store.messages import ended
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import REPAIRED, no_study
from orchestrator.store.remains import Remains, is_out_of_reach, knowledge, of_database, of_files
from orchestrator.store.rows import Ask
from orchestrator.store.statements import insert_ask, insert_event, insert_trial, replace_report, update_trial
from orchestrator.store.store import StudyStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Repair:
    """What a repair did.

    Attributes:
        reason: what was wrong with study.db.
        kept_aside: where the old file is; None where there was none.
        losses: what could not be restored, one clause each.
    """

    reason: str
    kept_aside: Path | None
    records: tuple[TrialRecord, ...]
    losses: tuple[str, ...]


def repair(root: Path, *, takeover: bool = False) -> Repair | None:
    """Rebuilds study.db where it needs it; None where it is whole and knows all that the files hold.

    Raises:
        StudyError: there is no study, a driver may be alive, or what is left does not suffice.
        StorageError: the folder can't be read or written.
    """
    paths, home = StudyPaths(root), SharedFolder(root)
    if not paths.frozen.exists() and not paths.database.exists():
        raise no_study(root)
    files = of_files(paths)  # first: a driver writes them after study.db
    stored, reason = _stored(paths, files, newest_owner=lease.highest_owner_epoch(home))
    if reason is None:
        return None
    owner_epoch = lease.claim(home, recorded_epoch=stored.owner_epoch, recorded=stored.owner, takeover=takeover)
    try:
        return _rebuild(paths, files.and_of(stored), owner_epoch, reason)
    finally:
        lease.release(home, owner_epoch)


def _stored(paths: StudyPaths, files: Remains, *, newest_owner: int) -> tuple[Remains, str | None]:
    """What study.db can add, and why it is to be made anew; None where it is not.

    A repair that was killed after it had put the old one aside, and before the new one was there, is begun again with
    the old one: it may know what a damaged file does not.
    """
    reason = None if paths.database.exists() else "study.db is gone"
    file = paths.database if reason is None else _aside(paths, newest_owner)
    if not file.exists():
        return Remains(), reason
    try:
        stored = of_database(paths, file)
    except StorageError as error:
        if is_out_of_reach(error):
            raise
        return Remains(), reason or error.message
    if reason is not None:
        return stored, reason
    if files.identity not in (None, stored.identity):
        return Remains(), "study.db is of another study than study.json"
    for number, copy in files.trials.items():
        if number not in stored.trials or knowledge(copy) > knowledge(stored.trials[number]):
            return stored, f"study.db is older than the folder of trial {number}"
    return stored, None


def _rebuild(paths: StudyPaths, remains: Remains, owner_epoch: int, reason: str) -> Repair:
    identity, trials = _known_identity(paths, remains), _gapless(paths, remains.trials)
    foreign = [folder.root for number, folder in trial_folders(paths).items() if number >= len(trials)]
    losses = list(_losses(paths, remains, trials))
    losses += [f"trial {int(one.name)}: none of its files can be read" for one in foreign]
    with TemporaryDirectory() as folder:
        draft = Path(folder) / paths.database.name
        try:
            _write(draft, identity, remains, trials, owner_epoch=owner_epoch, detail={"reason": reason, "lost": losses})
        except sqlite3.IntegrityError as error:
            raise StudyError(f"{paths.trials}: two folders tell of the same trial: {error}") from error
        kept_aside = _put_aside(paths, foreign, owner_epoch)
        put_once(paths.database, draft.read_bytes())
    records = _adopted(paths, owner_epoch)
    return Repair(reason=reason, kept_aside=kept_aside, records=records, losses=tuple(losses))


def _known_identity(paths: StudyPaths, remains: Remains) -> Identity:
    if remains.identity is None:
        raise StudyError(
            f"{paths.frozen}: neither it nor study.db can be read, so nobody knows what was searched",
            hint="put a copy of either there",
        )
    return remains.identity


def _gapless(paths: StudyPaths, trials: Mapping[int, TrialCopy]) -> list[TrialCopy]:
    """The trials from 0 on; those of which nothing is known can only be the last ones."""
    count = next(number for number in itertools.count() if number not in trials)
    later = max(trials, default=-1)
    if later > count:
        raise StudyError(
            f"{paths.trial(count).root}: none of its files can be read, and later trials follow up to {later}",
            hint="put a copy of its trial.json or final.json there, or move the folders from it on away: "
            "then these trials are searched again",
        )
    return [trials[number] for number in range(count)]


def _losses(paths: StudyPaths, remains: Remains, trials: Sequence[TrialCopy]) -> Iterator[str]:
    yield "the log of what was decided and when"
    yield f"what MLflow had not been sent; archfront sync {paths.root} --all sends all of it again"
    last = max((copy.ask.number for copy in trials), default=-1)
    num_refused = last + 1 - sum(number <= last for number in remains.asks)
    if num_refused:
        yield f"{num_refused} refused suggestions between the trials"
    yield "suggestions that were refused after the last trial; the sampler makes them again"
    for copy in trials:
        if copy.record.number in remains.damaged_ends and not copy.record.state.is_end:
            yield f"the end of trial {copy.record.number}, whose final.json is damaged: it is trained again"
    if remains.constants is None:
        yield "what was measured before the first trial; the next search measures it again"
    if remains.wall_time_s is None:
        yield "how long earlier sessions took"


def _write(
    path: Path,
    identity: Identity,
    remains: Remains,
    trials: Sequence[TrialCopy],
    *,
    owner_epoch: int,
    detail: Mapping[str, Any],
) -> None:
    """A whole database. Suggestions are numbered anew where some of them are lost: the sampler knows no gaps."""
    accepted = {copy.ask.number for copy in trials}
    asks = [ask for _, ask in sorted(remains.asks.items()) if ask.refusal is not None or ask.number in accepted]
    renumbered = {ask.number: replace(ask, number=number) for number, ask in enumerate(asks)}
    database = Database.open(path)
    try:
        with database.transaction() as connection:
            make_tables(connection, identity)
            connection.execute(
                "UPDATE study SET constants = ?, wall_time_s = ?, owner_epoch = ?",
                (json.dumps(remains.constants or {}), remains.wall_time_s or 0.0, owner_epoch),
            )
            for ask in renumbered.values():
                insert_ask(connection, ask)
            for copy in trials:
                _insert(connection, copy, renumbered[copy.ask.number])
            insert_event(connection, REPAIRED, trial=None, owner_epoch=owner_epoch, detail=detail)
    finally:
        database.close()


def _insert(connection: sqlite3.Connection, copy: TrialCopy, ask: Ask) -> None:
    record = copy.record
    insert_trial(connection, ask, record)
    update_trial(connection, record)
    connection.executemany(
        "INSERT INTO attempt (trial, number, token, owner_epoch, ended) VALUES (?, ?, ?, ?, ?)",
        [
            (record.number, attempt["number"], attempt["token"], attempt["owner_epoch"], attempt["ended"])
            for attempt in copy.attempts
        ],
    )
    for report in record.reports:
        replace_report(connection, record.number, report, attempt=len(copy.attempts))


def _put_aside(paths: StudyPaths, foreign: Iterable[Path], owner_epoch: int) -> Path | None:
    """Renames what is not used, so that nothing takes it for a part of the study; the database with its journal.

    The journal holds what was committed last: at every moment a database that can be read has its own beside it.
    """
    for folder in foreign:
        folder.rename(folder.with_name(f"{folder.name}.broken-{owner_epoch:06d}"))
    aside = _aside(paths, owner_epoch)
    journal, index = (paths.database.with_name(paths.database.name + suffix) for suffix in ("-wal", "-shm"))
    if paths.database.exists():
        if journal.exists():
            write_bytes(aside.with_name(f"{aside.name}-wal"), journal.read_bytes())
        paths.database.rename(aside)
    for left in (journal, index):
        left.unlink(missing_ok=True)
    return aside if aside.exists() else None


def _aside(paths: StudyPaths, owner_epoch: int) -> Path:
    """Where a repair under this owner epoch puts the old database."""
    return paths.database.with_name(f"{paths.database.name}.broken-{owner_epoch:06d}")


def _adopted(paths: StudyPaths, owner_epoch: int) -> tuple[TrialRecord, ...]:
    """All trials, after those that have ended by their ``result.json`` were ended."""
    database = Database.open(paths.database)
    database.owner_epoch = owner_epoch
    store = StudyStore(paths, database)
    try:
        for number, result in store.unheard_results():
            store.end(ended(store.records[number], result))
        store.complete_files()
        return tuple(store.records.values())
    finally:
        store.close()
