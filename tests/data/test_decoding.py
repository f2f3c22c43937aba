import contextlib
import socket
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional

from orchestrator.data.decoding import CorruptImageError, Resize, decode
from orchestrator.errors import BadInputError


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    channels = () if mode == "L" else (3,)
    return Image.fromarray(np.random.default_rng(width * height).integers(0, 256, (height, width, *channels), np.uint8))


@settings(max_examples=60)
@given(
    st.integers(3, 90),
    st.integers(3, 90),
    st.sampled_from([8, 16, 31]),
    st.sampled_from([1.0, 0.875, 0.5]),
    st.sampled_from([1, 3]),
)
def test_resizing_and_cropping_are_those_of_torchvision(
    width: int, height: int, image_size: int, center_crop: float, in_channels: int
) -> None:
    image = noise(width, height, "L" if in_channels == 1 else "RGB")
    resize = Resize(in_channels=in_channels, image_size=image_size, center_crop=center_crop)
    reference = v2.Compose([v2.Resize(resize.shorter_side), v2.CenterCrop(image_size)])(image)
    expected_HWC = functional.pil_to_tensor(reference).permute(1, 2, 0).numpy()
    if max(width, height) <= 16 * min(width, height):
        assert np.array_equal(resize.evaluated(image), expected_HWC)
    assert resize.evaluated(image).shape == (image_size, image_size, in_channels)


def test_the_share_that_is_usual_for_imagenet_gives_its_256() -> None:
    assert Resize(in_channels=3, image_size=224, center_crop=0.875).shorter_side == 256


def test_a_random_crop_is_resized_as_by_torchvision() -> None:
    image, box = noise(50, 40), (3, 7, 20, 30)
    expected = functional.resized_crop(image, *box, size=[16, 16], interpolation=InterpolationMode.BILINEAR)
    found = Resize(in_channels=3, image_size=16).cropped(image, box)
    assert torch.equal(torch.tensor(found).permute(2, 0, 1), functional.pil_to_tensor(expected))


@pytest.mark.parametrize("size", [(1, 30_000), (30_000, 1)])
def test_a_needle_costs_no_more_than_what_is_seen_of_it(size: tuple[int, int]) -> None:
    assert Resize(in_channels=3, image_size=224).evaluated(Image.new("RGB", size, (1, 2, 3))).tolist()[0][0] == [
        1,
        2,
        3,
    ]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0" + b"\0" * 40])
def test_what_is_no_image_is_corrupt(content: bytes) -> None:
    with pytest.raises(CorruptImageError, match=r"."):
        decode(content, "RGB")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_half_an_image_is_corrupt_or_whole_but_never_an_exception_of_another_kind(kind: str) -> None:
    file = BytesIO()
    noise(40, 40).save(file, kind)
    content = file.getvalue()
    for end in range(0, len(content), max(len(content) // 40, 1)):
        with contextlib.suppress(CorruptImageError):
            assert decode(content[:end], "RGB").size == (40, 40)


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.pgm"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_deep_grey_keeps_its_upper_bits_as_deep_colours_do(tmp_path: Path, name: str, mode: str) -> None:
    grey_HW = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    if name.endswith("pgm"):
        (tmp_path / name).write_bytes(b"P5 16 16 65535\n" + grey_HW.astype(">u2").tobytes())
    else:
        Image.fromarray(grey_HW).save(tmp_path / name)
    assert np.array_equal(np.asarray(decode(tmp_path / name, mode).convert("L")), grey_HW >> 8)


def test_pixels_of_no_known_range_are_refused_instead_of_cut_off(tmp_path: Path) -> None:
    Image.fromarray(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)).save(tmp_path / "a.tiff")
    with pytest.raises(CorruptImageError, match="mode F: convert them"):
        decode(tmp_path / "a.tiff", "RGB")


def test_a_file_that_is_gone_is_not_corrupt(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=rf"can't be read on {socket.gethostname()}: No such file"):
        decode(tmp_path / "absent.png", "RGB")
