"""A study from its config to its confirmed front; the same call again resumes or extends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from orchestrator.config.settings import SearchConfig
from orchestrator.confirm import Session, confirm
from orchestrator.errors import BadInputError, InterruptedStudyError
from orchestrator.measure.conditions import Setup, is_elsewhere
from orchestrator.measure.forecast import Forecast
from orchestrator.measure.runtimes import check_setup
from orchestrator.objectives import LATENCY_MS
from orchestrator.runtime import connection, layout
from orchestrator.schedule.referee import Referee
from orchestrator.schedule.rungs import rung_judge
from orchestrator.store.announcements import study_ended, study_started
from orchestrator.store.events import StudyEnd
from orchestrator.store.store import StudyStore
from orchestrator.study import preparation
from orchestrator.study.clock import StudyClock
from orchestrator.study.cluster_slot import open_slot
from orchestrator.study.elsewhere import write_requests
from orchestrator.study.ending import SearchEnd
from orchestrator.study.interruption import Interruption
from orchestrator.study.options import Audience, RunOptions
from orchestrator.study.outcome import check_outcome, front_watcher, has_failed_too_often, publish
from orchestrator.study.search import run_trials
from orchestrator.study.session import note_session
from orchestrator.study.sync import note_address
from orchestrator.study.unwrapping import own_errors
from orchestrator.suggest.costing import predictions_of
from orchestrator.suggest.proposals import Proposals
from orchestrator.suggest.stored import StoredResults
from orchestrator.suggest.wiring import proposals_of
from orchestrator.tracking.address import resolve_uri
from orchestrator.tracking.tracker import Tracker
from orchestrator.training.work import StudyWork

FLUSH_S = 20.0
"""How long the end waits for tracking; what is left then is sent by the next session."""


def run(config: SearchConfig, options: RunOptions, display: Audience) -> Path:
    """Runs a study to its end and returns its directory.

    Raises:
        InterruptedStudyError: it was stopped, and goes on when it is run again.
        NothingFeasibleError: no architecture met the constraints.
        BadInputError: the resources can't be had, or the directory holds another study.
    """
    if connection.address_of(options.address) == connection.LOCAL:
        # Refused in milliseconds, before anything is started.
        layout.plan(config.resources, [layout.this_machine()], may_grow=False)
        if not is_elsewhere(config.latency.device):
            check_setup(Setup.of(config.latency, config.task))
    opened = preparation.open_study(options.root, config, takeover=options.takeover, url=options.url)
    with closing(opened) as store, _tracked(store, config, options) as tracker:
        note_session(store, config, command=options.command)
        display.on_open(store, tracker)
        interruption = Interruption(store.paths.stop_request(store.owner_epoch))
        with interruption.handling_signals(), _session(store) as clock:
            end = SearchEnd(
                store,
                config,
                clock=clock,
                tell=lambda reason: display.on_phase(f"searching; {reason}, so no new trial starts"),
            )
            with _told_if_interrupted(store), own_errors(options.root):
                _run(store, config, options, interruption, display, end=end, settle=lambda: _flush(tracker))
            clock.count()
            display.on_phase("writing the report")
            with own_errors(options.root):
                publish(store)
        display.on_phase("tracking")
        _flush(tracker)
    return options.root


@contextmanager
def _told_if_interrupted(store: StudyStore) -> Iterator[None]:
    """Tracking hears of it with the next session at the latest."""
    try:
        yield
    except InterruptedStudyError:
        store.announce([study_ended(StudyEnd.INTERRUPTED)])
        raise


def _flush(tracker: Tracker | None) -> None:
    if tracker is not None:
        tracker.flush(FLUSH_S)


def _run(
    store: StudyStore,
    config: SearchConfig,
    options: RunOptions,
    interruption: Interruption,
    display: Audience,
    *,
    end: SearchEnd,
    settle: Callable[[], None],
) -> None:
    with open_slot(config, connection.address_of(options.address)) as slot:
        forecast = Forecast.from_dict(store.constants)
        profiles = preparation.profiles_of(config, options.root.parent) if forecast is None else {}
        if forecast is None and not profiles and slot is not None:
            slot.prepare(preparation.references_of(config))
        display.on_phase("starting Ray")
        with _cluster(config, options) as plan:
            display.on_layout(plan)
            if forecast is None:
                display.on_phase(f"latency by {profiles[LATENCY_MS]}" if profiles else "calibrating latency")
                forecast = preparation.calibrate(store, slot, config, profiles=profiles)
            if slot is not None:
                slot.stand_at(forecast.predictors)
            store.announce(
                [study_started(name=store.name, frozen=store.frozen, provenance=store.constants["provenance"])]
            )
            preparation.check_timing_is_reachable(config, forecast)
            display.on_phase("reading the data")
            work = preparation.share_data(store, _work(store, config, options))
            display.on_phase("searching")
            _search(store, config, plan, forecast, interruption, end=end, work=work)
            reason = end.reason
            display.on_phase("confirming the front" if reason is None else f"confirming the front, because {reason}")
            session = Session(
                work=work, layout=plan, while_training=interruption.while_finalists_train, tell=display.on_phase
            )
            confirm(store, config, forecast, slot, session=session, before_measuring=settle)
            if slot is None and (requests := write_requests(store, config, forecast)):
                files = " and ".join(map(str, requests))
                display.on_phase(f"latency is predicted until {config.latency.device} has measured {files}")


@contextmanager
def _cluster(config: SearchConfig, options: RunOptions) -> Iterator[layout.Layout]:
    """Ray for as long as the block lasts, and how trials are laid out on it.

    Raises:
        BadInputError: nobody answers there, a trial has no room, or its nodes don't see where the study lies.
    """
    address = connection.address_of(options.address)
    nodes = connection.connect(address)
    try:
        if len(nodes) > 1 and not options.is_root_given:
            raise BadInputError(
                f"the cluster has {len(nodes)} nodes, and {options.root.parent} is on one of them",
                hint="give what all nodes see, a folder, s3://, gs:// or az://: --storage or $ARCHFRONT_STORAGE",
            )
        yield layout.plan(config.resources, nodes, may_grow=address != connection.LOCAL)
    finally:
        connection.disconnect()


def _search(
    store: StudyStore,
    config: SearchConfig,
    plan: layout.Layout,
    forecast: Forecast,
    interruption: Interruption,
    *,
    end: SearchEnd,
    work: StudyWork,
) -> None:
    proposals = _proposals(store, config, forecast)
    referee = Referee(
        store,
        decide=rung_judge(store, config),
        max_attempts=config.resources.max_attempts,
        on_end=front_watcher(store, config),
    )
    referee.adopt()
    guard = partial(has_failed_too_often, store, config)
    if store.lost_trials() or (not proposals.is_spent and end.may_start()):
        with interruption.while_trials_run():
            run_trials(
                store,
                proposals,
                referee,
                study=work,
                layout=plan,
                resources=config.resources,
                is_stopping=lambda: interruption.is_requested or guard(),
                may_start=end.may_start,
            )
    if interruption.is_requested:
        raise InterruptedStudyError("interrupted; running trials are checkpointed")
    if proposals.is_exhausted and end.reason is None:
        end.conclude("every feasible architecture that was found has been tried")
    check_outcome(store, config, proposals)


def _proposals(store: StudyStore, config: SearchConfig, forecast: Forecast) -> Proposals:
    return proposals_of(
        store,
        config,
        predictions=predictions_of(forecast, config.task),
        stored=StoredResults.from_json(store.constants.get("stored", {})),
    )


def _work(store: StudyStore, config: SearchConfig, options: RunOptions) -> StudyWork:
    return StudyWork(
        root=store.paths.root.absolute(),
        seed=config.study.seed,
        owner_epoch=store.owner_epoch,
        data=config.data,
        recipe=config.recipe,
        num_threads=config.resources.cpus_per_worker,
        gpu_share=min(config.resources.gpus_per_worker, 1.0) or 1.0,
        url=options.url,
        study_id=store.study_id,
    )


@contextmanager
def _tracked(store: StudyStore, config: SearchConfig, options: RunOptions) -> Iterator[Tracker | None]:
    if not config.tracking.enabled:
        yield None
        return
    uri = resolve_uri(config.tracking, options.root.parent)
    sending = {"uri": uri, "experiment": config.tracking.experiment, "register": config.tracking.register}
    note_address(store, **sending)
    tracker = Tracker(store, study_id=store.study_id, directory=options.root, **sending)
    tracker.start()
    try:
        yield tracker
    finally:
        tracker.close()


@contextmanager
def _session(store: StudyStore) -> Iterator[StudyClock]:
    """Counts the session's time into the study's at the end, and removes Tune's scratch files."""
    clock = StudyClock(store)
    try:
        yield clock
    finally:
        clock.count()
        shutil.rmtree(store.paths.scratch, ignore_errors=True)
