import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from orchestrator.data.dataset import Dataset
from orchestrator.training.evaluate import evaluate
from search_spaces.registry import build_model
from tests.training.trials import small_architecture


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
