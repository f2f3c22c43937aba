import socket
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from orchestrator.config.settings import DataSettings
from orchestrator.data import dataset as dataset_module
from orchestrator.data.catalog import inspect
from orchestrator.data.class_names import schema_metadata
from orchestrator.data.contents import read_contents
from orchestrator.data.dataset import load
from orchestrator.errors import BadInputError


def png(grey: int) -> bytes:
    file = BytesIO()
    Image.new("L", (8, 8), grey).save(file, "PNG")
    return file.getvalue()


def write(
    path: Path,
    labels: Sequence[Any] | pa.Array,
    *,
    struct: bool = True,
    first: int = 0,
    names: Sequence[str] = (),
    group_size: int = 4,
) -> Path:
    """A shard whose image k has the grey value ``first`` + k."""
    contents = [png(first + index) for index in range(len(labels))]
    images = [{"bytes": content, "path": None} for content in contents] if struct else pa.array(contents, pa.binary())
    table = pa.table({"image": images, "label": labels})
    if names:
        table = table.replace_schema_metadata(schema_metadata(names))
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path, row_group_size=group_size)
    return path


def settings(path: Path | str) -> DataSettings:
    return DataSettings(name="parquet", path=str(path), image_size=8)


def refusal(path: Path | str) -> str:
    with pytest.raises(BadInputError) as caught:
        inspect(settings(path))
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize("struct", [True, False])
def test_bytes_are_read_from_a_struct_and_from_a_plain_column(tmp_path: Path, *, struct: bool) -> None:
    path = write(tmp_path / "images.parquet", [index % 2 for index in range(20)], struct=struct)
    dataset = load(settings(path), seed=0)
    images, _ = read_contents(settings(path)).split(range(20)).decoded()
    assert images[:, 1, 3, 3].tolist() == list(range(20))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (12, 4, 4)


def test_whole_numbers_without_names_are_their_own_names(tmp_path: Path) -> None:
    assert inspect(settings(write(tmp_path / "a.parquet", [0, 1, 2] * 5))).class_names == ("0", "1", "2")


def test_names_come_from_the_metadata_that_hugging_face_writes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", [0, 1] * 5, names=("cat", "dog"))
    assert inspect(settings(path)).class_names == ("cat", "dog")


@pytest.mark.parametrize("kind", ["text", "dictionary"])
def test_texts_are_classes_in_their_order_over_all_shards(tmp_path: Path, kind: str) -> None:
    for name, labels in (("a", ["dog", "ant"] * 5), ("b", ["cat", "dog"] * 5)):
        column = pa.array(labels)
        write(tmp_path / f"{name}.parquet", column.dictionary_encode() if kind == "dictionary" else column)
    contents = read_contents(settings(tmp_path))
    assert contents.class_names == ("ant", "cat", "dog")
    assert contents.labels_N.tolist() == [2, 0] * 5 + [1, 2] * 5


def test_shards_and_row_groups_are_one_data_set_in_the_order_of_their_names(tmp_path: Path) -> None:
    for number in (1, 0, 2):
        write(tmp_path / f"part-{number}.parquet", [0, 1] * 5, first=10 * number, group_size=3)
    contents = read_contents(settings(tmp_path))
    images_NCHW, _ = contents.split(range(30)).decoded()
    assert images_NCHW[:, 0, 0, 0].tolist() == list(range(30))
    assert contents.blocks is not None
    assert contents.blocks.sizes == (3, 3, 3, 1) * 3
    assert contents.source.name(17) == f"{tmp_path}/part-1.parquet, row 7"


def test_files_that_are_named_after_splits_are_splits(tmp_path: Path) -> None:
    write(tmp_path / "data" / "train-00000-of-00002.parquet", [0, 1] * 5)
    write(tmp_path / "data" / "train-00001-of-00002.parquet", [0, 1] * 5, first=10)
    write(tmp_path / "data" / "validation-00000-of-00001.parquet", [1, 0], first=50)
    write(tmp_path / "data" / "test-00000-of-00001.parquet", [0, 1, 0], first=100)
    summary, dataset = inspect(settings(tmp_path)), load(settings(tmp_path), seed=0)
    assert summary.own_splits == ("validation", "test")
    assert (summary.num_train, summary.num_validation, summary.num_test) == (20, 2, 3)
    assert dataset.validation.images_NCHW[:, 0, 0, 0].tolist() == [50, 51]
    assert dataset.test.images_NCHW[:, 0, 0, 0].tolist() == [100, 101, 102]


def test_a_test_without_labels_is_passed_over_and_the_validation_images_are_the_test(tmp_path: Path) -> None:
    write(tmp_path / "train-0.parquet", [0, 1] * 5)
    write(tmp_path / "validation-0.parquet", [0, 1], first=50)
    write(tmp_path / "test-0.parquet", [-1] * 4)
    summary = inspect(settings(tmp_path))
    assert (summary.own_splits, summary.num_validation, summary.num_test) == (("test",), 2, 2)


@pytest.mark.parametrize("labels", [[], [-1, -1]])
def test_shards_without_any_label_are_refused(tmp_path: Path, labels: list[int]) -> None:
    path = write(tmp_path / "a.parquet", pa.array(labels, pa.int64()), struct=False)
    assert refusal(path) == f"{path} has no labelled image"


def test_a_class_that_is_missing_in_the_test_shards_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "train-0.parquet", [0, 1] * 5)
    write(tmp_path / "test-0.parquet", [0, 0])
    assert "class '1' has no images in the test split that the data come with" in refusal(tmp_path)


def test_a_remote_address_is_read(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", [0, 1] * 5)
    assert load(settings(tmp_path.as_uri()), seed=0).train.images_NCHW.shape == (6, 3, 8, 8)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0.0, 1.0], "labels are of type double"),
        ([None, 1], "1 rows have no label"),
        ([True, False], "labels are of type bool"),
        ([0, -3], "label -3 is not in 0 to 0"),
        ([0, 0], "1 class"),
        (["cat", "cat"], "1 class"),
    ],
)
def test_labels_that_are_no_classes_are_refused(tmp_path: Path, labels: list[Any], words: str) -> None:
    assert words in refusal(write(tmp_path / "a.parquet", labels))


def test_a_label_without_a_name_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", [0, 1, 2], names=("cat", "dog"))
    assert "label 2 is not in 0 to 1" in refusal(path)


def test_a_number_that_no_image_has_is_a_class_without_images(tmp_path: Path) -> None:
    assert "class '1' has 0 images" in refusal(write(tmp_path / "a.parquet", [0, 2] * 5))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"img": [b""], "label": [0]}, 'has no column "image": it has img, label'),
        ({"image": [b""], "target": [0]}, 'has no column "label"'),
        ({"image": ["a.png"], "label": [0]}, "holds string, not bytes"),
        ({"image": [{"path": "a.png"}], "label": [0]}, "not bytes of images"),
    ],
)
def test_other_columns_are_named(tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    assert words in refusal(tmp_path / "a.parquet")


def test_shards_that_name_their_classes_differently_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", [0, 1], names=("cat", "dog"))
    write(tmp_path / "b.parquet", [0, 1], names=("dog", "cat"))
    assert "name their classes differently" in refusal(tmp_path)


def test_a_path_that_holds_no_parquet_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "absent")
    assert "no .parquet file" in refusal(tmp_path)
    assert "path is not set" in refusal("")
    assert "can't be read" in refusal("ftp://nowhere/images")


@pytest.mark.parametrize("content", [b"", b"PAR1", None])
def test_a_shard_that_cannot_be_read_is_named_with_the_machine(tmp_path: Path, content: bytes | None) -> None:
    write(tmp_path / "a.parquet", [0, 1] * 5)
    broken = write(tmp_path / "b.parquet", [0, 1] * 5)
    broken.write_bytes(broken.read_bytes()[:-9] if content is None else content)
    message = refusal(tmp_path)
    assert f"{broken}: can't be read on {socket.gethostname()}" in message


def test_a_shard_that_goes_away_while_it_is_streamed_is_named_with_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.parquet", [0, 1] * 50)
    contents = read_contents(settings(path))
    path.unlink()
    split = contents.split(range(100))
    for _ in range(2):  # asked again, it is looked for again
        with pytest.raises(BadInputError, match=f"a.parquet: can't be read on {socket.gethostname()}"):
            split.decoded()
    write(path, [0, 1] * 50)
    assert split.decoded()[0].shape == (100, 3, 8, 8)


def test_rows_without_bytes_are_corrupt(tmp_path: Path) -> None:
    images = [{"bytes": png(9) if index else None, "path": "x.png"} for index in range(10)]
    parquet.write_table(pa.table({"image": images, "label": [0, 1] * 5}), tmp_path / "a.parquet")
    with pytest.raises(BadInputError, match=r"a.parquet, row 0: has no bytes"):
        load(settings(tmp_path), seed=0)


def test_streamed_and_decoded_shards_are_trained_on_in_the_same_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    write(tmp_path / "a.parquet", [0, 1] * 50, group_size=7)
    decoded = load(settings(tmp_path), seed=0)
    monkeypatch.setattr(dataset_module, "available_bytes", lambda: 0)
    streamed = load(settings(tmp_path), seed=0)
    assert (decoded.train.is_streamed, streamed.train.is_streamed) == (False, True)
    assert (decoded.fingerprint, decoded.mean, decoded.std) == (streamed.fingerprint, streamed.mean, streamed.std)
    for seed in range(3):
        orders = [one.train.order(torch.Generator().manual_seed(seed)) for one in (decoded, streamed)]
        assert torch.equal(*orders)
        assert torch.equal(decoded.train.images(orders[0]), streamed.train.images(orders[0]))
