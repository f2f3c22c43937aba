"""The scheduler's rule over what the store holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol, assert_never

from orchestrator.config.settings import SchedulerName, SearchConfig
from orchestrator.objectives import min_accuracy
from orchestrator.records import EpochReport, TrialRecord
from orchestrator.schedule import asha, rule
from orchestrator.schedule.history import History
from orchestrator.schedule.progress import Peers, Progress, progress
from orchestrator.schedule.ranking import Ranking
from orchestrator.schedule.referee import Decide


class Records(Protocol):
    """The part of the store that rung decisions read: records are replaced, never changed."""

    @property
    def records(self) -> Mapping[int, TrialRecord]: ...


def rung_judge(store: Records, config: SearchConfig) -> Decide:
    """Judges a trial at each rung by all other trials, in a reproducible study by those that ended before it began."""
    rungs = rule.rungs(config.recipe.epochs, config.recipe.falling_share)
    judge = _judge(config)
    if judge is None:
        return lambda _record, _report: None
    history = History(config.objectives, rungs)
    history.observe(store.records)

    def decide(record: TrialRecord, report: EpochReport) -> rule.Decision | None:
        if report.epoch not in rungs:
            return None
        history.observe(store.records)
        # An attempt that goes on from an earlier checkpoint redoes epochs that were reported before.
        reports = (*(earlier for earlier in record.reports if earlier.epoch < report.epoch), report)
        candidate = progress(replace(record, reports=reports), config.objectives)
        return judge(candidate, history.peers(report.epoch, of=record.number, lag=config.lag))

    return decide


def _judge(config: SearchConfig) -> Callable[[Progress, Peers], rule.Decision] | None:
    scheduler = config.study.scheduler
    match scheduler:
        case SchedulerName.NONE:
            return None
        case SchedulerName.FRONT:
            return partial(rule.decide, min_accuracy=min_accuracy(config.constraints))
        case SchedulerName.ASHA:
            rankings: dict[int, Ranking] = {}

            def halve(candidate: Progress, peers: Peers) -> rule.Decision:
                rank_N = rankings.setdefault(peers.rung, Ranking()).ranks(peers)
                return asha.decide(candidate, peers, rank_N=rank_N)

            return halve
        case _:
            assert_never(scheduler)
