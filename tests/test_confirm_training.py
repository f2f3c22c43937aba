"""Further seeds and retraining: each in a folder of its own, taken up where it stopped, committed as it ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from orchestrator.config.settings import Confirmation, DataSettings, Recipe, SearchConfig
from orchestrator.confirm import further, scoring
from orchestrator.confirm.further import lacks_training, train_further
from orchestrator.confirm.scoring import score_models
from orchestrator.confirm.session import Session
from orchestrator.confirm.training import train_here
from orchestrator.records import Cause, Retraining, SeedResult, TrialState
from orchestrator.runtime.layout import Layout
from orchestrator.storage import read_json
from orchestrator.store.messages import MessageKind, WorkerResult
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import read_snapshot
from orchestrator.training.sharing import study_dataset
from orchestrator.training.work import StudyWork, TrialWork
from tests.study.conftest import Trials, trials  # noqa: F401 - a fixture
from tests.training.trials import small_architecture

RECIPE = Recipe(epochs=1, batch_size=256)
WORK = TrialWork(trial=3, token="t1", architecture=small_architecture("resnet").to_dict())


@pytest.fixture
def study(tmp_path: Path) -> StudyWork:
    return StudyWork(root=tmp_path, seed=0, owner_epoch=1, data=DataSettings(), recipe=RECIPE, num_threads=1)


def weights(folder: Path) -> torch.Tensor:
    return torch.cat([tensor.flatten().float() for tensor in load_file(folder / "model.safetensors").values()])


def test_every_seed_is_a_training_of_its_own(study: StudyWork) -> None:
    paths = StudyPaths(study.root).trial(3)
    seeds = {study.trial_seed(dataclasses.replace(WORK, seed=seed)) for seed in range(4)}
    assert len(seeds) == 4
    for seed in (1, 2):
        message = train_here(study, dataclasses.replace(WORK, seed=seed))
        assert (message.kind, message.trial) == (MessageKind.END, 3)
        assert message.result is not None
        assert message.result.state is TrialState.COMPLETED
    assert not torch.equal(weights(paths.seed(1).model), weights(paths.seed(2).model))
    assert not paths.model.exists()
    assert not paths.result.exists()  # the trial's own is not overwritten


def test_a_seed_whose_end_nobody_heard_is_not_trained_again(study: StudyWork) -> None:
    work = dataclasses.replace(WORK, seed=1)
    first, model = train_here(study, work).result, StudyPaths(study.root).trial(3).seed(1).model
    before = weights(model)
    again = train_here(study, dataclasses.replace(work, token="t2")).result
    assert first is not None
    assert again is not None
    assert (again.accuracy, again.loss) == (first.accuracy, first.loss)
    assert torch.equal(weights(model), before)


def test_a_training_does_not_begin_when_its_session_is_to_stop(study: StudyWork) -> None:
    request = StudyPaths(study.root).stop_request(study.owner_epoch)
    request.parent.mkdir(parents=True, exist_ok=True)
    request.touch()
    assert train_here(study, WORK).kind is MessageKind.INTERRUPTED
    assert not StudyPaths(study.root).trial(3).retrained.root.exists()


def test_retraining_reads_the_validation_images_as_well(study: StudyWork) -> None:
    joined = dataclasses.replace(study, joins_validation=True)
    alone, together = study_dataset(study), study_dataset(joined)
    assert len(together.train) == len(alone.train) + len(alone.validation)
    assert (len(together.test), len(together.validation)) == (len(alone.test), len(alone.validation))
    assert torch.equal(together.test.images(torch.arange(9)), alone.test.images(torch.arange(9)))
    assert together.fingerprint != alone.fingerprint
    assert train_here(joined, WORK).result is not None
    model = StudyPaths(study.root).trial(3).retrained.model
    assert read_json(model / "dataset.json")["num_train"] == len(together.train)


class Trainer:
    """In place of workers: says at once how each training ended."""

    def __init__(self, *, dies_after: int = 1_000) -> None:
        self.asked: list[tuple[int, int]] = []
        self._dies_after = dies_after

    def __call__(self, _study: StudyWork, works: list[TrialWork], **_options: object) -> Iterator[object]:
        for work in works:
            if len(self.asked) == self._dies_after:
                raise KeyboardInterrupt
            self.asked.append((work.trial, work.seed))
            failed = WorkerResult(state=TrialState.FAILED, cause=Cause.DIVERGED, message="loss nan at step 3")
            good = WorkerResult(state=TrialState.COMPLETED, accuracy=0.8, loss=0.5, wall_time_s=1.0)
            yield work, failed if work.seed == 2 else good


def run(trials: Trials, trainer: Trainer, monkeypatch: pytest.MonkeyPatch, config: SearchConfig) -> list[str]:  # noqa: F811
    told: list[str] = []
    monkeypatch.setattr(further, "train_again", trainer)
    monkeypatch.setattr(further, "share", lambda work: (work, {}))
    study = StudyWork(
        root=trials.store.paths.root, seed=0, owner_epoch=1, data=config.data, recipe=config.recipe, num_threads=1
    )
    chosen = [record for record in trials.store.records.values() if record.state is TrialState.COMPLETED]
    layout: Layout = None  # type: ignore[assignment]
    session = Session(work=study, layout=layout, while_training=nullcontext, tell=told.append)
    train_further(trials.store, config, chosen, session)
    return told


def test_what_is_missing_is_trained_and_committed_as_it_ends(
    trials: Trials,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trials.complete(0.9, 1000)
    trials.complete(0.8, 500)
    config = dataclasses.replace(trials.config, confirm=Confirmation(seeds=2, retrain=True))
    killed = Trainer(dies_after=3)
    with pytest.raises(KeyboardInterrupt):
        run(trials, killed, monkeypatch, config)
    assert killed.asked == [(0, 1), (1, 1), (0, 2)]
    trials.reopen()
    rest = Trainer()
    told = run(trials, rest, monkeypatch, config)
    assert rest.asked == [(1, 2), (0, 0), (1, 0)]  # nothing that was committed is trained again
    assert "trial 1, seed 2: failed: diverged" in told
    good = SeedResult(seed=1, accuracy=0.8, loss=0.5, wall_time_s=1.0)
    bad = SeedResult(seed=2, cause=Cause.DIVERGED, message="loss nan at step 3")
    for record in read_snapshot(trials.store.paths.root).records:
        assert record.seeds == (good, bad)
        assert record.retrained == Retraining(wall_time_s=1.0)
        assert not lacks_training(record, config.confirm)
        assert lacks_training(record, Confirmation(seeds=3))


def test_nothing_is_trained_that_nobody_asked_for(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    trials.complete(0.9, 1000)
    trainer = Trainer()
    assert run(trials, trainer, monkeypatch, trials.config) == []
    assert trainer.asked == []


def test_what_was_trained_is_scored_once_and_seeds_leave_no_files(
    trials: Trials,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trials.complete(0.9, 1000)
    store, work = trials.store, dataclasses.replace(WORK, trial=0)
    study = StudyWork(root=store.paths.root, seed=0, owner_epoch=1, data=DataSettings(), recipe=RECIPE, num_threads=1)
    for seed in (1, 2):
        train_here(study, dataclasses.replace(work, seed=seed))
        store.add_seed(0, SeedResult(seed=seed, accuracy=0.8, loss=0.5))
    train_here(dataclasses.replace(study, joins_validation=True), work)
    store.set_retrained(0, Retraining(wall_time_s=1.0))
    asked: list[object] = []

    def scored(folders: dict[object, Path], _config: SearchConfig, study: StudyWork) -> object:
        asked.extend(folders)
        return score_models(folders, study=study).items()

    monkeypatch.setattr(scoring, "_scored", scored)
    for _ in range(2):
        scoring.score_further(store, trials.config, study)
    assert asked == [(0, 1), (0, 2), 0]
    record = read_snapshot(store.paths.root).records[0]
    assert all(one.test_accuracy is not None for one in record.seeds)
    assert record.retrained is not None
    assert record.retrained.test_score is not None
    assert record.test_accuracy is None  # the search's own network is another one
    assert list((store.paths.trial(0).root / "seeds").iterdir()) == []
    assert store.paths.trial(0).retrained.model.is_dir()
