import ctypes
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.config.settings import DataSettings
from orchestrator.data.catalog import inspect
from orchestrator.data.dataset import load
from orchestrator.errors import BadInputError
from search_spaces.architecture import Task
from tests.data.conftest import MakeFolder


def test_the_digits_are_known_without_their_file() -> None:
    summary = inspect(DataSettings(name="digits"))
    assert summary.task == Task(in_channels=1, num_classes=10, image_size=8)
    assert summary.num_train + summary.num_validation + summary.num_test == 1797


def test_what_was_inspected_is_what_is_loaded(make_folder: MakeFolder) -> None:
    folder = DataSettings(name="folder", path=str(make_folder({"cat": 7, "dog": 13})), image_size=8)
    for settings in (DataSettings(), DataSettings(validation_share=0.33, test_share=0.07), folder):
        summary, dataset = inspect(settings), load(settings, seed=3)
        assert (summary.task, summary.class_names) == (dataset.task, dataset.class_names)
        assert summary.num_train == len(dataset.train)
        assert summary.num_validation == len(dataset.validation)
        assert summary.num_test == len(dataset.test)


def test_a_folder_is_listed_and_not_decoded(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 10, "dog": 5})
    (root / "cat" / "000.png").write_bytes(b"no image at all")
    summary = inspect(DataSettings(name="folder", path=str(root), image_size=16))
    assert summary.task == Task(in_channels=3, num_classes=2, image_size=16)
    assert summary.class_names == ("cat", "dog")
    assert (summary.num_train, summary.num_validation, summary.num_test) == (9, 3, 3)


def test_hidden_files_and_files_that_are_no_images_do_not_count(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 5, "dog": 5})
    (root / ".cache").mkdir()
    (root / "README.md").write_text("two classes")
    (root / "cat" / "labels.txt").write_text("0")
    (root / "cat" / ".thumbnail.png").write_bytes(b"")
    assert inspect(DataSettings(name="folder", path=str(root))).num_train == 6


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(BadInputError, match='"digit"') as caught:
        inspect(DataSettings(name="digit"))
    assert caught.value.hint == 'did you mean "digits"?'


def test_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in _refusal(tmp_path / "absent")


def test_a_path_that_is_not_set_is_refused() -> None:
    assert "path is not set" in _refusal("")


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images.zip").write_bytes(b"PK")
    assert "is a file, not a folder" in _refusal(tmp_path / "images.zip")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert _refusal(tmp_path) == f"{tmp_path} is empty"


def test_images_that_lie_in_no_class_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0001.png").touch()
    assert _refusal(tmp_path) == f"{tmp_path} has no sub-folder"


def test_a_folder_of_one_class_is_refused(make_folder: MakeFolder) -> None:
    assert "one class only, 'cat'" in _refusal(make_folder({"cat": 5}))


def test_a_class_without_images_is_refused(make_folder: MakeFolder) -> None:
    assert "class 'dog' has no images" in _refusal(make_folder({"cat": 5, "dog": 0}))


def test_splits_that_hold_one_class_are_refused(make_folder: MakeFolder) -> None:
    root = make_folder({"train": 0, "val": 0})
    (root / "train" / "cat").mkdir()
    assert "one class only, 'cat'" in _refusal(root)


def test_a_folder_without_the_right_to_read_it_is_refused(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 5, "dog": 5})
    root.chmod(0)
    try:
        with _ordinary_user():
            assert "can't be read by user" in _refusal(root)
    finally:
        root.chmod(stat.S_IRWXU)


def test_looking_at_data_imports_no_framework() -> None:
    program = """
import sys
from orchestrator.config.settings import DataSettings
from orchestrator.data.catalog import inspect
inspect(DataSettings())
print([name for name in ("torch", "numpy", "PIL", "sklearn") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _refusal(path: Path | str) -> str:
    with pytest.raises(BadInputError) as caught:
        inspect(DataSettings(name="folder", path=str(path)))
    assert caught.value.hint
    return caught.value.message


@contextmanager
def _ordinary_user() -> Iterator[None]:
    """The rights of a file do not bind root. Those of this thread alone change; the process may have others."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None)
    libc.setfsuid(65534)
    try:
        yield
    finally:
        libc.setfsuid(0)
