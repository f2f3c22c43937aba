"""``archfront data``: what is printed, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for root, classes in (
        ("images", {"cat": 20, "dog": 10}),
        ("few", {"cat": 20, "dog": 1}),
        ("bad", {"a": 5, "b": 5}),
    ):
        for name, num_images in classes.items():
            (folder / root / name).mkdir(parents=True)
            for index in range(num_images):
                Image.new("RGB", (10 + index, 12), (index, 0, 0)).save(folder / root / name / f"{index:02d}.png")
    (folder / "bad" / "a" / "03.png").write_bytes(b"no image")
    (folder / "study.toml").write_text(
        '[data]\nname = "folder"\npath = "images"\nvalidation_share = 0.4\n[recipe]\nbatch_size = 2\n'
    )
    (folder / "skip.toml").write_text(
        '[data]\nname = "folder"\npath = "bad"\non_corrupt = "skip"\n[recipe]\nbatch_size = 2'
    )
    (folder / "broken.parquet").write_bytes(b"PAR1")
    (folder / "taken.parquet").mkdir()
    return folder


def archfront(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", "data", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_folder_is_converted_and_its_shards_checked(folder: Path) -> None:
    done = archfront(folder, "convert", "images", "out/images.parquet", "--shard-size", "1")
    assert done.returncode == 0, done.stderr
    assert "30 images of 2 classes in 1 file" in done.stdout
    for data in ("parquet:out/images.parquet", "out/images.parquet", "folder:images"):
        done = archfront(folder, "check", data, "--json")
        assert done.returncode == 0, done.stderr
        fields = json.loads(done.stdout)
        assert fields["classes"][0] == {"name": "cat", "num_images": 20, "train": 12, "validation": 4, "test": 4}
        assert fields["size_range"] == [[10, 12], [29, 12]]
        assert (fields["imbalance"], fields["corrupt"], fields["own_splits"]) == (2.0, [], [])


def test_a_study_is_checked_with_its_own_shares(folder: Path) -> None:
    done = archfront(folder, "check", "study.toml", "--json")
    assert json.loads(done.stdout)["classes"][0]["validation"] == 8


def test_a_table_says_it_to_a_person(folder: Path) -> None:
    done = archfront(folder, "check", "images")
    assert done.returncode == 0, done.stderr
    assert ["in", "all", "30", "18", "6", "6"] in [line.split() for line in done.stdout.splitlines()]
    assert "10 to 29 pixels wide, 12 high" in done.stdout
    assert "2 times the images of the smallest" in done.stdout


def test_corrupt_images_that_the_study_skips_are_no_error(folder: Path) -> None:
    done = archfront(folder, "check", "skip.toml")
    assert done.returncode == 0, done.stderr
    assert "corrupt    1" in done.stdout
    assert "03.png" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "absent"], ["absent", "no such file"]),
        (["check", "folder:absent"], ["folder absent does not exist"]),
        (["check", "folders:images"], ['no data set is called "folders"', 'did you mean "folder"?']),
        (["check", "few"], ["class 'dog' has 1 image", "add images"]),
        (["check", "bad"], ["bad: 1 of 10 images can't be decoded", 'on_corrupt = "skip"']),
        (["check", "broken.parquet"], ["broken.parquet: can't be read on"]),
        (["convert", "absent", "x.parquet"], ["folder absent does not exist"]),
        (["convert", "images", "taken.parquet"], ["taken.parquet: exists"]),
        (["convert", "images", "x.parquet", "--shard-size", "0"], ["--shard-size"]),
    ],
)
def test_bad_input_is_named_with_a_way_out(folder: Path, arguments: list[str], words: list[str]) -> None:
    done = archfront(folder, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
