"""One data set for all workers of a node: decoded once, and mapped by each of them out of Ray's object store.

Legend: N images of a split, C channels, H height, W width.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.data.catalog import DIGITS
from orchestrator.errors import ArchfrontError
from orchestrator.training.work import StudyWork

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from orchestrator.data.dataset import Dataset
    from orchestrator.data.order import Blocks
    from orchestrator.data.split import TensorSplit


def share(study: StudyWork) -> tuple[StudyWork, Mapping[str, Any]]:
    """Has the data set decoded once; returns the work with where it lies, and ``Dataset.description()``.

    The digits are left to each worker, which decodes them in 20 ms.

    Raises:
        BadInputError: as ``data.dataset.load``.
    """
    import ray

    if study.data.name == DIGITS:
        return study, {}
    # Without a CPU of its own, because trials may hold all of them.
    packed, description = ray.remote(num_cpus=0, num_returns=2)(_load_packed).remote(study)
    try:
        return replace(study, shared=packed), ray.get(description)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ArchfrontError):
            raise error.cause from None
        raise


@functools.lru_cache(maxsize=1)
def study_dataset(study: StudyWork) -> Dataset:
    """The study's data set in this process, as its recipe needs it."""
    if study.shared is None:
        return _load(study)
    import ray

    packed: PackedDataset = ray.get(study.shared)
    return packed.unpacked()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PackedDataset:
    """A data set whose tensors are arrays: those alone are mapped where they lie, tensors would be copied.

    Attributes:
        streamed: the data set as it is, but for the splits that are packed.
        packed: by the split's name.
    """

    streamed: Dataset
    packed: Mapping[str, PackedSplit]

    @classmethod
    def of(cls, dataset: Dataset) -> PackedDataset:
        from orchestrator.data.split import TensorSplit

        splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
        packed = {name: PackedSplit.of(split) for name, split in splits.items() if isinstance(split, TensorSplit)}
        absent: Any = dict.fromkeys(packed)
        return cls(streamed=replace(dataset, **absent), packed=packed)

    def unpacked(self) -> Dataset:
        splits: Any = {name: split.unpacked() for name, split in self.packed.items()}
        return replace(self.streamed, **splits)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PackedSplit:
    """A ``TensorSplit`` as arrays."""

    images_NCHW: NDArray[np.uint8]
    labels_N: NDArray[np.int64]
    blocks: Blocks | None

    @classmethod
    def of(cls, split: TensorSplit) -> PackedSplit:
        return cls(images_NCHW=split.images_NCHW.numpy(), labels_N=split.labels_N.numpy(), blocks=split.blocks)

    def unpacked(self) -> TensorSplit:
        from orchestrator.data.split import TensorSplit

        return TensorSplit(images_NCHW=_tensor(self.images_NCHW), labels_N=_tensor(self.labels_N), blocks=self.blocks)


def _load_packed(study: StudyWork) -> tuple[PackedDataset, Mapping[str, Any]]:
    dataset = _load(study)
    return PackedDataset.of(dataset), dataset.description()


def _load(study: StudyWork) -> Dataset:
    from orchestrator.training.attempt import dataset_of

    originals = study.recipe.min_crop_area > 0
    return dataset_of(study.data, study.seed, originals=originals, joins_validation=study.joins_validation)


def _tensor(array: NDArray[Any]) -> Tensor:
    import torch

    with warnings.catch_warnings():
        # Mapped memory can't be written to, and nobody writes into a data set.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
