import pytest
import torch
from torch import Generator, Tensor
from torch.nn import functional

from orchestrator.data.augment import Moves, draw_moves, move


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


def _shifted(image_CHW: Tensor, down: int, right: int) -> Tensor:
    _, height, width = image_CHW.shape
    padded = functional.pad(image_CHW, (3, 3, 3, 3))
    return padded[:, 3 - down : 3 - down + height, 3 - right : 3 - right + width]
