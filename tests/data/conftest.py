from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image

MakeFolder = Callable[[Mapping[str, int]], Path]


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Makes a folder with so many images in each class, image k of grey value k."""

    def make(classes: Mapping[str, int]) -> Path:
        root = tmp_path / "pets and others"
        root.mkdir()
        for name, num_images in classes.items():
            (root / name).mkdir()
            for index in range(num_images):
                Image.new("L", (12, 9), index).save(root / name / f"{index:03d}.png")
        return root

    return make
