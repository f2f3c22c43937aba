"""When a search ends before its trials are spent: criteria of ``[budget]``, functions of the trials and the time spent.

Where one is met, no new trial starts and those that run go on to their end. The failure guard is no such criterion: it
ends a study as failed.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from orchestrator.config.settings import SearchConfig
from orchestrator.records import Cause, TrialRecord
from orchestrator.schedule.growth import FrontGrowth

MIN_GROWTH = 1e-3
"""Patience ends where the hypervolume of the front has grown by no more than this share."""


class StopCriteria:
    """The criteria of a study that goes on: they remember the front, so that they may be asked at any time."""

    def __init__(self, config: SearchConfig) -> None:
        self._budget = config.budget
        self._gpus_per_trial = config.resources.workers_per_trial * config.resources.gpus_per_worker
        self._growth = FrontGrowth(config.objectives, config.constraints, window=max(1, config.budget.patience))

    def reason(self, records: Collection[TrialRecord], wall_time_s: float) -> str | None:
        """The first criterion that is met, in words; None while the search goes on.

        Args:
            records: all trials of the study, in any order and state; they only ever become more or change.
            wall_time_s: of the study, over all its sessions.
        """
        budget = self._budget
        if wall_time_s >= budget.wall_time_s:
            return f"a wall time of {budget.wall_time.strip()} is spent"
        if budget.gpu_hours and self._gpu_hours(records) >= budget.gpu_hours:
            return f"{budget.gpu_hours:g} GPU-hours are spent"
        if budget.patience and self._has_stalled(records):
            return f"the front has grown by at most {100 * MIN_GROWTH:g} % in the last {budget.patience:,} trials"
        return None

    def _gpu_hours(self, records: Collection[TrialRecord]) -> float:
        trained = (record.wall_time_s for record in records if record.cause is not Cause.REUSED)
        return math.fsum(trained) * self._gpus_per_trial / 3600.0

    def _has_stalled(self, records: Collection[TrialRecord]) -> bool:
        self._growth.observe(records)
        share = self._growth.share
        return share is not None and share <= MIN_GROWTH
