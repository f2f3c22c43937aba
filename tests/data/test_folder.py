import pytest
import torch
from PIL import Image

from orchestrator.data.folder import load_folder
from orchestrator.data.listing import list_folder
from orchestrator.errors import BadInputError
from tests.data.conftest import MakeFolder


def test_images_come_in_rgb_and_in_the_size_that_is_asked_for(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 3, "dog": 2})
    Image.new("RGBA", (5, 40), (10, 20, 30, 40)).save(root / "dog" / "z.png")
    Image.new("P", (8, 8)).save(root / "dog" / "zz.gif")
    images_NCHW, labels_N = load_folder(list_folder(str(root)), image_size=8)
    assert images_NCHW.shape == (7, 3, 8, 8)
    assert images_NCHW.dtype is torch.uint8
    assert labels_N.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert images_NCHW[:3, :, 0, 0].tolist() == [[0] * 3, [1] * 3, [2] * 3]
    assert images_NCHW[5, :, 7, 7].tolist() == [10, 20, 30]


def test_images_that_are_broken_are_all_found_and_the_first_twenty_named(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 30, "dog": 3})
    whole = (root / "dog" / "000.png").read_bytes()
    (root / "dog" / "000.png").write_bytes(whole[: len(whole) // 2])
    for index in range(22):
        (root / "cat" / f"{index:03d}.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken" if index % 2 else b"")
    with pytest.raises(BadInputError) as caught:
        load_folder(list_folder(str(root)), image_size=8)
    lines = caught.value.message.splitlines()
    assert lines[0] == "23 images can't be decoded:"
    assert [line.split(":")[0].rsplit("/", 1)[1] for line in lines[1:21]] == [f"{index:03d}.png" for index in range(20)]
    assert lines[21:] == ["  and 3 more"]


def test_a_photo_is_turned_upright(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 1, "dog": 1})
    photo = Image.new("L", (8, 8))
    photo.paste(255, (0, 0, 8, 4))
    exif = Image.Exif()
    exif[0x0112] = 3  # taken upside down
    photo.save(root / "cat" / "000.png", exif=exif)
    images_NCHW, _ = load_folder(list_folder(str(root)), image_size=8)
    assert images_NCHW[0, 0, :, 0].tolist() == [0] * 4 + [255] * 4
