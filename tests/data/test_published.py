"""Small files in the real formats; torchvision reads them, its checksums and our counts changed to theirs."""

import dataclasses
import gzip
import hashlib
import os
import pickle
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from torchvision import datasets

from orchestrator.config.settings import DataSettings
from orchestrator.data import published as catalogue
from orchestrator.data.catalog import inspect
from orchestrator.data.dataset import load
from orchestrator.data.published import PUBLISHED
from orchestrator.data.splits import OwnSplits
from orchestrator.errors import BadInputError

NUM_TRAIN, NUM_TEST = 60, 20
UNREACHABLE = "http://127.0.0.1:9/"
Patch = pytest.MonkeyPatch


def _images(num_images: int, *shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(num_images).integers(0, 256, (num_images, *shape), dtype=np.uint8)


def _labels(num_images: int, num_classes: int = 10) -> list[int]:
    return [index % num_classes for index in range(num_images)]


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def _mnist(root: Path, monkeypatch: Patch, name: str = "MNIST") -> None:
    raw = root / name / "raw"
    raw.mkdir(parents=True)
    for part, num_images in (("train", NUM_TRAIN), ("t10k", NUM_TEST)):
        images, labels = _images(num_images, 28, 28), bytes(_labels(num_images))
        header = struct.pack(">HBBiii", 0, 8, 3, *images.shape)
        (raw / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + images.tobytes()))
        (raw / f"{part}-labels-idx1-ubyte.gz").write_bytes(
            gzip.compress(struct.pack(">HBBi", 0, 8, 1, num_images) + labels)
        )
    monkeypatch.setattr(
        getattr(datasets, name), "resources", [(path.name, _md5(path)) for path in sorted(raw.iterdir(), reverse=True)]
    )


def _cifar(root: Path, monkeypatch: Patch, *, fine: bool) -> None:
    """CIFAR-100 has one training file and fine and coarse labels; both come as an archive of pickles."""
    dataset = datasets.CIFAR100 if fine else datasets.CIFAR10
    folder = root / dataset.base_folder
    folder.mkdir(parents=True)
    num_classes, key = (100, "fine_labels") if fine else (10, "labels")
    for files, num_images in ((dataset.train_list, 10 * NUM_TRAIN if fine else NUM_TRAIN), (dataset.test_list, 100)):
        rows = np.array_split(np.arange(num_images), len(files))
        pixels = _images(num_images, 3072)
        for (name, _), chunk in zip(files, rows, strict=True):
            batch = {"data": pixels[chunk], key: [int(index) % num_classes for index in chunk]}
            (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    meta = folder / dataset.meta["filename"]
    meta.write_bytes(pickle.dumps({dataset.meta["key"]: [str(label) for label in range(num_classes)]}, protocol=2))
    for name in ("train_list", "test_list"):
        monkeypatch.setattr(dataset, name, [[file, _md5(folder / file)] for file, _ in getattr(dataset, name)])
    monkeypatch.setattr(dataset, "meta", {**dataset.meta, "md5": _md5(meta)})
    with tarfile.open(root / dataset.filename, "w:gz") as archive:
        archive.add(folder, dataset.base_folder)
    monkeypatch.setattr(dataset, "tgz_md5", _md5(root / dataset.filename))


def _svhn(root: Path, monkeypatch: Patch) -> None:
    """Columns are the last axis, and digit 0 has label 10."""
    root.mkdir(parents=True, exist_ok=True)
    files = {}
    for part, num_images in (("train", NUM_TRAIN), ("test", NUM_TEST)):
        labels = [label or 10 for label in _labels(num_images)]
        path = root / f"{part}_32x32.mat"
        scipy.io.savemat(path, {"X": _images(num_images, 3, 32, 32).transpose(2, 3, 1, 0), "y": np.array([labels]).T})
        files[part] = [UNREACHABLE, path.name, _md5(path)]
    monkeypatch.setattr(datasets.SVHN, "split_list", {**datasets.SVHN.split_list, **files})


MAKERS: dict[str, tuple[Callable[[Path, Patch], None], int]] = {
    "mnist": (_mnist, 1),
    "fashion-mnist": (lambda root, patch: _mnist(root, patch, "FashionMNIST"), 1),
    "cifar10": (lambda root, patch: _cifar(root, patch, fine=False), 3),
    "cifar100": (lambda root, patch: _cifar(root, patch, fine=True), 3),
    "svhn": (_svhn, 3),
}


def _expect(name: str, monkeypatch: Patch) -> None:
    """Takes the small files for what was published."""
    num_classes = len(PUBLISHED[name].class_names)
    train, test = (600, 100) if num_classes == 100 else (NUM_TRAIN, 100 if name == "cifar10" else NUM_TEST)
    own = OwnSplits(train=(train // num_classes,) * num_classes, test=(test // num_classes,) * num_classes)
    small = dataclasses.replace(PUBLISHED[name], own_splits=own)
    monkeypatch.setitem(catalogue.PUBLISHED, name, small)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", MAKERS)
def test_files_as_they_are_published_are_read(name: str, tmp_path: Path, monkeypatch: Patch) -> None:
    make, in_channels = MAKERS[name]
    make(tmp_path, monkeypatch)
    _expect(name, monkeypatch)
    image_size = 28 if in_channels == 1 else 32
    settings = DataSettings(name=name, path=str(tmp_path), image_size=image_size)
    summary, dataset = inspect(settings), load(settings, seed=0)
    assert dataset.task == summary.task
    assert dataset.task.in_channels == in_channels
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (
        summary.num_train,
        summary.num_validation,
        summary.num_test,
    )
    num_test = len(dataset.test)
    first = _images(num_test, in_channels * image_size**2 if name != "mnist" else 784)[0]
    assert dataset.test.images_NCHW[0].flatten().tolist() == first.tolist()
    assert dataset.test.labels_N.tolist() == _labels(num_test, len(summary.class_names))


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_an_archive_that_was_put_into_the_folder_is_unpacked(name: str, tmp_path: Path, monkeypatch: Patch) -> None:
    MAKERS[name][0](tmp_path, monkeypatch)
    _expect(name, monkeypatch)
    for path in sorted(tmp_path.rglob("*"), reverse=True):
        if path.suffix != ".gz":
            path.rmdir() if path.is_dir() else path.unlink()
    load(DataSettings(name=name, path=str(tmp_path)), seed=0)


def test_images_are_resized_and_grey_ones_stay_grey(tmp_path: Path, monkeypatch: Patch) -> None:
    _mnist(tmp_path, monkeypatch)
    _expect("mnist", monkeypatch)
    dataset = load(DataSettings(name="mnist", path=str(tmp_path), image_size=14), seed=0)
    assert dataset.train.images_NCHW.shape[1:] == (1, 14, 14)


@pytest.mark.parametrize("name", MAKERS)
def test_files_that_are_not_there_are_named_with_the_folder_to_put_them_into(
    name: str, tmp_path: Path, monkeypatch: Patch
) -> None:
    published = PUBLISHED[name]
    dataset = getattr(datasets, published.class_name)
    if hasattr(dataset, "mirrors"):
        monkeypatch.setattr(dataset, "mirrors", [UNREACHABLE])
    elif hasattr(dataset, "url"):
        monkeypatch.setattr(dataset, "url", UNREACHABLE)
    else:
        monkeypatch.setattr(
            dataset, "split_list", {part: [UNREACHABLE, *rest] for part, (_, *rest) in dataset.split_list.items()}
        )
    with pytest.raises(BadInputError, match="can't be downloaded") as caught:
        load(DataSettings(name=name, path=str(tmp_path)), seed=0)
    for file in published.files:
        assert file in caught.value.hint
    assert str(tmp_path / published.folder) in caught.value.hint


@pytest.mark.parametrize("name", MAKERS)
def test_the_files_that_are_named_are_those_that_torchvision_reads(name: str) -> None:
    published = PUBLISHED[name]
    dataset: Any = getattr(datasets, published.class_name)
    if name == "svhn":
        files = {dataset.split_list[part][1] for part in ("train", "test")}
    elif hasattr(dataset, "resources"):
        files = {file for file, _ in dataset.resources}
    else:
        files = {dataset.filename}
    assert set(published.files) == files


def test_a_pickle_that_was_not_published_is_never_unpickled(tmp_path: Path, monkeypatch: Patch) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    _cifar(tmp_path, monkeypatch, fine=False)
    _expect("cifar10", monkeypatch)
    monkeypatch.setattr(datasets.CIFAR10, "url", UNREACHABLE)
    (tmp_path / "cifar-10-python.tar.gz").unlink()
    for name in ("data_batch_3", "test_batch", "batches.meta"):
        path = tmp_path / "cifar-10-batches-py" / name
        whole = path.read_bytes()
        path.write_bytes(pickle.dumps(Trap()))
        with pytest.raises(BadInputError, match="CIFAR10 is not in"):
            load(DataSettings(name="cifar10", path=str(tmp_path)), seed=0)
        assert not (tmp_path / "sprung").exists()
        path.write_bytes(whole)
    load(DataSettings(name="cifar10", path=str(tmp_path)), seed=0)


def test_files_with_other_images_than_the_published_ones_are_refused(tmp_path: Path, monkeypatch: Patch) -> None:
    _mnist(tmp_path, monkeypatch)
    with pytest.raises(BadInputError, match="80 in all where there should be 70,000"):
        load(DataSettings(name="mnist", path=str(tmp_path)), seed=0)


def test_published_sets_are_known_without_their_files(tmp_path: Path) -> None:
    totals = {}
    for name in PUBLISHED:
        summary = inspect(DataSettings(name=name, path=str(tmp_path)))
        totals[name] = summary.num_train + summary.num_validation + summary.num_test
    assert totals == {"mnist": 70_000, "fashion-mnist": 70_000, "cifar10": 60_000, "cifar100": 60_000, "svhn": 99_289}
    assert inspect(DataSettings(name="cifar10")).num_train == 40_000
