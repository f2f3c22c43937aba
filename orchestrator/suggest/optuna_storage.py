"""A study as Optuna's other tools read one: written into a storage that optuna-dashboard opens."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, create_trial
from optuna.trial import TrialState as OptunaState

from orchestrator.config.identity import from_frozen
from orchestrator.config.settings import SearchConfig
from orchestrator.errors import BadInputError, StorageError
from orchestrator.objectives import Constraint
from orchestrator.records import StudySnapshot, TrialRecord, TrialState
from orchestrator.selector import front
from orchestrator.store.database import Database
from orchestrator.store.reading import StudyLog
from orchestrator.suggest.distributions import distributions, to_params

STUDY_ID = "archfront.study_id"

_SCHEMES = ("sqlite", "postgresql", "mysql")
_SQLITE = "sqlite:///"
_OTHER = "give another database"
_STATES = {
    TrialState.PENDING: OptunaState.WAITING,
    TrialState.RUNNING: OptunaState.RUNNING,
    TrialState.COMPLETED: OptunaState.COMPLETE,
    TrialState.PRUNED: OptunaState.PRUNED,
    TrialState.INFEASIBLE: OptunaState.FAIL,
    TrialState.FAILED: OptunaState.FAIL,
}
_ATTRIBUTES = ("num_parameters", "macs", "predicted_latency_ms", "accuracy", "test_accuracy", "wall_time_s", "message")


def write_storage(log: StudyLog, snapshot: StudySnapshot, url: str) -> int:
    """Writes every trial under its number, in place of what was written of this study before; returns how many.

    Values are those that the search saw, so latency is predicted: a measured one is never compared with a predicted
    one, and only finalists are measured. It stands beside them as the attribute ``latency_ms``. A validation accuracy
    of each epoch is an intermediate value.

    Args:
        url: of a database, such as ``sqlite:///optuna.db``.

    Raises:
        BadInputError: it is no such address, or another study has the name there.
    """
    _check(url)
    optuna.logging.set_verbosity(logging.ERROR)
    study = _created(snapshot, url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([one.name for one in snapshot.objectives])
    study.set_user_attr(STUDY_ID, snapshot.study_id)
    study.set_user_attr("latency", "as predicted; measured ones are each trial's attribute latency_ms")
    study.add_trials(list(_trials(log, snapshot)))
    return len(snapshot.records)


def _check(url: str) -> None:
    scheme = url.partition("://")[0].partition("+")[0]
    if "://" not in url or scheme not in _SCHEMES:
        raise BadInputError(
            f'--to "{shown(url)}": is no address of a database', hint=f"write it like {_SQLITE}optuna.db"
        )
    if url.startswith(_SQLITE):
        _check_file(Path(url.removeprefix(_SQLITE)))


def _check_file(path: Path) -> None:
    """Refuses what Optuna's tables must not be written into: a study.db, MLflow's database, what is no database."""
    if not path.parent.is_dir():
        raise BadInputError(f'--to "{_SQLITE}{path}": there is no folder {path.parent}')
    if not path.exists():
        return
    try:
        with contextlib.closing(Database.open_for_reading(path)) as database:
            tables = {row["name"] for row in database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except StorageError as error:
        raise BadInputError(f'--to "{_SQLITE}{path}": is no database', hint=_OTHER) from error
    if tables and "studies" not in tables:
        raise BadInputError(f'--to "{_SQLITE}{path}": is the database of something else', hint=_OTHER)


def shown(url: str) -> str:
    """An address without user and password."""
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest


def _created(snapshot: StudySnapshot, url: str) -> optuna.Study:
    try:
        storage = optuna.storages.RDBStorage(url)
    except ImportError as error:
        raise BadInputError(
            f'--to "{shown(url)}": {error}', hint="install that driver, or give sqlite:///optuna.db"
        ) from error
    except Exception as error:
        # No such server, no right to write; RuntimeError: tables of another Optuna.
        if not isinstance(error, RuntimeError) and not type(error).__module__.startswith("sqlalchemy."):
            raise
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise BadInputError(f'--to "{shown(url)}": {reason}', hint=_OTHER) from error
    directions = [optuna.study.StudyDirection[one.direction.name] for one in snapshot.objectives]
    if snapshot.name in optuna.get_all_study_names(storage):
        earlier = optuna.load_study(study_name=snapshot.name, storage=storage)
        if earlier.user_attrs.get(STUDY_ID) != snapshot.study_id:
            text = f'--to "{shown(url)}": holds another study called {snapshot.name}'
            raise BadInputError(text, hint=_OTHER)
        optuna.delete_study(study_name=snapshot.name, storage=storage)
    return optuna.create_study(study_name=snapshot.name, storage=storage, directions=directions)


def _trials(log: StudyLog, snapshot: StudySnapshot) -> Iterable[FrozenTrial]:
    config = from_frozen(log.frozen, name=log.name)
    known = distributions(config.space)
    started, ended = _times(log, "trial_started"), {**_times(log, "trial_reused"), **_times(log, "trial_ended")}
    made_at = _local(snapshot.created_at)  # for what a repaired study has lost
    members = {record.number for record in front(snapshot.records, snapshot.objectives, snapshot.constraints)}
    for record in snapshot.records:
        params = to_params(log.asks[log.ask_of[record.number]].point, config.space)
        trial = _trial(record, config, params=params, known=known, members=members)
        if record.state is not TrialState.PENDING:
            trial.datetime_start = started.get(record.number, ended.get(record.number, made_at))
        if record.state.is_end:
            trial.datetime_complete = ended.get(record.number, trial.datetime_start)
        yield trial


def _trial(
    record: TrialRecord,
    config: SearchConfig,
    *,
    params: dict[str, Any],
    known: Mapping[str, BaseDistribution],
    members: Collection[int],
) -> FrozenTrial:
    is_complete = record.state is TrialState.COMPLETED
    violations = _violations(record, config.constraints)
    return create_trial(
        state=_STATES[record.state],
        values=[record.predicted(one.name) for one in config.objectives] if is_complete else None,
        params=params,
        distributions={name: known[name] for name in params},
        user_attrs=_attributes(record, is_on_front=record.number in members),
        # optuna-dashboard 0.21 knows the list alone, Optuna 5 both.
        system_attrs={"constraints": list(violations.values())} if violations else {},
        intermediate_values={report.epoch: report.accuracy for report in record.reports},
        constraints=violations,
    )


def _violations(record: TrialRecord, constraints: Iterable[Constraint]) -> dict[str, float]:
    """Of the limits that something is known of, relative to the bound; above 0 where they are broken."""
    found = {}
    for limit in constraints:
        try:
            found[limit.name] = limit.violation(record.predicted(limit.name))
        except ValueError:
            continue  # an accuracy that the trial never got
    return found


def _attributes(record: TrialRecord, *, is_on_front: bool) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(record, name) for name in _ATTRIBUTES}
    values |= {
        "state": str(record.state),
        "cause": str(record.cause) if record.cause else None,
        "latency_ms": record.latency.median_ms if record.latency else None,
        "architecture_id": record.architecture_id,
        "pareto": is_on_front,
    }
    return {name: value for name, value in values.items() if value not in (None, "")}


def _times(log: StudyLog, kind: str) -> dict[int, datetime]:
    """When something last happened to each trial."""
    return {event.trial: _local(event.at) for event in log.events if event.kind == kind and event.trial is not None}


def _local(at: str) -> datetime:
    """Optuna's times are local ones that don't say so."""
    return datetime.fromisoformat(at).astimezone().replace(tzinfo=None)
