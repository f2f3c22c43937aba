import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.nn import functional

from orchestrator.data.augment import Moves, cut_out, draw_centres, draw_moves, move


def test_each_image_is_moved_by_its_own_offset_and_filled_with_zeros() -> None:
    images_BCHW = torch.randint(1, 255, (40, 3, 6, 7), dtype=torch.uint8)
    moves = draw_moves(40, max_shift=2, flip=True, generator=Generator().manual_seed(0))
    moved_BCHW = move(images_BCHW, moves)
    for index in range(40):
        down, right = moves.offsets_2B[:, index].tolist()
        expected_CHW = _shifted(images_BCHW[index], down, right)
        if moves.mirrored_B[index]:
            expected_CHW = expected_CHW.flip(2)
        assert torch.equal(moved_BCHW[index], expected_CHW)


def test_moves_cover_the_whole_range_and_half_of_the_images_are_mirrored() -> None:
    moves = draw_moves(5000, max_shift=3, flip=True, generator=Generator().manual_seed(0))
    assert moves.offsets_2B.unique().tolist() == list(range(-3, 4))
    assert moves.offsets_2B.float().mean().item() == pytest.approx(0, abs=0.1)
    assert moves.mirrored_B.float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_images_stay_as_they_are_where_nothing_is_to_move() -> None:
    images_BCHW = torch.randint(0, 255, (4, 1, 8, 8), dtype=torch.uint8)
    moves = draw_moves(4, max_shift=0, flip=False, generator=Generator().manual_seed(0))
    assert torch.equal(move(images_BCHW, moves), images_BCHW)


def test_a_shard_of_the_moves_moves_a_shard_of_the_images() -> None:
    images_BCHW = torch.randint(0, 255, (9, 1, 8, 8), dtype=torch.uint8)
    moves = draw_moves(9, max_shift=2, flip=True, generator=Generator().manual_seed(4))
    assert torch.equal(move(images_BCHW[4:9], moves[4:9]), move(images_BCHW, moves)[4:9])


def test_a_shift_larger_than_the_image_leaves_nothing_of_it() -> None:
    moves = Moves(offsets_2B=torch.tensor([[9], [0]]), mirrored_B=torch.tensor([False]), max_shift=9)
    assert move(torch.ones(1, 1, 8, 8), moves).count_nonzero() == 0


@given(side=st.integers(1, 12), height=st.integers(1, 9), width=st.integers(1, 9), channels=st.sampled_from([1, 3]))
def test_cutout_blanks_the_square_around_each_centre_and_nothing_else(
    side: int, height: int, width: int, channels: int
) -> None:
    generator = Generator().manual_seed(side)
    centres_2B = draw_centres(5, image_size=min(height, width), generator=generator)
    input_BCHW = torch.ones(5, height, width, channels).permute(0, 3, 1, 2)
    cut_BCHW = cut_out(input_BCHW, centres_2B, side=side)
    for image_CHW, (row, column) in zip(cut_BCHW, centres_2B.T.tolist(), strict=True):
        expected_CHW = torch.ones(channels, height, width)
        top, left = row - side // 2, column - side // 2
        expected_CHW[:, max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = 0
        assert torch.equal(image_CHW, expected_CHW)


def test_every_pixel_can_be_the_centre_of_a_cutout() -> None:
    centres_2B = draw_centres(2000, image_size=8, generator=Generator().manual_seed(0))
    assert len(centres_2B.unique(dim=1).T) == 64


def test_a_shard_of_the_cutouts_cuts_a_shard_of_the_images() -> None:
    centres_2B = draw_centres(9, image_size=8, generator=Generator().manual_seed(0))
    whole, part = torch.ones(9, 8, 8, 3).permute(0, 3, 1, 2), torch.ones(5, 8, 8, 3).permute(0, 3, 1, 2)
    assert torch.equal(cut_out(part, centres_2B[:, 4:], side=3), cut_out(whole, centres_2B, side=3)[4:])


def _shifted(image_CHW: Tensor, down: int, right: int) -> Tensor:
    _, height, width = image_CHW.shape
    padded = functional.pad(image_CHW, (3, 3, 3, 3))
    return padded[:, 3 - down : 3 - down + height, 3 - right : 3 - right + width]
