"""Which classes the most accurate network of the front takes for which, on the test split."""

from __future__ import annotations

import math

from orchestrator.records import TrialRecord
from orchestrator.report import wording
from orchestrator.report.markup import Html, tag
from orchestrator.report.tables import table
from orchestrator.report.view import StudyView
from orchestrator.scores import ClassificationScore, Confusion

MAX_CLASSES = 20
"""Of which every pair is shown; of more, the pairs that are confused most."""
MAX_PAIRS = 10


def class_tables(view: StudyView) -> tuple[Html, ...]:
    """Empty where no member of the front has more than a test accuracy."""
    for record in view.front:
        if record.test_score is not None:
            return tag("p", _summary(record, record.test_score)), _table(record.test_score)
    return ()


def _summary(record: TrialRecord, score: ClassificationScore) -> str:
    top5 = "" if score.top5_accuracy is None else f", top-5 {wording.accuracy(score.top5_accuracy)}"
    return (
        f"Trial {record.number}, the most accurate of the front that was scored, on the {score.num_images:,} images of "
        f"the test split: accuracy {wording.accuracy(score.accuracy)}{top5}, precision "
        f"{wording.accuracy(score.precision_macro)} and recall {wording.accuracy(score.recall_macro)} "
        "as means over the classes."
    )


def _table(score: ClassificationScore) -> Html:
    if len(score.class_names) <= MAX_CLASSES:
        return _matrix(score)
    pairs = score.most_confused(MAX_PAIRS)
    if not pairs:
        return tag("p", "No image was taken for one of another class.", class_="empty")
    return table(
        f"Classes confused most. {wording.count(len(pairs), 'pair')} of {len(score.class_names):,} classes.",
        ("class", "taken for", "images", "of the class"),
        [_pair(pair) for pair in pairs],
        kind="pairs",
    )


def _matrix(score: ClassificationScore) -> Html:
    rows = [
        tag(
            "tr",
            tag("th", name, scope="row"),
            *(_cell(count, sum(counts), is_right=label == index) for index, count in enumerate(counts)),
            tag("td", wording.accuracy(recall)),
            tag("td", wording.accuracy(precision)),
        )
        for label, (name, counts, recall, precision) in enumerate(
            zip(score.class_names, score.confusion_KK, score.recalls, score.precisions, strict=True)
        )
    ]
    caption = (
        "Images of each class (rows) by what they were taken for (columns). Recall is the share of the row that is "
        "right, precision that of the column."
    )
    return table(caption, ("class", *score.class_names, "recall", "precision"), rows, kind="confusion")


def _cell(num_images: int, num_of_label: int, *, is_right: bool) -> Html:
    """The more of its class, the darker; on the root's scale, or a few images in a hundred could not be seen."""
    if not num_images:
        return tag("td", "")
    shade = round(100 * math.sqrt(num_images / num_of_label))
    return tag("td", f"{num_images:,}", class_="right" if is_right else "wrong", style=f"--shade: {shade}")


def _pair(pair: Confusion) -> Html:
    cells = (pair.prediction, f"{pair.num_images:,}", f"{100 * pair.num_images / pair.num_of_label:.1f} %")
    return tag("tr", tag("th", pair.label, scope="row"), *(tag("td", cell) for cell in cells))
