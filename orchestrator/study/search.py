"""The search itself: Ray Tune executes, the searcher proposes, the referee commits."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from orchestrator.config.settings import EngineName, Resources
from orchestrator.runtime.layout import Layout, worker_needs
from orchestrator.schedule.referee import Referee
from orchestrator.store.store import StudyStore
from orchestrator.study.actor_deaths import deaths_of_trials
from orchestrator.suggest.proposals import Proposals
from orchestrator.training.broker import ON_HEAD
from orchestrator.training.work import StudyWork
from orchestrator.trial import Trainable, inline_trainable, proxy_trainable, worker_groups

PROXY_MEMORY_BYTES = 64 << 20
"""What a proxy asks for instead of a CPU: a trial that holds a CPU while its workers need it hangs for ever."""


def run_trials(
    store: StudyStore,
    proposals: Proposals,
    referee: Referee,
    *,
    study: StudyWork,
    layout: Layout,
    resources: Resources,
    is_stopping: Callable[[], bool],
    may_start: Callable[[], bool],
) -> None:
    """Runs trials until the proposals end; every end is in the store when this returns.

    Args:
        is_stopping: whether to leave at once, and what is lost for a later session.
        may_start: whether an attempt may start now; where none may, those that run go on to their end.
    """
    with _engine(study, layout, resources) as (trainable, needs):
        _fit(
            store,
            proposals,
            referee,
            trainable=trainable,
            needs=needs,
            layout=layout,
            is_stopping=is_stopping,
            may_start=may_start,
        )


@contextlib.contextmanager
def _engine(
    study: StudyWork, layout: Layout, resources: Resources
) -> Iterator[tuple[Trainable, list[dict[str, float]]]]:
    """The trainable of the engine and the resources that one Tune trial holds; groups live as long as the block."""
    if layout.engine is EngineName.INLINE:
        yield inline_trainable(study), [worker_needs(resources)]
        return
    with worker_groups(study, layout, resources) as broker:
        yield proxy_trainable(broker), [{"CPU": 0.0, "memory": float(PROXY_MEMORY_BYTES), **ON_HEAD}]


def _fit(
    store: StudyStore,
    proposals: Proposals,
    referee: Referee,
    *,
    trainable: Trainable,
    needs: list[dict[str, float]],
    layout: Layout,
    is_stopping: Callable[[], bool],
    may_start: Callable[[], bool],
) -> None:
    from ray import tune

    from orchestrator.schedule.scheduler import StudyScheduler
    from orchestrator.suggest.searcher import StudySearcher

    tuner = tune.Tuner(
        tune.with_resources(trainable, tune.PlacementGroupFactory(needs)),
        tune_config=tune.TuneConfig(
            num_samples=-1,
            search_alg=StudySearcher(proposals, is_stopping=is_stopping, may_start=may_start),
            scheduler=StudyScheduler(referee),
            max_concurrent_trials=layout.num_slots,
            reuse_actors=True,
            trial_dirname_creator=_dirname,
        ),
        run_config=tune.RunConfig(
            name=f"session-{store.owner_epoch}",
            storage_path=str(store.paths.scratch.absolute()),
            failure_config=tune.FailureConfig(max_failures=0),  # retries are the study's own
            verbose=0,
        ),
    )
    with quiet_output(), deaths_of_trials():
        tuner.fit()


@contextlib.contextmanager
def quiet_output() -> Iterator[None]:
    """Tune prints a banner at ``verbose=0``; what is ours is written elsewhere (the display holds its own stream)."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123 - no file of ours
        yield


def _dirname(trial: Any) -> str:
    return f"{trial.config['trial']:05d}-{trial.trial_id}"
