import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

from orchestrator.data.order import Blocks, shuffled

BLOCKS = st.builds(
    Blocks, sizes=st.lists(st.integers(1, 9), min_size=1, max_size=30).map(tuple), window=st.integers(1, 6)
)


@given(BLOCKS, st.integers(0, 1000))
def test_every_row_comes_once(blocks: Blocks, seed: int) -> None:
    order_N = shuffled(sum(blocks.sizes), blocks, Generator().manual_seed(seed))
    assert sorted(order_N.tolist()) == list(range(sum(blocks.sizes)))


@given(BLOCKS, st.integers(0, 1000))
def test_a_reader_that_holds_two_windows_reads_each_block_once(blocks: Blocks, seed: int) -> None:
    block_of = [block for block, size in enumerate(blocks.sizes) for _ in range(size)]
    order = shuffled(len(block_of), blocks, Generator().manual_seed(seed)).tolist()
    held: list[int] = []
    num_reads = 0
    for row in order:
        if block_of[row] not in held:
            num_reads += 1
            held = [*held, block_of[row]][-2 * blocks.window :]
    assert num_reads == len(blocks.sizes)


def test_without_blocks_it_is_the_permutation_of_before() -> None:
    found, expected = (Generator().manual_seed(3) for _ in range(2))
    assert torch.equal(shuffled(100, None, found), torch.randperm(100, generator=expected))


def test_rows_of_a_window_are_mixed() -> None:
    order = shuffled(400, Blocks(sizes=(100,) * 4, window=4), Generator().manual_seed(0))
    runs = [key for key, _ in itertools.groupby((order // 100).tolist())]
    assert len(runs) > 200


@given(BLOCKS, st.data())
def test_blocks_of_some_images_are_what_is_left_of_each(blocks: Blocks, data: st.DataObject) -> None:
    num_images = sum(blocks.sizes)
    indices = sorted(data.draw(st.sets(st.integers(0, num_images - 1), min_size=1)))
    block_of = [block for block, size in enumerate(blocks.sizes) for _ in range(size)]
    expected = [len(list(rows)) for _, rows in itertools.groupby(indices, key=lambda index: block_of[index])]
    assert list(blocks.of(indices).sizes) == expected
