"""What is left of a study: of its database, and of the copies beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from orchestrator.errors import StorageError
from orchestrator.store.copies import TrialCopy, identity_of, read_reports, read_trial, trial_folders
from orchestrator.store.database import Database
from orchestrator.store.identity import Identity, read_identity
from orchestrator.store.lease import Owner
from orchestrator.store.paths import StudyPaths, TrialPaths
from orchestrator.store.rows import Ask, read_asks, read_records
from orchestrator.store.schema import check_schema
from orchestrator.store.sealed import read_sealed


@dataclass(frozen=True, kw_only=True, slots=True)
class Remains:
    """One of the two sources that a study is rebuilt from.

    Attributes:
        identity, constants, wall_time_s: None where they are not known.
        trials: by number.
        asks: by the number that they had.
        damaged_ends: trials whose ``final.json`` is there and can't be read.
        owner_epoch: the highest that is known.
    """

    identity: Identity | None = None
    constants: Mapping[str, Any] | None = None
    wall_time_s: float | None = None
    trials: Mapping[int, TrialCopy] = field(default_factory=dict)
    asks: Mapping[int, Ask] = field(default_factory=dict)
    damaged_ends: frozenset[int] = frozenset()
    owner_epoch: int = 0
    owner: Owner | None = None

    def and_of(self, other: Self) -> Self:
        """Both together: of each trial the one that knows more, of all else this one's."""
        trials = {**other.trials, **self.trials}
        for number in self.trials.keys() & other.trials.keys():
            trials[number] = max(self.trials[number], other.trials[number], key=knowledge)
        return replace(
            self,
            identity=self.identity or other.identity,
            constants=self.constants or other.constants,
            wall_time_s=other.wall_time_s if self.wall_time_s is None else self.wall_time_s,
            trials=trials,
            asks={**other.asks, **self.asks},
        )


def knowledge(copy: TrialCopy) -> tuple[int, ...]:
    """Orders copies of one trial by how much they know."""
    record = copy.record
    return (
        int(record.state.is_end),
        sum(one is not None for one in (record.latency, record.throughput, record.test_accuracy)),
        sum(1 + int(one.test_accuracy is not None) for one in record.seeds),
        0 if record.retrained is None else 1 + int(record.retrained.test_score is not None),
        len(copy.attempts),
        len(record.reports),
    )


def of_database(paths: StudyPaths, file: Path) -> Remains:
    """What study.db says, or a file that was study.db.

    Raises:
        StorageError: it is damaged; the message says how.
        StudyError: a newer archfront wrote it.
    """
    database = Database.open_for_reading(file)
    try:
        _check_integrity(database)
        study = database.rows("SELECT * FROM study")[0]
        check_schema(paths.root, study["schema_version"])
        asks = {ask.number: ask for ask in read_asks(database)}
        return Remains(
            identity=identity_of(study),
            constants=json.loads(study["constants"]) or None,
            wall_time_s=study["wall_time_s"],
            trials=_trials(database, asks),
            asks=asks,
            owner_epoch=study["owner_epoch"],
            owner=Owner.from_json(study["owner"]) if study["owner"] else None,
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{file}: can't be read: {type(error).__name__}: {error}") from error
    finally:
        database.close()


def is_out_of_reach(error: StorageError) -> bool:
    """Whether a database may be whole although it can't be read: another program holds it, or rights are missing."""
    name = getattr(error.__cause__, "sqlite_errorname", "")
    return name in ("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_LOCKED", "SQLITE_PERM", "SQLITE_READONLY")


def of_files(paths: StudyPaths) -> Remains:
    """What the files beside study.db say; what is absent or damaged is left out."""
    folders = trial_folders(paths)
    found = {number: _of_folder(folder) for number, folder in folders.items()}
    trials = {number: copy for number, copy in found.items() if copy is not None and copy.record.number == number}
    measured = read_sealed(paths.constants) or {}
    return Remains(
        identity=read_identity(paths.frozen),
        constants=measured.get("constants"),
        wall_time_s=measured.get("wall_time_s"),
        trials=trials,
        asks={ask.number: ask for copy in trials.values() for ask in (*copy.refused, copy.ask)},
        damaged_ends=frozenset(
            number
            for number, folder in folders.items()
            if folder.final.exists() and not (number in trials and trials[number].record.state.is_end)
        ),
    )


def _of_folder(folder: TrialPaths) -> TrialCopy | None:
    copies = [copy for copy in (read_trial(folder.final), _start(folder)) if copy is not None]
    return max(copies, key=knowledge, default=None)


def _start(folder: TrialPaths) -> TrialCopy | None:
    copy, reports = read_trial(folder.start), read_reports(folder.reports)
    if copy is None or not reports or copy.record.state.is_end:
        return copy
    return replace(copy, record=replace(copy.record, reports=reports, wall_time_s=reports[-1].wall_time_s))


def _check_integrity(database: Database) -> None:
    problems = [row[0] for row in database.rows("PRAGMA integrity_check(1)")]
    if problems != ["ok"]:
        raise ValueError(problems[0] if problems else "it can't be checked")


def _trials(database: Database, asks: Mapping[int, Ask]) -> dict[int, TrialCopy]:
    attempts: dict[int, list[Mapping[str, Any]]] = {}
    for row in database.rows("SELECT trial, number, token, owner_epoch, ended FROM attempt ORDER BY trial, number"):
        attempts.setdefault(row["trial"], []).append({name: row[name] for name in row.keys() if name != "trial"})  # noqa: SIM118
    ask_of = {row["number"]: row["ask"] for row in database.rows("SELECT number, ask FROM trial")}
    return {
        number: TrialCopy(record=record, ask=asks[ask_of[number]], refused=(), attempts=tuple(attempts.get(number, ())))
        for number, record in read_records(database).items()
    }
