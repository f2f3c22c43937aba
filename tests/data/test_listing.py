from pathlib import Path

import pytest
from PIL import Image

from orchestrator.config.settings import DataSettings
from orchestrator.data.catalog import inspect
from orchestrator.data.dataset import load
from orchestrator.errors import BadInputError


def _make(root: Path, **splits: dict[str, int]) -> DataSettings:
    """Image k of split s has the grey value 100 s + k."""
    for number, (split, classes) in enumerate(splits.items()):
        for name, num_images in classes.items():
            (root / split / name).mkdir(parents=True)
            for index in range(num_images):
                Image.new("L", (9, 9), 100 * number + index).save(root / split / name / f"{index:03d}.png")
    return DataSettings(name="folder", path=str(root), image_size=8)


def test_a_test_folder_is_the_test_and_validation_is_taken_from_train(tmp_path: Path) -> None:
    settings = _make(tmp_path, train={"cat": 20, "dog": 10}, test={"cat": 3, "dog": 4})
    summary, dataset = inspect(settings), load(settings, seed=0)
    assert summary.own_splits == ("test",)
    assert (summary.num_train, summary.num_validation, summary.num_test) == (24, 6, 7)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (24, 6, 7)
    assert dataset.test.images_NCHW[:, 0, 0, 0].tolist() == [100, 101, 102, 100, 101, 102, 103]
    assert dataset.test.labels_N.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert dataset.train.images_NCHW.max() < 100


@pytest.mark.parametrize("name", ["val", "validation"])
def test_validation_images_without_test_images_are_the_test(tmp_path: Path, name: str) -> None:
    settings = _make(tmp_path, train={"cat": 10, "dog": 10}, **{name: {"cat": 2, "dog": 2}})
    summary = inspect(settings)
    assert summary.own_splits == ("test",)
    assert (summary.num_train, summary.num_validation, summary.num_test) == (16, 4, 4)


def test_three_folders_are_the_three_splits(tmp_path: Path) -> None:
    settings = _make(tmp_path, train={"a": 5, "b": 5}, val={"a": 1, "b": 2}, test={"a": 3, "b": 3})
    summary, dataset = inspect(settings), load(settings, seed=0)
    assert summary.own_splits == ("validation", "test")
    assert (summary.num_train, summary.num_validation, summary.num_test) == (10, 3, 6)
    assert dataset.validation.images_NCHW[:, 0, 0, 0].tolist() == [100, 100, 101]
    assert dataset.test.images_NCHW[:, 0, 0, 0].tolist() == [200, 201, 202] * 2


def test_a_class_that_is_missing_in_a_split_is_named(tmp_path: Path) -> None:
    settings = _make(tmp_path, train={"a": 5, "b": 5, "c": 5}, test={"a": 5, "b": 5})
    with pytest.raises(BadInputError, match=r"class 'c' has no images in .*test"):
        inspect(settings)


def test_a_class_of_the_test_alone_is_named(tmp_path: Path) -> None:
    settings = _make(tmp_path, train={"a": 5, "b": 5}, test={"a": 5, "b": 5, "c": 1})
    with pytest.raises(BadInputError, match=r"class 'c' of .*test has no training images"):
        inspect(settings)


def test_classes_that_are_called_train_and_plane_are_classes(tmp_path: Path) -> None:
    for name in ("train", "plane"):
        (tmp_path / name).mkdir()
        for index in range(5):
            Image.new("L", (8, 8)).save(tmp_path / name / f"{index}.png")
    assert inspect(DataSettings(name="folder", path=str(tmp_path))).class_names == ("plane", "train")
