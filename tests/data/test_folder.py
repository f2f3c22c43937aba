import pytest
from PIL import Image

from orchestrator.config.settings import CorruptPolicy, DataSettings
from orchestrator.data.contents import read_contents
from orchestrator.data.dataset import load
from orchestrator.errors import BadInputError
from tests.data.conftest import MakeFolder


def test_images_come_in_rgb_and_in_the_size_that_is_asked_for(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 3, "dog": 2})
    Image.new("RGBA", (5, 40), (10, 20, 30, 40)).save(root / "dog" / "z.png")
    Image.new("P", (8, 8)).save(root / "dog" / "zz.gif")
    split = read_contents(DataSettings(name="folder", path=str(root), image_size=8)).split(range(7))
    images_NCHW, problems = split.decoded()
    assert images_NCHW.shape == (7, 3, 8, 8)
    assert not problems
    assert split.labels_N.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert images_NCHW[:3, :, 0, 0].tolist() == [[0] * 3, [1] * 3, [2] * 3]
    assert images_NCHW[5, :, 7, 7].tolist() == [10, 20, 30]


def test_images_that_are_broken_are_all_found_and_the_first_twenty_named(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 30, "dog": 5})
    whole = (root / "dog" / "000.png").read_bytes()
    (root / "dog" / "000.png").write_bytes(whole[: len(whole) // 2])
    for index in range(22):
        (root / "cat" / f"{index:03d}.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken" if index % 2 else b"")
    with pytest.raises(BadInputError) as caught:
        load(DataSettings(name="folder", path=str(root), image_size=8), seed=0)
    lines = caught.value.message.splitlines()
    assert lines[0] == "23 images can't be decoded:"
    assert [line.split(":")[0].rsplit("/", 1)[1] for line in lines[1:21]] == [f"{index:03d}.png" for index in range(20)]
    assert lines[21:] == ["  and 3 more"]
    assert 'on_corrupt = "skip"' in caught.value.hint


def test_corrupt_images_are_skipped_counted_and_leave_the_other_images_where_they_were(
    make_folder: MakeFolder, caplog: pytest.LogCaptureFixture
) -> None:
    root = make_folder({"cat": 30, "dog": 30})
    settings = DataSettings(name="folder", path=str(root), image_size=8, on_corrupt=CorruptPolicy.SKIP)
    whole = load(settings, seed=0)
    (root / "cat" / "007.png").write_bytes(b"")
    found = load(settings, seed=0)
    assert (found.num_skipped, found.description()["num_skipped"]) == (1, 1)
    assert "1 of 60 images" in caplog.text
    assert found.fingerprint != whole.fingerprint
    for name in ("train", "validation", "test"):
        before, after = getattr(whole, name), getattr(found, name)
        kept = [image for image, label in _greys(before) if (image, label) != (7, 0)]
        assert [image for image, _ in _greys(after)] == kept


def test_a_class_of_which_nothing_can_be_decoded_is_refused(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 9, "dog": 9})
    for path in (root / "dog").iterdir():
        path.write_bytes(b"")
    with pytest.raises(BadInputError, match="class 'dog' has no training image that can be decoded"):
        load(DataSettings(name="folder", path=str(root), image_size=8, on_corrupt=CorruptPolicy.SKIP), seed=0)


def test_a_photo_is_turned_upright(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 1, "dog": 1})
    photo = Image.new("L", (8, 8))
    photo.paste(255, (0, 0, 8, 4))
    exif = Image.Exif()
    exif[0x0112] = 3  # taken upside down
    photo.save(root / "cat" / "000.png", exif=exif)
    contents = read_contents(DataSettings(name="folder", path=str(root), image_size=8))
    images_NCHW, _ = contents.split([0]).decoded()
    assert images_NCHW[0, 0, :, 0].tolist() == [0] * 4 + [255] * 4


def _greys(split) -> list[tuple[int, int]]:
    return [(int(image[0, 0, 0]), int(label)) for image, label in zip(split.images_NCHW, split.labels_N, strict=True)]
