"""A training that was interrupted ends with the bits of one that was not."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.config.settings import OptimizerName, Recipe
from orchestrator.data.dataset import Dataset
from orchestrator.training.context import StopTrial
from orchestrator.training.loop import FinalResult, train
from tests.training.trials import FIELDS, RECIPE, TestContext, WorkerDiedError, small_architecture

ADAMW = replace(RECIPE, optimizer=OptimizerName.ADAMW, learning_rate=0.01)
Undisturbed = Callable[[str, Recipe], tuple[FinalResult, bytes, TestContext]]


@pytest.fixture(scope="module")
def undisturbed(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    known: dict[tuple[str, Recipe], tuple[FinalResult, bytes, TestContext]] = {}

    def of(family: str, recipe: Recipe) -> tuple[FinalResult, bytes, TestContext]:
        if (family, recipe) not in known:
            context = TestContext(directory=tmp_path_factory.mktemp(family))
            known[family, recipe] = _finish(family, recipe, dataset, context)
        return known[family, recipe]

    return of


@pytest.mark.parametrize("recipe", [RECIPE, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize("stops", [(1,), (3,), (4,), (7,), (11,), (1, 2, 3, 6, 9, 10)], ids=str)
def test_stopped_at_any_step(
    dataset: Dataset, tmp_path: Path, undisturbed: Undisturbed, recipe: Recipe, stops: tuple[int, ...]
) -> None:
    for step in stops:
        context = TestContext(directory=tmp_path, stop_at=step)
        with pytest.raises(StopTrial):
            train(small_architecture(), recipe, dataset, context)
        assert context.steps[-1] == step
    resumed = _finish("densenet", recipe, dataset, TestContext(directory=tmp_path))
    _assert_equal(resumed, undisturbed("densenet", recipe))


@pytest.mark.parametrize("family", FIELDS)
def test_stopped_within_an_epoch_in_every_family(
    dataset: Dataset, tmp_path: Path, undisturbed: Undisturbed, family: str
) -> None:
    with pytest.raises(StopTrial):
        train(small_architecture(family), RECIPE, dataset, TestContext(directory=tmp_path, stop_at=6))
    _assert_equal(_finish(family, RECIPE, dataset, TestContext(directory=tmp_path)), undisturbed(family, RECIPE))


def test_killed_between_checkpoints(dataset: Dataset, tmp_path: Path, undisturbed: Undisturbed) -> None:
    def die(step: int) -> None:
        if step == 7:
            raise WorkerDiedError

    with pytest.raises(WorkerDiedError):
        train(small_architecture(), RECIPE, dataset, TestContext(directory=tmp_path, before_step=die))
    context = TestContext(directory=tmp_path)
    _assert_equal(_finish("densenet", RECIPE, dataset, context), undisturbed("densenet", RECIPE))
    assert context.steps[0] == 4


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_report_that_never_arrived_comes_again_first(
    dataset: Dataset, tmp_path: Path, undisturbed: Undisturbed, epoch: int
) -> None:
    with pytest.raises(WorkerDiedError):
        train(small_architecture(), RECIPE, dataset, TestContext(directory=tmp_path, dies_in_report=epoch))
    context = TestContext(directory=tmp_path)
    _assert_equal(_finish("densenet", RECIPE, dataset, context), undisturbed("densenet", RECIPE))
    assert [report.epoch for report in context.reports] == list(range(epoch, 4))


def test_wall_time_goes_on_over_attempts(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(StopTrial):
        train(small_architecture(), RECIPE, dataset, TestContext(directory=tmp_path, stop_at=9))
    progress = json.loads((tmp_path / "checkpoints" / "000009" / "progress.json").read_text())
    context = TestContext(directory=tmp_path)
    train(small_architecture(), RECIPE, dataset, context)
    assert context.reports[0].wall_time_s > progress["wall_time_s"] > 0


def test_a_damaged_checkpoint_costs_only_the_steps_since_the_one_before(
    dataset: Dataset, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    with pytest.raises(StopTrial):
        train(small_architecture(), RECIPE, dataset, TestContext(directory=tmp_path, stop_at=10))
    (tmp_path / "checkpoints" / "000010" / "tensors.safetensors").write_bytes(b"")
    context = TestContext(directory=tmp_path)
    _assert_equal(_finish("densenet", RECIPE, dataset, context), undisturbed("densenet", RECIPE))
    assert context.steps[0] == 8


def _finish(
    family: str, recipe: Recipe, dataset: Dataset, context: TestContext
) -> tuple[FinalResult, bytes, TestContext]:
    result = train(small_architecture(family), recipe, dataset, context)
    return result, (context.directory / "model" / "model.safetensors").read_bytes(), context


def _assert_equal(one: tuple[FinalResult, bytes, TestContext], other: tuple[FinalResult, bytes, TestContext]) -> None:
    assert one[1] == other[1]
    assert replace(one[0], wall_time_s=0) == replace(other[0], wall_time_s=0)
    curves = [[(r.accuracy, r.loss, r.train_loss) for r in context.reports] for _, _, context in (one, other)]
    assert curves[0] == curves[1][-len(curves[0]) :]
