"""Derives every suggestion and rung decision of a study again, from its event log alone, and compares.

The log is complete when nothing differs: what was suggested and decided follows from the settings, the constants that
were frozen before the first ask, and the order of events.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from orchestrator.config.identity import from_frozen
from orchestrator.config.settings import Budget, SearchConfig
from orchestrator.errors import StudyError
from orchestrator.measure.forecast import Forecast
from orchestrator.records import Cause, EpochReport, TrialRecord
from orchestrator.schedule.rungs import rung_judge
from orchestrator.store.reading import REPAIRED, LoggedEvent, StudyLog, read_log
from orchestrator.store.rows import Ask, Attempt
from orchestrator.suggest.costing import Prediction, predictions_of
from orchestrator.suggest.stored import StoredResults
from orchestrator.suggest.wiring import proposals_of

_UNLIMITED = Budget(trials=1_000_000)
_SAME = 1e-9


@dataclass(kw_only=True, slots=True)
class Replay:
    """What was derived again; ``differences`` is empty where the log explains the study."""

    num_suggestions: int = 0
    num_decisions: int = 0
    differences: list[str] = field(default_factory=list)


class _EndOfLog(Exception):  # noqa: N818 - no error: the study goes on from here
    pass


def replay(root: Path) -> Replay:
    """Replays the study at ``root``, which may be running.

    Raises:
        StudyError: there is no study, a newer archfront wrote it, or its log is lost.
    """
    log = read_log(root)
    if any(event.kind == REPAIRED for event in log.events):
        raise StudyError(f"{root}: its database was repaired, and the log of what was decided before is lost")
    config = from_frozen(log.frozen, name=log.name, budget=_UNLIMITED)
    forecast = Forecast.from_dict(log.constants)
    if forecast is None:
        return Replay()
    return replay_log(log, config, predictions_of(forecast, config.task))


def replay_log(log: StudyLog, config: SearchConfig, predictions: Mapping[str, Prediction]) -> Replay:
    """Replays a log, with what is timed as it was predicted then."""
    ledger = _Ledger(log)
    stored = StoredResults.from_json(log.constants.get("stored", {}))
    proposals = proposals_of(ledger, config, predictions=predictions, stored=stored)
    judge = rung_judge(ledger, config)
    for event in log.events:
        match event.kind:
            case "ask_refused" | "trial_started" | "trial_reused" if event.detail["ask"] >= len(ledger.asks):
                try:
                    if proposals.next() is None:
                        ledger.result.differences.append(f"ask {event.detail['ask']}: nothing was suggested")
                        return ledger.result
                except _EndOfLog:
                    return ledger.result
            case "epoch_reported":
                assert event.trial is not None
                report = _report(event)
                decision = judge(ledger.records[event.trial], report)
                ledger.compare_decision(event, asdict(decision) if decision else {})
                ledger.add_report(event.trial, report)
            case "trial_ended":
                assert event.trial is not None
                ledger.end(event.trial)
            case _:
                pass
    return ledger.result


class _Ledger:
    """A store that knows already what will be written into it, and compares."""

    def __init__(self, log: StudyLog) -> None:
        self._log = log
        self._trial_of_ask: dict[int, int] = {}
        self.records: dict[int, TrialRecord] = {}
        self.asks: list[Ask] = []
        self.num_live = 0
        self.result = Replay()

    def record_of_ask(self, ask: int) -> TrialRecord | None:
        trial = self._trial_of_ask.get(ask)
        return None if trial is None else self.records[trial]

    @property
    def running_asks(self) -> set[int]:
        return {ask for ask, trial in self._trial_of_ask.items() if not self.records[trial].state.is_end}

    def lost_trials(self) -> list[int]:
        """None: that attempts were lost changes no suggestion."""
        return []

    def restart(self, trial: int) -> Attempt:
        raise AssertionError("no trial is lost in a replay")

    def refuse(self, ask: Ask) -> None:
        self._compare_ask(ask)

    def start(self, ask: Ask, record: TrialRecord) -> Attempt:
        self._compare_ask(ask)
        self._begin(ask, record)
        return Attempt(trial=record.number, number=1, token="")

    def reuse(self, ask: Ask, record: TrialRecord, *, model: Path) -> None:
        self._compare_ask(ask)
        self._begin(ask, record)

    def add_report(self, trial: int, report: EpochReport) -> None:
        record = self.records[trial]
        earlier = (one for one in record.reports if one.epoch < report.epoch)
        self.records[trial] = replace(record, reports=(*earlier, report), wall_time_s=report.wall_time_s)

    def end(self, trial: int) -> None:
        """As it ended."""
        self.records[trial] = replace(_unconfirmed(self._log.records[trial]), reports=self.records[trial].reports)

    def compare_decision(self, event: LoggedEvent, derived: Mapping[str, Any]) -> None:
        logged = event.detail["decision"]
        self.result.num_decisions += bool(logged or derived)
        if logged.keys() != derived.keys() or not all(_is_same(logged[name], derived[name]) for name in logged):
            where = f"trial {event.trial}, epoch {event.detail['epoch']}"
            texts = f"decided {_decision_text(logged)}, derived {_decision_text(derived)}"
            self.result.differences.append(f"{where}: {texts}")

    def _compare_ask(self, ask: Ask) -> None:
        if ask.number >= len(self._log.asks):
            raise _EndOfLog
        logged = self._log.asks[ask.number]
        self.result.num_suggestions += 1
        if (logged.point, logged.refusal) != (ask.point, ask.refusal):
            self.result.differences.append(
                f"ask {ask.number}: suggested {_point_text(logged)}, derived {_point_text(ask)}"
            )
        self.asks.append(logged)

    def _begin(self, ask: Ask, record: TrialRecord) -> None:
        """The log is followed also where it differs from what was derived."""
        logged = self._log.records[record.number]
        self._trial_of_ask[ask.number] = record.number
        if logged.cause is Cause.REUSED:
            self.records[record.number] = _unconfirmed(logged)
        else:
            self.records[record.number] = replace(
                record, architecture=logged.architecture, architecture_id=logged.architecture_id
            )


def _unconfirmed(record: TrialRecord) -> TrialRecord:
    """As the search knew it: without what was measured and scored after it."""
    return replace(record, latency=None, throughput=None, test_accuracy=None, test_score=None, seeds=(), retrained=None)


def _report(event: LoggedEvent) -> EpochReport:
    names = ("epoch", "accuracy", "loss", "train_loss", "wall_time_s")
    return EpochReport(**{name: event.detail[name] for name in names})


def _is_same(logged: Any, derived: Any) -> bool:
    if isinstance(logged, float) and isinstance(derived, float):
        return math.isclose(logged, derived, rel_tol=_SAME, abs_tol=_SAME)
    return bool(logged == derived)


def _decision_text(decision: Mapping[str, Any]) -> str:
    return str(decision.get("reason", "nothing")) if decision else "nothing"


def _point_text(ask: Ask) -> str:
    values = ", ".join(f"{name} = {value}" for name, value in ask.point.values.items())
    return f"{ask.point.family} ({values}){f', refused as {ask.refusal}' if ask.refusal else ''}"
