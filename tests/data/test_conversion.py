import itertools
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from orchestrator.config.settings import DataSettings
from orchestrator.data import conversion
from orchestrator.data.conversion import write_shards
from orchestrator.data.dataset import load
from orchestrator.data.listing import list_folder
from orchestrator.data.shards import list_shards
from orchestrator.errors import BadInputError
from tests.data.conftest import MakeFolder


def _convert(root: Path, out: Path, *, shard_bytes: int = 2**30) -> list[Path]:
    out.mkdir()
    write_shards(list_folder(str(root)), out, shard_bytes=shard_bytes)
    return sorted(out.iterdir())


def test_the_files_own_bytes_and_labels_come_back(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"cat": 20, "dog": 12})
    (file,) = _convert(root, tmp_path / "out")
    rows = parquet.read_table(file).to_pylist()
    assert {row["image"]["path"]: row["image"]["bytes"] for row in rows} == {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.png")
    }
    for row in rows:
        assert row["image"]["path"].startswith(("cat", "dog")[row["label"]])
    assert list_shards(str(tmp_path / "out")).class_names == ("cat", "dog")


def test_rows_are_in_a_mixed_order_that_is_the_same_each_time(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"cat": 40, "dog": 40})
    first, second = (_convert(root, tmp_path / name)[0] for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    labels = parquet.read_table(first)["label"].to_pylist()
    assert 20 < sum(one != other for one, other in itertools.pairwise(labels)) < 60


def test_shards_and_row_groups_have_the_size_that_is_asked_for(
    make_folder: MakeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder({"cat": 60, "dog": 60})
    monkeypatch.setattr(conversion, "_GROUP_BYTES", 700)
    files = _convert(root, tmp_path / "out", shard_bytes=4000)
    assert [file.name for file in files] == [f"images-{number:05d}.parquet" for number in range(len(files))]
    assert len(files) > 2
    assert all(parquet.ParquetFile(file).num_row_groups > 1 for file in files[:-1])
    assert len(list_shards(str(tmp_path / "out")).labels) == 120


def test_splits_of_a_folder_stay_splits(tmp_path: Path) -> None:
    for part, num_images in (("train", 10), ("test", 3)):
        for name in ("cat", "dog"):
            (tmp_path / "images" / part / name).mkdir(parents=True)
            for index in range(num_images):
                Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / "images" / part / name / f"{index}.png")
    files = _convert(tmp_path / "images", tmp_path / "out")
    assert [file.name for file in files] == ["test-00000.parquet", "train-00000.parquet"]
    dataset = load(DataSettings(name="parquet", path=str(tmp_path / "out"), image_size=8), seed=0)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (16, 4, 6)


def test_a_file_that_cannot_be_read_is_named(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"cat": 5, "dog": 5})
    (root / "dog" / "001.png").unlink()
    (root / "dog" / "001.png").symlink_to(tmp_path / "absent")
    with pytest.raises(BadInputError, match=r"001.png: can't be read"):
        _convert(root, tmp_path / "out")


def test_the_schema_is_that_of_hugging_face(make_folder: MakeFolder, tmp_path: Path) -> None:
    (file,) = _convert(make_folder({"cat": 5, "dog": 5}), tmp_path / "out")
    schema = parquet.read_schema(file)
    assert schema.field("image").type == pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    assert schema.field("label").type == pa.int64()
    assert b'"ClassLabel"' in schema.metadata[b"huggingface"]
