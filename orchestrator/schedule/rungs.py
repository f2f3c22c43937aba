"""The scheduler's rule over what the store holds."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.config.settings import SchedulerName, SearchConfig
from orchestrator.records import EpochReport, TrialRecord
from orchestrator.schedule import rule
from orchestrator.schedule.referee import Decide
from orchestrator.store.store import StudyStore


def rung_judge(store: StudyStore, config: SearchConfig) -> Decide:
    """Judges a trial at each rung of the study by all its other trials."""
    rungs = (
        ()
        if config.study.scheduler is SchedulerName.NONE
        else rule.rungs(config.recipe.epochs, config.recipe.decay_share)
    )

    def decide(record: TrialRecord, report: EpochReport) -> rule.Decision | None:
        if report.epoch not in rungs:
            return None
        candidate = rule.progress(replace(record, reports=(*record.reports, report)), config.objectives)
        others = (other for other in store.records.values() if other.number != record.number)
        return rule.decide(candidate, [rule.progress(other, config.objectives) for other in others], rung=report.epoch)

    return decide
