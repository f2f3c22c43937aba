from collections.abc import Iterator

import pytest
import torch

from orchestrator.data.dataset import Dataset
from tests.training.trials import small_dataset


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Weights are equal bit for bit only at equal numbers of threads."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return small_dataset()
