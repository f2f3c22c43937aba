import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

from orchestrator.data.crops import MAX_ASPECT, MIN_ASPECT, NUM_TRIES, Crop, Crops, draw_crops

SIDES = st.integers(1, 600)


def drawn(num_images: int = 8, *, min_area: float = 0.08, seed: int = 0) -> Crops:
    return draw_crops(num_images, min_area=min_area, generator=Generator().manual_seed(seed))


@given(height=SIDES, width=SIDES, min_area=st.floats(0.001, 1), seed=st.integers(0, 1000))
def test_a_crop_lies_inside_its_image(height: int, width: int, min_area: float, seed: int) -> None:
    crops = drawn(3, min_area=min_area, seed=seed)
    for index in range(3):
        top, left, crop_height, crop_width = crops[index].box(height, width)
        assert 0 <= top < top + crop_height <= height
        assert 0 <= left < left + crop_width <= width


@given(seed=st.integers(0, 1000), min_area=st.floats(0.05, 1))
def test_areas_and_aspects_are_as_asked_for(seed: int, min_area: float) -> None:
    _, _, height, width = drawn(1, min_area=min_area, seed=seed)[0].box(2000, 2000)
    assert height * width >= 0.998 * min_area * 2000**2
    assert 0.997 * MIN_ASPECT <= width / height <= 1.003 * MAX_ASPECT


def test_areas_are_even_and_aspects_are_even_on_a_logarithmic_scale() -> None:
    crops = drawn(4000)
    assert crops.shares_BT.mean().item() == pytest.approx((0.08 + 1) / 2, abs=0.01)
    assert crops.shares_BT.min().item() >= 0.08
    assert crops.aspects_BT.log().mean().item() == pytest.approx(0, abs=0.01)
    assert crops.aspects_BT.log().abs().max().item() <= math.log(MAX_ASPECT) + 1e-12


def test_places_reach_every_corner_of_the_room() -> None:
    boxes = [
        Crop(tries=((0.25, 1.0),), down=down, right=right).box(8, 8) for down in (0, 0.999) for right in (0, 0.999)
    ]
    assert boxes == [(0, 0, 4, 4), (0, 4, 4, 4), (4, 0, 4, 4), (4, 4, 4, 4)]


def test_the_first_try_that_fits_is_taken() -> None:
    crop = Crop(tries=((1.0, MAX_ASPECT), (0.25, 1.0), (0.5, 1.0)), down=0, right=0)
    assert crop.box(8, 8) == (0, 0, 4, 4)


@pytest.mark.parametrize(
    ("height", "width", "box"),
    [(10, 100, (0, 43, 10, 13)), (100, 10, (43, 0, 13, 10)), (9, 9, (0, 0, 9, 9)), (1, 1, (0, 0, 1, 1))],
)
def test_without_a_fitting_try_it_is_the_largest_allowed_crop_in_the_middle(
    height: int, width: int, box: tuple[int, int, int, int]
) -> None:
    tries = ((1.0, 1.2),) * NUM_TRIES if height != width else ((2.0, 1.0),) * NUM_TRIES
    assert Crop(tries=tries, down=0, right=0).box(height, width) == box


def test_a_shard_has_the_crops_of_its_images_and_survives_a_process() -> None:
    crops = drawn(9)
    shard = pickle.loads(pickle.dumps(crops.shard(slice(4, 9))))
    assert [shard[index].box(300, 200) for index in range(5)] == [crops[index].box(300, 200) for index in range(4, 9)]
