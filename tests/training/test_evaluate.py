import threading
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import Tensor, nn
from torch.nn import functional

from orchestrator.data.dataset import Dataset
from orchestrator.data.split import TensorSplit
from orchestrator.training.evaluate import evaluate, score_classes
from orchestrator.training.ranks import Ranks
from search_spaces.architecture import Task
from search_spaces.registry import build_model
from tests.training.trials import CPU, small_architecture


class Oracle(nn.Module):
    """Knows the labels, but for the first image of each batch that it is given."""

    def __init__(self, labels: Tensor) -> None:
        super().__init__()
        self.labels = labels
        self.start = 0

    def forward(self, input_BCHW: Tensor) -> Tensor:
        labels = self.labels[self.start : self.start + len(input_BCHW)].clone()
        self.start += len(input_BCHW)
        labels[0] = (labels[0] + 1) % 10
        return functional.one_hot(labels, 10) * 100.0


@pytest.mark.parametrize("batch_size", [1, 7, 41, 1000])
def test_each_image_counts_once_whatever_the_batch(dataset: Dataset, batch_size: int) -> None:
    oracle = Oracle(dataset.validation.labels_N)
    result = evaluate(oracle, dataset.validation, dataset, batch_size=batch_size)
    num_batches = -(-41 // batch_size)
    assert result.num_images == 41
    assert result.accuracy == pytest.approx((41 - num_batches) / 41)
    assert result.loss == pytest.approx(100 * num_batches / 41)


def test_accuracy_and_loss_are_those_of_the_whole_split(dataset: Dataset) -> None:
    model = build_model(small_architecture()).eval()
    with torch.no_grad():
        logits_NK = model(dataset.normalised(dataset.test.images_NCHW))
    result = evaluate(model, dataset.test, dataset, batch_size=16)
    assert result.accuracy == pytest.approx((logits_NK.argmax(1) == dataset.test.labels_N).float().mean().item())
    assert result.loss == pytest.approx(functional.cross_entropy(logits_NK, dataset.test.labels_N).item(), rel=1e-5)


@pytest.mark.parametrize("mode", [True, False])
def test_a_model_keeps_its_mode_and_its_statistics(dataset: Dataset, mode: bool) -> None:
    model = build_model(small_architecture()).train(mode)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    evaluate(model, dataset.test, dataset)
    assert model.training is mode
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class Streamed(TensorSplit):
    """Images that come one request at a time, from another thread than the one that asks."""

    threads: ClassVar[set[int]] = set()

    @property
    def is_streamed(self) -> bool:
        return True

    def images(self, rows_B: Tensor) -> Tensor:
        self.threads.add(threading.get_ident())
        return super().images(rows_B)


class Silent(nn.Module):
    """Fails when it is asked."""

    def forward(self, input_BCHW: Tensor) -> Tensor:
        raise RuntimeError("no memory")


def logits_of(model: nn.Module, dataset: Dataset) -> Tensor:
    with torch.no_grad():
        logits_NK: Tensor = model(dataset.normalised(dataset.test.images(torch.arange(len(dataset.test)))))
    return logits_NK


@pytest.mark.parametrize("batch_size", [1, 7, 40, 1000])
def test_classes_are_scored_as_scikit_learn_does(dataset: Dataset, batch_size: int) -> None:
    model = build_model(small_architecture()).eval()
    logits_NK = logits_of(model, dataset)
    score = score_classes(model, dataset.test, dataset, batch_size=batch_size)
    labels, predictions = dataset.test.labels_N.numpy(), logits_NK.argmax(1).numpy()
    stated = {"labels": list(range(10)), "average": "macro", "zero_division": 0}
    assert score.class_names == dataset.class_names
    assert np.array_equal(score.confusion_KK, metrics.confusion_matrix(labels, predictions, labels=range(10)))
    assert score.precision_macro == pytest.approx(metrics.precision_score(labels, predictions, **stated))
    assert score.recall_macro == pytest.approx(metrics.recall_score(labels, predictions, **stated))
    top5 = metrics.top_k_accuracy_score(labels, logits_NK.numpy(), k=5, labels=range(10))
    assert score.top5_accuracy == pytest.approx(top5)


def test_both_ways_to_score_give_the_same_figures(dataset: Dataset) -> None:
    model = build_model(small_architecture())
    score, evaluation = (way(model, dataset.test, dataset) for way in (score_classes, evaluate))
    assert (score.accuracy, score.loss, score.top5_accuracy, score.num_images) == (
        evaluation.accuracy,
        evaluation.loss,
        evaluation.top5_accuracy,
        evaluation.num_images,
    )


@pytest.mark.parametrize(("num_classes", "has_top5"), [(2, False), (5, False), (6, True), (10, True)])
def test_there_is_no_top5_accuracy_below_six_classes(dataset: Dataset, num_classes: int, has_top5: bool) -> None:
    few = replace(
        dataset,
        task=Task(in_channels=1, num_classes=num_classes, image_size=8),
        class_names=tuple(map(str, range(num_classes))),
        test=replace(dataset.test, labels_N=dataset.test.labels_N % num_classes),
    )
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))
    assert (evaluate(model, few.test, few).top5_accuracy is not None) == has_top5
    assert (score_classes(model, few.test, few).top5_accuracy is not None) == has_top5


@pytest.mark.parametrize("batch_size", [1, 16, 1000])
def test_a_streamed_split_is_scored_alike_and_read_in_another_thread(dataset: Dataset, batch_size: int) -> None:
    model = build_model(small_architecture())
    streamed = Streamed(images_NCHW=dataset.test.images_NCHW, labels_N=dataset.test.labels_N)
    for way in (score_classes, evaluate):
        assert way(model, streamed, dataset, batch_size=batch_size) == way(
            model, dataset.test, dataset, batch_size=batch_size
        )
    assert threading.get_ident() not in streamed.threads


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_model_that_fails_keeps_its_mode(dataset: Dataset, is_streamed: bool) -> None:
    model = Silent().train()
    split = Streamed(images_NCHW=dataset.test.images_NCHW, labels_N=dataset.test.labels_N)
    with pytest.raises(RuntimeError, match="no memory"):
        evaluate(model, split if is_streamed else dataset.test, dataset, batch_size=4)
    assert model.training


def test_a_rank_without_images_has_nothing_to_add(dataset: Dataset) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    one_image = TensorSplit(images_NCHW=dataset.test.images_NCHW[:1], labels_N=dataset.test.labels_N[:1])
    ranks = Ranks(rank=0, world_size=2, device=CPU)
    assert ranks.shard(1) == slice(0, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.distributed, "all_reduce", lambda _tensor: None)
        assert evaluate(model, one_image, dataset, ranks=ranks).accuracy == 0.0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_gpu_counts_as_the_cpu_does(dataset: Dataset, is_streamed: bool) -> None:
    device = torch.device("cuda", 0)
    ranks = Ranks(rank=0, world_size=1, device=device)
    model = build_model(small_architecture()).eval()
    on_cpu = score_classes(model, dataset.test, dataset)
    streamed = Streamed(images_NCHW=dataset.test.images_NCHW, labels_N=dataset.test.labels_N)
    split = streamed if is_streamed else dataset.test.to(device)
    on_gpu = score_classes(model.to(device), split, dataset, ranks=ranks)
    assert on_gpu.num_images == on_cpu.num_images
    assert [sum(row) for row in on_gpu.confusion_KK] == [sum(row) for row in on_cpu.confusion_KK]
    assert on_gpu.accuracy == pytest.approx(on_cpu.accuracy, abs=0.1)  # bfloat16 there
    evaluation = evaluate(model, split, dataset, ranks=ranks)
    assert (evaluation.accuracy, evaluation.top5_accuracy) == (on_gpu.accuracy, on_gpu.top5_accuracy)
