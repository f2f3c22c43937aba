from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.settings import DataSettings
from orchestrator.data.splits import SplitCounts, count_splits, split_indices
from orchestrator.errors import BadInputError

SETTINGS = DataSettings()
SIZES = st.lists(st.integers(5, 60), min_size=2, max_size=5)


@st.composite
def labelled(draw: st.DrawFn) -> tuple[list[int], tuple[SplitCounts, ...]]:
    sizes = draw(SIZES)
    labels = draw(st.permutations([label for label, size in enumerate(sizes) for _ in range(size)]))
    return labels, count_splits([str(label) for label in range(len(sizes))], sizes, SETTINGS)


@given(labelled(), st.integers(0, 2**32 - 1))
def test_every_image_is_in_exactly_one_split(data: tuple[list[int], tuple[SplitCounts, ...]], seed: int) -> None:
    labels, counts = data
    splits = split_indices(labels, counts, seed=seed)
    assert sorted([*splits.train, *splits.validation, *splits.test]) == list(range(len(labels)))


@given(labelled(), st.integers(0, 2**32 - 1))
def test_each_class_gives_each_split_what_was_counted(
    data: tuple[list[int], tuple[SplitCounts, ...]], seed: int
) -> None:
    labels, counts = data
    splits = split_indices(labels, counts, seed=seed)
    for name in ("train", "validation", "test"):
        by_class = Counter(labels[index] for index in getattr(splits, name))
        assert by_class == {label: getattr(count, name) for label, count in enumerate(counts)}


@given(SIZES)
def test_shares_are_rounded_to_whole_images_and_training_gets_the_rest(sizes: list[int]) -> None:
    counts = count_splits([str(label) for label in range(len(sizes))], sizes, SETTINGS)
    for size, count in zip(sizes, counts, strict=True):
        assert abs(count.validation - 0.2 * size) <= 0.5
        assert abs(count.test - 0.2 * size) <= 0.5
        assert count.train == size - count.validation - count.test


def test_a_split_is_a_function_of_the_seed() -> None:
    labels = [index % 3 for index in range(90)]
    counts = count_splits("abc", [30, 30, 30], SETTINGS)
    assert split_indices(labels, counts, seed=1) == split_indices(labels, counts, seed=1)
    assert split_indices(labels, counts, seed=1) != split_indices(labels, counts, seed=2)


def test_a_split_is_the_same_on_every_machine_and_version() -> None:
    labels = [index % 2 for index in range(20)]
    splits = split_indices(labels, count_splits("ab", [10, 10], SETTINGS), seed=0)
    assert splits.validation == (0, 3, 16, 19)
    assert splits.test == (6, 7, 11, 12)


@pytest.mark.parametrize(
    ("sizes", "settings", "message"),
    [
        ((9, 2), DataSettings(), "class 'b' has 2 images, a 20% split leaves none for validation"),
        ((9, 4), DataSettings(test_share=0.1), "class 'b' has 4 images, a 10% split leaves none for the test"),
        ((9, 1), DataSettings(validation_share=0.5), "class 'b' has 1 image, a 20% split leaves none for the test"),
        ((9, 2), DataSettings(validation_share=0.4, test_share=0.4), "validation and test leave none for training"),
        ((2, 2), DataSettings(), "class 'a' has 2 images, a 20% split leaves none for validation (and 1 more class)"),
        ((2, 2, 1), DataSettings(), "(and 2 more classes)"),
    ],
)
def test_a_class_that_a_split_would_leave_empty_is_refused(
    sizes: tuple[int, ...], settings: DataSettings, message: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        count_splits("abc"[: len(sizes)], sizes, settings)
    assert message in caught.value.message
    assert caught.value.hint
