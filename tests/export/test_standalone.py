"""``load.py`` computes what archfront computes, from JSON and raw tensors alone."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from orchestrator.config.settings import DataSettings
from orchestrator.data.dataset import load as load_dataset
from orchestrator.export import standalone
from orchestrator.export.probe import probe_images
from orchestrator.export.program import UntraceableError, graph_of, graph_text
from search_spaces.registry import build_model
from tests.export.studies import ARCHITECTURES


@pytest.mark.parametrize("family", ARCHITECTURES)
def test_it_computes_the_same_for_any_batch(family: str) -> None:
    model = build_model(ARCHITECTURES[family]).eval()
    graph = json.loads(graph_text(graph_of(model, image_BCHW=torch.randn(2, 1, 8, 8))))
    network = standalone.Network(graph, model.state_dict())
    with torch.no_grad():
        for batch in (1, 3):
            image_BCHW = torch.randn(batch, 1, 8, 8)
            assert torch.equal(network(image_BCHW), model(image_BCHW))


def test_it_imports_torch_and_the_standard_library_alone() -> None:
    tree = ast.parse(Path(standalone.__file__).read_text())
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - sys.stdlib_module_names == {"torch"}


def test_it_reads_what_safetensors_writes(tmp_path: Path) -> None:
    tensors = {
        "a.weight": torch.randn(3, 4),
        "b": torch.arange(5),
        "empty": torch.zeros(0, 2),
        "scalar": torch.tensor(2.5, dtype=torch.float64),
        "half": torch.randn(3).bfloat16(),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    found = standalone.read_tensors(tmp_path / "model.safetensors")
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_it_makes_the_images_of_the_probe_alike() -> None:
    shape = (4, 3, 17, 17)
    assert torch.equal(standalone.probe_images(shape), torch.from_numpy(probe_images(shape)))
    assert float(standalone.probe_images(shape).std()) == pytest.approx(3**-0.5, abs=0.01)


def test_it_prepares_images_as_training_does(tmp_path: Path) -> None:
    digits = load_dataset(DataSettings(), seed=0)
    how = {"in_channels": 1, "image_size": 8, "mean": digits.mean, "std": digits.std}
    (tmp_path / "preprocessing.json").write_text(json.dumps(how))
    images_BCHW = digits.test.images(torch.arange(5))
    torch.testing.assert_close(standalone.prepare(images_BCHW, tmp_path), digits.normalised(images_BCHW))
    with pytest.raises(ValueError, match="must be uint8"):
        standalone.prepare(images_BCHW.float(), tmp_path)


def test_a_network_that_is_more_than_plain_operators_is_refused() -> None:
    class Sorting(torch.nn.Module):
        def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
            return image_BCHW.flatten(1).sort(1).values

    class Branching(torch.nn.Module):
        def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
            return image_BCHW.flatten(1) if float(image_BCHW.sum()) > 0 else -image_BCHW.flatten(1)

    for network in (Sorting(), Branching()):
        with pytest.raises(UntraceableError):
            graph_of(network, image_BCHW=torch.randn(2, 1, 8, 8))
