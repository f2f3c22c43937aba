"""A study from its config to its confirmed front; the same call again resumes or extends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from orchestrator.config.settings import SearchConfig
from orchestrator.confirm import confirm
from orchestrator.errors import BadInputError, InterruptedStudyError
from orchestrator.measure.conditions import Setup, conditions_of, is_elsewhere
from orchestrator.measure.laboratory import Laboratory
from orchestrator.measure.predictor import LatencyPredictor
from orchestrator.measure.runtimes import check_setup
from orchestrator.runtime import connection, layout
from orchestrator.schedule.referee import Referee
from orchestrator.schedule.rungs import rung_judge
from orchestrator.store.announcements import study_ended, study_started
from orchestrator.store.events import StudyEnd
from orchestrator.store.store import StudyStore
from orchestrator.study import preparation
from orchestrator.study.clock import StudyClock
from orchestrator.study.elsewhere import write_request
from orchestrator.study.ending import SearchEnd
from orchestrator.study.interruption import Interruption
from orchestrator.study.options import Audience, RunOptions
from orchestrator.study.outcome import check_outcome, front_watcher, has_failed_too_often, publish
from orchestrator.study.search import run_trials
from orchestrator.study.sync import note_address
from orchestrator.study.unwrapping import own_errors
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
        layout.plan(config.resources, [layout.this_machine()])  # refused in milliseconds, before anything is started
    if not is_elsewhere(config.latency.device):
        check_setup(Setup.of(config.latency, config.task))
    with _opened(config, options) as store, _tracked(store, config, options) as tracker:
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
    with _laboratory(config) as laboratory:
        predictor = preparation.frozen_predictor(store)
        profile = preparation.profile_of(config, options.root.parent) if predictor is None else None
        if predictor is None and profile is None and laboratory is not None:
            laboratory.prepare(preparation.references_of(config))
        display.on_phase("starting Ray")
        nodes = connection.connect(connection.address_of(options.address))
        try:
            if len(nodes) > 1 and not options.is_root_given:
                raise BadInputError(
                    f"the cluster has {len(nodes)} nodes, and {options.root.parent} is on one of them",
                    hint="give a folder that all nodes see: --storage or $ARCHFRONT_STORAGE",
                )
            plan = layout.plan(config.resources, nodes)
            display.on_layout(plan)
            if predictor is None:
                display.on_phase("calibrating latency" if profile is None else f"latency by {profile}")
                predictor = preparation.calibrate(store, laboratory, config, profile=profile)
            if laboratory is not None and predictor.conditions == conditions_of(laboratory.setup):
                laboratory.reference_ms = predictor.reference_ms
            store.announce(
                [study_started(name=store.name, frozen=store.frozen, provenance=store.constants["provenance"])]
            )
            preparation.check_latency_is_reachable(config, predictor)
            display.on_phase("reading the data")
            work = preparation.share_data(store, _work(store, config))
            display.on_phase("searching")
            _search(store, config, plan, predictor, interruption, end=end, work=work)
            reason = end.reason
            display.on_phase("confirming the front" if reason is None else f"confirming the front, because {reason}")
            confirm(store, config, predictor, laboratory, work=work, before_measuring=settle)
            if laboratory is None and (request := write_request(store, config, predictor)) is not None:
                display.on_phase(f"latency is predicted until {config.latency.device} has measured {request}")
        finally:
            connection.disconnect()


@contextmanager
def _laboratory(config: SearchConfig) -> Iterator[Laboratory | None]:
    """None where latency is taken on a device of the user's own."""
    setup = Setup.of(config.latency, config.task)
    if is_elsewhere(setup.device):
        yield None
        return
    with Laboratory.start(setup) as laboratory:
        yield laboratory


def _search(
    store: StudyStore,
    config: SearchConfig,
    plan: layout.Layout,
    predictor: LatencyPredictor,
    interruption: Interruption,
    *,
    end: SearchEnd,
    work: StudyWork,
) -> None:
    proposals = _proposals(store, config, predictor)
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


def _proposals(store: StudyStore, config: SearchConfig, predictor: LatencyPredictor) -> Proposals:
    return proposals_of(
        store,
        config,
        predict_latency_ms=lambda architecture: predictor.predict_ms(architecture, config.task.image_size),
        latencies=lambda _points, columns: predictor.predict_columns_ms(columns),
        stored=StoredResults.from_json(store.constants.get("stored", {})),
    )


def _work(store: StudyStore, config: SearchConfig) -> StudyWork:
    return StudyWork(
        root=store.paths.root.absolute(),
        seed=config.study.seed,
        owner_epoch=store.owner_epoch,
        data=config.data,
        recipe=config.recipe,
        num_threads=config.resources.cpus_per_worker,
    )


@contextmanager
def _opened(config: SearchConfig, options: RunOptions) -> Iterator[StudyStore]:
    store = preparation.open_study(options.root, config, takeover=options.takeover)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _tracked(store: StudyStore, config: SearchConfig, options: RunOptions) -> Iterator[Tracker | None]:
    if not config.tracking.enabled:
        yield None
        return
    uri = resolve_uri(config.tracking, options.root.parent)
    note_address(store, uri=uri, experiment=config.tracking.experiment)
    tracker = Tracker(
        store,
        uri=uri,
        experiment=config.tracking.experiment,
        study_id=store.study_id,
        directory=options.root,
    )
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
