"""Two ranks, each a process, over gloo."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, multiprocessing, nn

from orchestrator.data.dataset import Dataset
from orchestrator.training.batches import Batches
from orchestrator.training.context import StopTrial, TrialFailure
from orchestrator.training.evaluate import evaluate
from orchestrator.training.flat import flatten
from orchestrator.training.loop import _Training, train
from orchestrator.training.memory import fitting_num_parts
from orchestrator.training.model_files import read_model
from orchestrator.training.ranks import ALONE, Ranks
from orchestrator.training.step import Stepper
from tests.training.trials import RECIPE, TestContext, small_architecture, small_dataset

pytestmark = pytest.mark.integration

ODD = replace(RECIPE, batch_size=31)
"""Shards of 15 and 16 images."""
DIVERGING = replace(RECIPE, learning_rate=1e20, warmup_epochs=0)

LEARNING = replace(RECIPE, epochs=8, batch_size=32, max_shift=0, flip=False, label_smoothing=0)
SEEDS = range(4)

Outcomes = list[dict[str, Any]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What each of two ranks saw; all that is to be tried is tried in one start of the processes."""
    folder = tmp_path_factory.mktemp("ranks")
    multiprocessing.spawn(_run_rank, (folder,), nprocs=2)
    return [json.loads((folder / f"{rank}.json").read_text()) | {"folder": folder} for rank in (0, 1)]


def test_ranks_end_with_equal_weights_and_buffers(outcomes: Outcomes) -> None:
    assert outcomes[0]["undisturbed"] == outcomes[1]["undisturbed"]


def test_ranks_report_the_same_accuracy_and_loss_of_the_whole_validation_split(
    outcomes: Outcomes, dataset: Dataset
) -> None:
    assert outcomes[0]["reports"] == outcomes[1]["reports"]
    evaluation = evaluate(read_model(outcomes[0]["folder"] / "undisturbed" / "model"), dataset.validation, dataset)
    accuracy, loss = outcomes[0]["reports"][-1]
    assert accuracy == evaluation.accuracy
    assert loss == pytest.approx(evaluation.loss, rel=1e-5)


def test_gradients_are_those_of_the_whole_batch_though_shards_are_unequal(outcomes: Outcomes, dataset: Dataset) -> None:
    alone = _gradients(dataset, ALONE, num_parts=1)
    assert outcomes[0]["gradients"] == outcomes[1]["gradients"]
    for gradients in (outcomes[0]["gradients"], outcomes[0]["gradients_in_parts"]):
        torch.testing.assert_close(torch.tensor(gradients), torch.tensor(alone), rtol=1e-4, atol=1e-6)


def test_a_loss_is_the_mean_over_all_ranks(outcomes: Outcomes, dataset: Dataset) -> None:
    assert outcomes[0]["loss"] == outcomes[1]["loss"] == pytest.approx(_loss(dataset, ALONE), rel=1e-5)


def test_a_trial_that_is_stopped_and_resumed_ends_with_the_same_bits(outcomes: Outcomes) -> None:
    for outcome in outcomes:
        assert outcome["stopped"]
        assert outcome["resumed"] == outcome["undisturbed"]


def test_memory_that_is_short_on_one_rank_halves_the_parts_of_all(outcomes: Outcomes) -> None:
    assert [outcome["num_parts"] for outcome in outcomes] == [4, 4]


def test_a_diverging_trial_fails_on_all_ranks_at_the_same_step(outcomes: Outcomes) -> None:
    assert outcomes[0]["failure"] == outcomes[1]["failure"]
    assert outcomes[0]["failure"].startswith("loss ")


def test_checkpoints_that_the_first_ranks_clock_asks_for_are_made_together(outcomes: Outcomes) -> None:
    assert [outcome["within_epoch"] for outcome in outcomes] == [["000002", "000003"]] * 2


def test_two_ranks_end_within_the_noise_of_one(outcomes: Outcomes, tmp_path: Path) -> None:
    """They differ by batch norm alone, which each rank does over its share; seeds differ by more than that."""

    def context(name: str, **fields: Any) -> TestContext:
        return TestContext(directory=tmp_path / name, **fields)

    alone, together = _losses_by_seed(context), outcomes[0]["losses_by_seed"]
    assert together == outcomes[1]["losses_by_seed"]
    differences = [one - other for one, other in zip(alone, together, strict=True)]
    assert abs(statistics.mean(differences)) <= 3 * statistics.stdev(alone) / len(SEEDS) ** 0.5
    assert max(together) < 0.7 * math.log(10), "they have not learnt"


def _run_rank(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    store = f"file://{folder}/rendezvous"
    distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    try:
        outcome = _try_everything(Ranks(rank=rank, world_size=2, device=torch.device("cpu")), folder)
    finally:
        distributed.destroy_process_group()
    (folder / f"{rank}.json").write_text(json.dumps(outcome))


def _try_everything(ranks: Ranks, folder: Path) -> dict[str, Any]:
    dataset = small_dataset()

    def context(name: str, **fields: Any) -> TestContext:
        return TestContext(directory=folder / name, rank=ranks.rank, world_size=2, **fields)

    whole = context("undisturbed")
    return {
        "undisturbed": _final_state(dataset, whole),
        "reports": [(report.accuracy, report.loss) for report in whole.reports],
        "gradients": _gradients(dataset, ranks, num_parts=1),
        "gradients_in_parts": _gradients(dataset, ranks, num_parts=3),
        "loss": _loss(dataset, ranks),
        "stopped": _message(lambda: train(small_architecture(), ODD, dataset, context("resumed", stop_at=5))),
        "resumed": _final_state(dataset, context("resumed")),
        "num_parts": _num_parts_with_one_small_rank(ranks),
        "failure": _message(lambda: train(small_architecture(), DIVERGING, dataset, context("diverging"))),
        "losses_by_seed": _losses_by_seed(context),
        "within_epoch": _checkpoints_by_the_clock(dataset, context("clock", stop_at=3)),
    }


def _final_state(dataset: Dataset, context: TestContext) -> dict[str, list[float]]:
    """All weights and buffers that this rank ends with, exactly."""
    training = _Training.started(small_architecture(), ODD, dataset, context)
    training.run(checkpoint_every_s=300)
    training.finish(small_architecture())
    state = training.state.network.module.state_dict()
    return {name: tensor.double().flatten().tolist() for name, tensor in state.items()}


def _stepper(dataset: Dataset, ranks: Ranks) -> Stepper:
    """Of a network without batch norm: each rank normalises by its own shard."""
    torch.manual_seed(0)
    network = flatten(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10)), ranks.device)
    return Stepper.of(network, Batches.on_device(dataset, ODD, seed=0, ranks=ranks))


def _gradients(dataset: Dataset, ranks: Ranks, *, num_parts: int) -> list[float]:
    stepper = _stepper(dataset, ranks)
    stepper.add_gradients(5, *stepper.batches.at(5), num_parts=num_parts)
    gradients: list[float] = stepper.network.gradients_P.tolist()
    return gradients


def _loss(dataset: Dataset, ranks: Ranks) -> float:
    stepper = _stepper(dataset, ranks)
    loss, _ = ranks.add_with_flag(stepper.add_gradients(5, *stepper.batches.at(5), num_parts=1), flag=False)
    return float(loss)


def _num_parts_with_one_small_rank(ranks: Ranks) -> int:
    def attempt(num_parts: int) -> None:
        if not ranks.is_first and num_parts < 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    return fitting_num_parts(attempt, num_parts=1, shard_size=15, ranks=ranks)


def _checkpoints_by_the_clock(dataset: Dataset, context: TestContext) -> list[str]:
    with pytest.raises(StopTrial):
        train(small_architecture(), ODD, dataset, context, checkpoint_every_s=0.0 if context.rank == 0 else 300.0)
    distributed.barrier()
    return sorted(path.name for path in (context.directory / "checkpoints").iterdir())


def _losses_by_seed(context: Callable[..., TestContext]) -> list[float]:
    """The validation loss that each seed ends with."""
    digits = small_dataset(num_train=320)
    return [
        train(small_architecture("resnet"), LEARNING, digits, context(f"seed-{seed}", seed=seed)).loss for seed in SEEDS
    ]


def _message(run: Callable[[], object]) -> str:
    with pytest.raises((StopTrial, TrialFailure)) as caught:
        run()
    return str(caught.value)
