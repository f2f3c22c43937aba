"""A search over a toy objective, written as the documentation of each library shows: see ``durability.py``."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.faults.ledger import Ledger

EPOCHS = 8
EPOCH_S = 0.15
NUM_SLOTS = 2

os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AIR_NEW_OUTPUT="0")


def epochs(ledger: Path, point: str, *, done: int) -> Iterator[tuple[int, float]]:
    """The epochs that are left of a trial, each with its accuracy."""
    lines = Ledger(ledger)
    for epoch in range(done + 1, EPOCHS + 1):
        time.sleep(EPOCH_S)
        lines.write("trained", point=point, epoch=epoch)
        yield epoch, int(hashlib.sha256(f"{point} {epoch}".encode()).hexdigest()[:8], 16) / 2**32


def on_tune(folder: Path, num_trials: int) -> None:
    import ray
    from ray import tune
    from ray.tune import Checkpoint

    ledger = folder / "ledger.jsonl"

    def trainable(config: dict[str, Any]) -> None:
        import tempfile

        done = 0
        if (checkpoint := tune.get_checkpoint()) is not None:
            with checkpoint.as_directory() as stored:
                done = json.loads(Path(stored, "epoch.json").read_text())
        for epoch, accuracy in epochs(ledger, f"{config['x']:.9f}", done=done):
            with tempfile.TemporaryDirectory() as scratch:
                Path(scratch, "epoch.json").write_text(json.dumps(epoch))
                tune.report({"accuracy": accuracy}, checkpoint=Checkpoint.from_directory(scratch))

    class Acknowledge(tune.Callback):  # type: ignore[misc]
        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            Ledger(ledger).write("acknowledged", point=f"{trial.config['x']:.9f}")

    ray.init(address="local", num_cpus=NUM_SLOTS, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    path = folder / "tune" / "toy"
    if tune.Tuner.can_restore(str(path)):
        tuner = tune.Tuner.restore(str(path), trainable=trainable, resume_errored=True)
    else:
        tuner = tune.Tuner(
            trainable,
            param_space={"x": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(num_samples=num_trials, max_concurrent_trials=NUM_SLOTS),
            run_config=tune.RunConfig(name="toy", storage_path=str(path.parent), callbacks=[Acknowledge()], verbose=0),
        )
    for result in tuner.fit():
        if result.metrics.get("training_iteration") == EPOCHS:
            Ledger(ledger).write("result", point=f"{result.config['x']:.9f}")
    ray.shutdown()


def on_optuna(folder: Path, num_trials: int) -> None:
    import optuna
    from optuna.storages import RDBStorage, RetryFailedTrialCallback

    ledger = folder / "ledger.jsonl"

    def objective(trial: optuna.Trial) -> float:
        point = f"{trial.suggest_float('x', 0, 1):.9f}"
        first = RetryFailedTrialCallback.retried_trial_number(trial.study.trials[trial.number])
        checkpoint = folder / f"{trial.number if first is None else first}.json"
        done, accuracy = json.loads(checkpoint.read_text()) if checkpoint.exists() else (0, 0.0)
        for epoch, accuracy in epochs(ledger, point, done=done):
            trial.report(accuracy, epoch)
            checkpoint.write_text(json.dumps([epoch, accuracy]))
        return float(accuracy)

    def acknowledge(_study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        Ledger(ledger).write("acknowledged", point=f"{trial.params['x']:.9f}")

    storage = RDBStorage(
        f"sqlite:///{folder / 'optuna.db'}",
        engine_kwargs={"connect_args": {"timeout": 20}},
        heartbeat_interval=1,
        grace_period=3,
        failed_trial_callback=RetryFailedTrialCallback(max_retry=None),
    )
    study = optuna.create_study(storage=storage, study_name="toy", direction="maximize", load_if_exists=True)
    completed = (optuna.trial.TrialState.COMPLETE,)
    while left := num_trials - len(study.get_trials(states=completed)):
        study.optimize(objective, n_trials=left, n_jobs=NUM_SLOTS, callbacks=[acknowledge])
    for trial in study.get_trials(states=completed):
        Ledger(ledger).write("result", point=f"{trial.params['x']:.9f}")


STUDY = """
[study]
name = "toy"
sampler = "random"
scheduler = "none"
[space.resnet]
[recipe]
epochs = 8
[tracking]
enabled = false
"""


def on_archfront(folder: Path, num_trials: int) -> None:
    """The driver of ``archfront search`` with a trainable that trains nothing, below the supervisor of every search."""
    from orchestrator.runtime.supervisor import SUPERVISED, supervise

    if SUPERVISED not in os.environ:
        sys.exit(supervise([sys.executable, "-m", "tests.benchmarks.durability_drivers", *sys.argv[1:]]))

    from orchestrator.config.loading import load
    from orchestrator.config.settings import EngineName
    from orchestrator.data.catalog import inspect
    from orchestrator.runtime import connection, layout
    from orchestrator.schedule.referee import Referee
    from orchestrator.study.preparation import open_study
    from orchestrator.study.search import _fit
    from orchestrator.suggest.wiring import proposals_of
    from tests.simulation import PREDICTIONS

    ledger = Ledger(folder / "ledger.jsonl")
    config = load("toy", [f"budget.trials={num_trials}"], inspect=inspect, shipped={"toy": STUDY}).config
    store = open_study(folder / "study", config)
    told = {number for number, record in store.records.items() if record.state.is_end}

    def acknowledge() -> None:
        for number, record in store.records.items():
            if record.state.is_end and number not in told:
                told.add(number)
                ledger.write("acknowledged", point=record.architecture_id)

    proposals = proposals_of(store, config, predictions=PREDICTIONS)
    referee = Referee(store, decide=lambda _record, _report: None, max_attempts=3, on_end=acknowledge)
    referee.adopt()
    connection.prepare_environment(connection.LOCAL)
    connection.connect(connection.LOCAL, num_cpus=NUM_SLOTS)
    try:
        _fit(
            store,
            proposals,
            referee,
            trainable=_archfront_trainable(folder),
            needs=[{"CPU": 1.0}],
            layout=layout.Layout(engine=EngineName.INLINE, reason="", num_slots=NUM_SLOTS, num_workers=1),
            is_stopping=lambda: False,
            may_start=lambda: True,
        )
    finally:
        connection.disconnect()
    for record in store.records.values():
        if record.state.is_end:
            ledger.write("result", point=record.architecture_id)
    store.close()


def _archfront_trainable(folder: Path) -> Callable[[dict[str, Any]], None]:
    from orchestrator.records import EpochReport, TrialState
    from orchestrator.storage import read_json, write_json
    from orchestrator.store.messages import Message, MessageKind, WorkerResult, write_result
    from orchestrator.store.paths import StudyPaths
    from orchestrator.trial import _report, trial_work
    from search_spaces.registry import architecture_from_dict

    def trainable(config: dict[str, Any]) -> None:
        work = trial_work(config)
        paths = StudyPaths(folder / "study").trial(work.trial)
        checkpoint = paths.checkpoints / "epoch.json"
        done = read_json(checkpoint) if checkpoint.exists() else 0
        accuracy = 0.0
        for epoch, accuracy in epochs(
            folder / "ledger.jsonl", architecture_from_dict(work.architecture).architecture_id, done=done
        ):
            write_json(checkpoint, epoch)
            report = EpochReport(epoch=epoch, accuracy=accuracy, loss=1.0, train_loss=1.0, wall_time_s=float(epoch))
            _report(Message(trial=work.trial, token=work.token, kind=MessageKind.REPORT, report=report))
        result = WorkerResult(state=TrialState.COMPLETED, accuracy=accuracy, loss=1.0, wall_time_s=1.0)
        write_result(paths.result, token=work.token, result=result)
        _report(Message(trial=work.trial, token=work.token, kind=MessageKind.END, result=result))

    return trainable


if __name__ == "__main__":
    {"tune": on_tune, "optuna": on_optuna, "archfront": on_archfront}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
