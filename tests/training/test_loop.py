import json
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from orchestrator.data.dataset import Dataset
from orchestrator.data.split import TensorSplit
from orchestrator.records import Cause
from orchestrator.storage import broken_files
from orchestrator.training import phases
from orchestrator.training.context import StopTrial, TrialFailure
from orchestrator.training.evaluate import evaluate
from orchestrator.training.loop import train
from orchestrator.training.model_files import read_model
from search_spaces.architecture import Architecture
from search_spaces.registry import build_model
from tests.training.trials import FIELDS, RECIPE, TestContext, small_architecture


def checkpoints(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "checkpoints").iterdir())


@pytest.mark.parametrize("family", FIELDS)
def test_a_network_of_each_family_learns(dataset: Dataset, tmp_path: Path, family: str) -> None:
    context = TestContext(directory=tmp_path)
    recipe = replace(RECIPE, epochs=12, max_shift=0, flip=False, label_smoothing=0)
    result = train(small_architecture(family), recipe, dataset, context)
    losses = [report.train_loss for report in context.reports]
    assert losses[-1] < 0.85 * losses[0]
    assert result.accuracy > 0.2
    assert (result.epochs, result.num_steps, result.num_parts) == (12, 48, 1)


def test_every_epoch_is_reported_once_and_its_checkpoint_is_there_by_then(dataset: Dataset, tmp_path: Path) -> None:
    on_disk: list[list[str]] = []
    context = TestContext(directory=tmp_path, after_report=lambda: on_disk.append(checkpoints(tmp_path)))
    train(small_architecture(), RECIPE, dataset, context)
    assert [report.epoch for report in context.reports] == [1, 2, 3]
    assert on_disk == [["000004"], ["000004", "000008"], ["000008", "000012"]]
    assert context.steps == list(range(12))


def test_the_model_in_the_folder_is_the_one_that_was_evaluated_last(dataset: Dataset, tmp_path: Path) -> None:
    context = TestContext(directory=tmp_path)
    architecture = small_architecture()
    result = train(architecture, RECIPE, dataset, context)
    assert broken_files(tmp_path / "model") == ()
    assert json.loads((tmp_path / "model" / "architecture.json").read_text()) == json.loads(
        json.dumps(architecture.to_dict())
    )
    assert json.loads((tmp_path / "model" / "dataset.json").read_text()) == dataset.description()
    evaluation = evaluate(read_model(tmp_path / "model"), dataset.validation, dataset)
    assert evaluation.accuracy == result.accuracy == context.reports[-1].accuracy
    assert evaluation.loss == pytest.approx(result.loss, rel=1e-5)


def test_wall_time_grows_from_epoch_to_epoch(dataset: Dataset, tmp_path: Path) -> None:
    context = TestContext(directory=tmp_path)
    result = train(small_architecture(), RECIPE, dataset, context)
    times = [report.wall_time_s for report in context.reports]
    assert 0 < times[0] < times[1] < times[2] <= result.wall_time_s


def test_the_seconds_of_an_epoch_are_told_apart_and_lie_within_its_wall_time(dataset: Dataset, tmp_path: Path) -> None:
    context = TestContext(directory=tmp_path)
    began = time.perf_counter()
    train(small_architecture(), RECIPE, dataset, context)
    wall_time_s = time.perf_counter() - began
    phases = [report.phases for report in context.reports if report.phases]
    assert [one.num_images for one in phases] == [4 * 30] * 3
    for one in phases:
        assert min(one.data_s, one.step_s, one.validation_s, one.checkpoint_s) > 0
    assert sum(one.total_s for one in phases) < wall_time_s


def test_what_is_slow_is_counted_where_it_is(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0

    def take_a_second() -> None:
        nonlocal now_s
        now_s += 1

    class Slow(TensorSplit):
        def images(self, rows_B: Tensor) -> Tensor:
            take_a_second()
            return super().images(rows_B)

    # A clock that stands still while anything else is done, however busy the machine is.
    monkeypatch.setattr(phases, "time", SimpleNamespace(perf_counter=lambda: now_s))
    slow = Slow(images_NCHW=dataset.validation.images_NCHW, labels_N=dataset.validation.labels_N)
    context = TestContext(directory=tmp_path, after_report=take_a_second)
    train(small_architecture(), RECIPE, replace(dataset, validation=slow), context)
    found = [report.phases for report in context.reports if report.phases]
    assert [(one.validation_s, one.total_s) for one in found] == [(1, 1)] * 3


def test_a_resumed_epoch_tells_of_the_images_of_its_last_attempt(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(StopTrial):
        train(small_architecture(), RECIPE, dataset, TestContext(directory=tmp_path, stop_at=6))
    context = TestContext(directory=tmp_path)
    train(small_architecture(), RECIPE, dataset, context)
    num_images = [report.phases.num_images for report in context.reports if report.phases]
    assert num_images == [2 * 30, 4 * 30]


def test_top5_accuracy_is_reported_where_there_are_enough_classes(dataset: Dataset, tmp_path: Path) -> None:
    context = TestContext(directory=tmp_path)
    train(small_architecture(), RECIPE, dataset, context)
    for report in context.reports:
        assert report.top5_accuracy is not None
        assert report.accuracy <= report.top5_accuracy <= 1.0


def test_training_begins_with_the_network_that_it_is_given(dataset: Dataset, tmp_path: Path) -> None:
    def build(architecture: Architecture) -> nn.Module:
        model = build_model(architecture)
        torch.nn.init.constant_(model.get_parameter("classifier.bias"), 5.0)
        return model

    still = replace(RECIPE, epochs=1, learning_rate=1e-12, warmup_epochs=0)
    train(small_architecture(), still, dataset, TestContext(directory=tmp_path), build=build)
    assert read_model(tmp_path / "model").get_parameter("classifier.bias").tolist() == [5.0] * 10


def test_equal_seeds_give_equal_networks_and_others_do_not(dataset: Dataset, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(small_architecture(), RECIPE, dataset, TestContext(directory=tmp_path / name, seed=seed))
    files = {name: (tmp_path / name / "model" / "model.safetensors").read_bytes() for name in "abc"}
    assert files["a"] == files["b"] != files["c"]


def test_a_loss_that_is_not_finite_ends_the_trial_at_its_step_and_is_never_reported(
    dataset: Dataset, tmp_path: Path
) -> None:
    context = TestContext(directory=tmp_path)
    with pytest.raises(TrialFailure, match=r"^loss (nan|inf) at step \d+$") as caught:
        train(small_architecture(), replace(RECIPE, learning_rate=1e20, warmup_epochs=0), dataset, context)
    assert caught.value.cause is Cause.DIVERGED
    assert context.steps[-1] + 1 == int(caught.value.message.split()[-1])
    assert all(report.is_finite for report in context.reports)


def test_a_validation_loss_that_is_not_finite_is_never_reported(dataset: Dataset, tmp_path: Path) -> None:
    context = TestContext(directory=tmp_path)
    one_step_an_epoch = replace(RECIPE, batch_size=122, learning_rate=1e38, warmup_epochs=0)
    with pytest.raises(TrialFailure, match=r"^validation loss (nan|inf) after epoch 1$"):
        train(small_architecture(), one_step_an_epoch, dataset, context)
    assert context.reports == []
    assert not (tmp_path / "checkpoints").exists()


def test_a_trial_that_the_driver_stops_ends_with_its_checkpoint(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(StopTrial) as caught:
        train(small_architecture(), RECIPE, dataset, TestContext(directory=tmp_path, prunes_at=2))
    assert caught.value.by_driver
    assert checkpoints(tmp_path) == ["000004", "000008"]
    assert not (tmp_path / "model").exists()


def test_a_stop_request_checkpoints_at_that_very_step(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(StopTrial) as caught:
        train(small_architecture(), RECIPE, dataset, TestContext(directory=tmp_path, stop_at=6))
    assert not caught.value.by_driver
    assert checkpoints(tmp_path) == ["000004", "000006"]


def test_checkpoints_come_within_long_epochs(dataset: Dataset, tmp_path: Path) -> None:
    context = TestContext(directory=tmp_path, stop_at=3)
    with pytest.raises(StopTrial):
        train(small_architecture(), RECIPE, dataset, context, checkpoint_every_s=0.0)
    assert checkpoints(tmp_path) == ["000002", "000003"]
