from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from orchestrator.config.settings import Recipe
from orchestrator.data.dataset import Dataset
from orchestrator.data.split import CropDraws, TensorSplit
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


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Streamed(TensorSplit):
    """Its images come on demand, and its crops are not resized but blanked around."""

    @property
    def is_streamed(self) -> bool:
        return True

    def to(self, device: torch.device) -> "Streamed":
        assert device
        return self

    def crops(self, rows_B: Tensor, draws: CropDraws) -> Tensor:
        images_BCHW = self.images(rows_B)
        cropped_BCHW = torch.zeros_like(images_BCHW)
        for index, image_CHW in enumerate(images_BCHW):
            top, left, height, width = draws[index].box(*image_CHW.shape[1:])
            inside = (slice(None), slice(top, top + height), slice(left, left + width))
            cropped_BCHW[index][inside] = image_CHW[inside]
        return cropped_BCHW


def streamed(dataset: Dataset) -> Dataset:
    train = dataset.train
    assert isinstance(train, TensorSplit)
    return replace(dataset, train=Streamed(images_NCHW=train.images_NCHW, labels_N=train.labels_N))


def test_streamed_images_are_trained_on_as_those_in_memory(dataset: Dataset) -> None:
    recipe = replace(RECIPE, cutout=3)
    in_memory, on_demand = (
        Batches.on_device(data, recipe, seed=3, ranks=ALONE) for data in (dataset, streamed(dataset))
    )
    for step in (0, 1, 2, 7, 3, 4, 11):
        assert all(torch.equal(one, other) for one, other in zip(in_memory.at(step), on_demand.at(step), strict=True))


@pytest.mark.parametrize("world_size", [2, 3])
def test_the_crops_of_all_ranks_are_those_of_one(dataset: Dataset, world_size: int) -> None:
    recipe = replace(RECIPE, min_crop_area=0.2, cutout=2)
    whole, *shards = (
        Batches.on_device(streamed(dataset), recipe, seed=3, ranks=ranks).at(6)[0]
        for ranks in (ALONE, *(rank(index, world_size) for index in range(world_size)))
    )
    assert torch.equal(torch.cat(shards), whole)
    assert not torch.equal(whole, Batches.on_device(dataset, RECIPE, seed=3, ranks=ALONE).at(6)[0])


def test_crops_of_images_whose_originals_are_gone_are_refused(dataset: Dataset) -> None:
    batches = Batches.on_device(dataset, replace(PLAIN, min_crop_area=0.5), seed=0, ranks=ALONE)
    with pytest.raises(ValueError, match="originals"):
        batches.at(0)


def test_a_cutout_blanks_to_the_mean_after_normalising(dataset: Dataset) -> None:
    plain, cut = (
        Batches.on_device(dataset, replace(PLAIN, cutout=side), seed=3, ranks=ALONE).at(2)[0] for side in (0, 4)
    )
    is_changed_BHW = (plain != cut).any(1)
    assert is_changed_BHW.any()
    assert not cut.permute(0, 2, 3, 1)[is_changed_BHW].any()
    assert is_changed_BHW.sum((1, 2)).max() <= 16


def test_a_blank_batch_has_the_shape_and_memory_of_the_largest_share(dataset: Dataset) -> None:
    batches = Batches.on_device(dataset, replace(RECIPE, batch_size=31), seed=3, ranks=rank(1, 2))
    for one, other in zip(batches.blank(), batches.at(0), strict=True):
        assert (one.shape, one.stride(), one.dtype) == (other.shape, other.stride(), other.dtype)


def test_an_image_that_would_be_a_batch_of_its_own_waits_for_another_epoch(dataset: Dataset) -> None:
    batches = Batches.on_device(dataset, Recipe(batch_size=121), seed=0, ranks=ALONE)
    assert batches.steps_per_epoch == 1
    assert [len(batches.at(step)[1]) for step in range(3)] == [121] * 3
    seen = torch.cat([batches.at(step)[0] for step in range(8)]).flatten(1).unique(dim=0)
    assert len(seen) == 122
