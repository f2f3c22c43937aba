import math

import pytest
from PIL import Image

from orchestrator.config.settings import DataSettings
from orchestrator.data.contents import read_contents
from orchestrator.data.examination import Examination, examine
from orchestrator.data.splits import SplitCounts
from tests.data.conftest import MakeFolder


def _examined(settings: DataSettings) -> Examination:
    return examine(read_contents(settings), settings)


def test_sizes_corrupt_images_and_imbalance_are_found(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 40, "dog": 10})
    Image.new("L", (50, 3)).save(root / "dog" / "000.png")
    (root / "cat" / "039.png").write_bytes(b"")
    found = _examined(DataSettings(name="folder", path=str(root)))
    assert found.num_images == (40, 10)
    assert found.imbalance == 4
    assert found.size_range == ((12, 3), (50, 9))
    assert found.sizes[(12, 9)] == 48
    assert [text.split(":")[0] for text in found.corrupt] == [str(root / "cat" / "039.png")]
    assert found.counts == (
        SplitCounts(train=24, validation=8, test=8),
        SplitCounts(train=6, validation=2, test=2),
    )


def test_a_class_that_a_split_would_miss_is_said_and_the_rest_is_still_found(make_folder: MakeFolder) -> None:
    found = _examined(DataSettings(name="folder", path=str(make_folder({"cat": 10, "dog": 1}))))
    assert (found.counts, found.num_images) == ((), (10, 1))
    assert "class 'dog' has 1 image" in found.refusal


def test_progress_ends_with_all_images() -> None:
    settings, heard = DataSettings(), list[int]()
    examine(read_contents(settings), settings, on_progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1797


@pytest.mark.parametrize(("num_images", "imbalance"), [((5, 5), 1.0), ((5, 0), math.inf)])
def test_imbalance_is_infinite_where_a_class_is_empty(num_images: tuple[int, int], imbalance: float) -> None:
    found = _examined(DataSettings())
    other = Examination(
        class_names=("a", "b"),
        own_splits=(),
        num_images=num_images,
        counts=(),
        refusal="",
        sizes=found.sizes,
        corrupt=(),
    )
    assert other.imbalance == imbalance
