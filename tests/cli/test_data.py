"""``archfront data``: what is printed, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Archfront


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


def test_a_folder_is_converted_and_its_shards_checked(archfront: Archfront) -> None:
    done = archfront("data", "convert", "images", "out/images.parquet", "--shard-size", "1")
    assert done.code == 0, done.err
    assert "30 images of 2 classes in 1 file" in done.out
    for data in ("parquet:out/images.parquet", "out/images.parquet", "folder:images"):
        done = archfront("data", "check", data, "--json")
        assert done.code == 0, done.err
        fields = done.fields
        assert fields["classes"][0] == {"name": "cat", "num_images": 20, "train": 12, "validation": 4, "test": 4}
        assert fields["size_range"] == [[10, 12], [29, 12]]
        assert (fields["imbalance"], fields["corrupt"], fields["own_splits"]) == (2.0, [], [])


def test_a_study_is_checked_with_its_own_shares(archfront: Archfront) -> None:
    done = archfront("data", "check", "study.toml", "--json")
    assert done.fields["classes"][0]["validation"] == 8


def test_a_table_says_it_to_a_person(archfront: Archfront) -> None:
    done = archfront("data", "check", "images")
    assert done.code == 0, done.err
    assert ["in", "all", "30", "18", "6", "6"] in [line.split() for line in done.out.splitlines()]
    assert "10 to 29 pixels wide, 12 high" in done.out
    assert "2 times the images of the smallest" in done.out


def test_corrupt_images_that_the_study_skips_are_no_error(archfront: Archfront) -> None:
    done = archfront("data", "check", "skip.toml")
    assert done.code == 0, done.err
    assert "corrupt    1" in done.out
    assert "03.png" in done.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "absent"], ["absent", "no such file"]),
        (["check", "~nobody-here/images"], ["~nobody-here/images", "no such file"]),
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
def test_bad_input_is_named_with_a_way_out(archfront: Archfront, arguments: list[str], words: list[str]) -> None:
    done = archfront("data", *arguments)
    assert done.code == 2, done.out + done.err
    for word in words:
        assert word in done.err, done.err
