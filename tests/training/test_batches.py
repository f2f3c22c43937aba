import pytest
import torch

from orchestrator.config.settings import Recipe
from orchestrator.data.dataset import Dataset
from orchestrator.training.batches import Batches
from orchestrator.training.ranks import ALONE, Ranks
from tests.training.trials import RECIPE

PLAIN = Recipe(batch_size=30)


def rank(index: int, world_size: int) -> Ranks:
    return Ranks(rank=index, world_size=world_size, device=torch.device("cpu"))


def test_an_epoch_visits_no_image_twice_and_drops_what_fills_no_batch(dataset: Dataset) -> None:
    batches = Batches.on_device(dataset, PLAIN, seed=0, ranks=ALONE)
    assert batches.steps_per_epoch == 122 // 30
    inputs = torch.cat([batches.at(step)[0] for step in range(4)])
    assert len(inputs) == 120
    assert len(inputs.flatten(1).unique(dim=0)) == 120


def test_epochs_differ_in_their_order_and_in_what_they_drop(dataset: Dataset) -> None:
    batches = Batches.on_device(dataset, PLAIN, seed=0, ranks=ALONE)
    assert not torch.equal(batches.at(0)[0], batches.at(4)[0])
    seen = torch.cat([batches.at(step)[0] for step in range(40)]).flatten(1).unique(dim=0)
    assert len(seen) == 122


def test_a_step_is_the_same_whatever_ran_before(dataset: Dataset) -> None:
    batches = Batches.on_device(dataset, RECIPE, seed=3, ranks=ALONE)
    steps = {step: batches.at(step) for step in range(9)}
    torch.rand(100)
    fresh = Batches.on_device(dataset, RECIPE, seed=3, ranks=ALONE)
    for step in (8, 0, 5):
        assert all(torch.equal(one, other) for one, other in zip(fresh.at(step), steps[step], strict=True))


def test_seeds_differ(dataset: Dataset) -> None:
    one, other = (Batches.on_device(dataset, PLAIN, seed=seed, ranks=ALONE) for seed in (0, 1))
    assert not torch.equal(one.at(0)[0], other.at(0)[0])


@pytest.mark.parametrize("world_size", [2, 3, 7])
def test_the_shards_of_all_ranks_are_the_batch_of_one(dataset: Dataset, world_size: int) -> None:
    whole = Batches.on_device(dataset, RECIPE, seed=3, ranks=ALONE).at(6)
    shards = [
        Batches.on_device(dataset, RECIPE, seed=3, ranks=rank(index, world_size)).at(6) for index in range(world_size)
    ]
    for position in (0, 1):
        assert torch.equal(torch.cat([shard[position] for shard in shards]), whole[position])
    sizes = [len(shard[1]) for shard in shards]
    assert max(sizes) - min(sizes) <= 1


def test_a_sample_is_divided_among_the_ranks_and_holds_different_images(dataset: Dataset) -> None:
    shards = [Batches.on_device(dataset, RECIPE, seed=3, ranks=rank(index, 2)).sample(50) for index in (0, 1)]
    assert [len(shard) for shard in shards] == [25, 25]
    assert len(torch.cat(shards).flatten(1).unique(dim=0)) == 50
    assert len(Batches.on_device(dataset, RECIPE, seed=3, ranks=ALONE).sample(10_000)) == 122


@pytest.mark.parametrize(("batch_size", "world_size"), [(123, 1), (3, 2)])
def test_a_batch_that_suits_neither_data_nor_ranks_is_refused(
    dataset: Dataset, batch_size: int, world_size: int
) -> None:
    with pytest.raises(ValueError, match=f"batch_size = {batch_size}"):
        Batches.on_device(dataset, Recipe(batch_size=batch_size), seed=0, ranks=rank(0, world_size))
