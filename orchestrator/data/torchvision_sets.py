"""Published data sets, read and, where there is a network, downloaded by torchvision.

Legend: N images, C channels, H height, W width.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from orchestrator.data.published import DEFAULT_ROOT, PUBLISHED, PublishedSet
from orchestrator.errors import BadInputError

_NETWORK_TIMEOUT_S = 30.0


def load_published(name: str, path: str) -> tuple[Tensor, Tensor]:
    """Training images, then test images, as uint8: ``images_NCHW`` and ``labels_N``.

    Files that are not there are downloaded, by one process of a machine at a time.

    CIFAR's files are pickles, which may run code when they are read: torchvision compares the MD5 of each with its own
    list before it reads it, and nothing here reads a file that it has refused. SVHN's are compared, too; MNIST's are
    plain arrays, compared when they are unpacked.

    Raises:
        BadInputError: the files are not there and can't be downloaded, or are not those that were published.
    """
    published, root = PUBLISHED[name], Path(path or DEFAULT_ROOT).expanduser()
    with _alone(root):
        parts = [_read(published, root, train=train) for train in (True, False)]
    images_NCHW, labels_N = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    expected = published.own_splits.of_class
    found = tuple(torch.bincount(labels_N, minlength=len(expected)).tolist())
    if found != expected:
        raise BadInputError(
            f"{root / published.folder}: its files hold other images than {name} has, or other labels: "
            f"{sum(found):,} in all where there should be {sum(expected):,}",
            hint=_where_to_put(published, root),
        )
    return images_NCHW, labels_N


def _read(published: PublishedSet, root: Path, *, train: bool) -> tuple[Tensor, Tensor]:
    from torchvision import datasets

    dataset_class: Any = getattr(datasets, published.class_name)
    part: dict[str, Any] = (
        {"split": "train" if train else "test"} if published.class_name == "SVHN" else {"train": train}
    )
    try:
        dataset = dataset_class(root, download=True, **part)
    # torchvision raises RuntimeError for what it can't download or finds changed; urllib's errors are OSErrors.
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise BadInputError(
            f"{published.class_name} is not in {root.absolute()} and can't be downloaded: {reason}",
            hint=_where_to_put(published, root),
        ) from error
    return _as_tensors(dataset)


def _as_tensors(dataset: Any) -> tuple[Tensor, Tensor]:
    """MNIST has a tensor (N, H, W), CIFAR an array (N, H, W, C) and SVHN one of (N, C, H, W)."""
    labels = dataset.labels if hasattr(dataset, "labels") else dataset.targets
    images = torch.from_numpy(np.ascontiguousarray(dataset.data))
    if images.dim() == 3:
        images = images.unsqueeze(1)
    elif not hasattr(dataset, "labels"):
        images = images.permute(0, 3, 1, 2)
    return images.contiguous(), torch.as_tensor(labels, dtype=torch.int64)


def _where_to_put(published: PublishedSet, root: Path) -> str:
    folder = (root / published.folder).absolute()
    return f"put {' and '.join(published.files)} as published into {folder}; [data] path names another folder"


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One process at a time downloads; the others wait for it."""
    timeout_s = socket.getdefaulttimeout()
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # a folder that can't be written to can still be read
            root.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((root / ".download.lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        # torchvision sets none, and waits for minutes where a firewall answers nothing.
        socket.setdefaulttimeout(_NETWORK_TIMEOUT_S)
        try:
            yield
        finally:
            socket.setdefaulttimeout(timeout_s)
