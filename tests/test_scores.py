"""Scores from counts: equal to scikit-learn's from the labels."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from orchestrator.scores import ClassificationScore, Confusion

Labelled = tuple[int, list[tuple[int, int]]]


@st.composite
def labelled(draw: st.DrawFn) -> Labelled:
    """A number of classes, and the label and prediction of each image; classes may be absent in both."""
    num_classes = draw(st.integers(2, 8))
    index = st.integers(0, num_classes - 1)
    return num_classes, draw(st.lists(st.tuples(index, index), min_size=1, max_size=60))


def score_of(num_classes: int, images: list[tuple[int, int]], **fields: float) -> ClassificationScore:
    counts = np.zeros((num_classes, num_classes), dtype=int)
    for label, prediction in images:
        counts[label, prediction] += 1
    return ClassificationScore(
        class_names=tuple(f"class {index}" for index in range(num_classes)),
        confusion_KK=tuple(map(tuple, counts.tolist())),
        **{"loss": 0.5, **fields},
    )


@given(labelled())
def test_every_figure_is_scikit_learns(case: Labelled) -> None:
    num_classes, images = case
    score = score_of(*case)
    labels, predictions = zip(*images, strict=True)
    stated = {"labels": list(range(num_classes)), "zero_division": 0}
    assert score.num_images == len(images)
    assert score.accuracy == pytest.approx(metrics.accuracy_score(labels, predictions))
    for average, precision, recall in (
        (None, score.precisions, score.recalls),
        ("macro", score.precision_macro, score.recall_macro),
    ):
        assert precision == pytest.approx(metrics.precision_score(labels, predictions, average=average, **stated))
        assert recall == pytest.approx(metrics.recall_score(labels, predictions, average=average, **stated))
    matrix = metrics.confusion_matrix(labels, predictions, labels=stated["labels"])
    assert np.array_equal(score.confusion_KK, matrix)


@given(labelled())
def test_scores_survive_json(case: Labelled) -> None:
    score = score_of(*case, loss=1 / 3, top5_accuracy=0.1 + 0.2)
    assert ClassificationScore.from_dict(json.loads(json.dumps(score.to_dict()))) == score


@given(labelled(), st.integers(0, 5))
def test_pairs_confused_most_come_first_and_are_all_mistakes(case: Labelled, limit: int) -> None:
    num_classes, images = case
    pairs = score_of(*case).most_confused(limit)
    assert len(pairs) <= limit
    assert [pair.num_images for pair in pairs] == sorted((pair.num_images for pair in pairs), reverse=True)
    everything = score_of(*case).most_confused(num_classes**2)
    assert sum(pair.num_images for pair in everything) == sum(label != prediction for label, prediction in images)
    assert everything[:limit] == pairs


def test_a_pair_says_its_share_of_the_class() -> None:
    pairs = score_of(3, [(0, 0), (0, 0), (0, 2), (1, 1)]).most_confused(10)
    assert pairs == [Confusion(label="class 0", prediction="class 2", num_images=1, num_of_label=3)]


def test_a_class_that_is_never_predicted_counts_with_precision_0() -> None:
    score = score_of(2, [(0, 0), (1, 0)])
    assert score.precisions == (0.5, 0.0)
    assert (score.precision_macro, score.recall_macro) == (0.25, 0.5)


@pytest.mark.parametrize("counts", [((1, 0),), ((1, 0), (1,)), ((0, 0), (0, 0)), ((1, -1), (0, 1)), ()])
def test_counts_that_can_not_be_are_refused(counts: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError, match="counts"):
        ClassificationScore(class_names=("a", "b"), confusion_KK=counts, loss=0.1)
