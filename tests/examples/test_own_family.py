"""The example of a family of one's own: known by an entry point or by the Python API, described, searched, built."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from orchestrator.cli.app import run
from orchestrator.measure.folding import fold_batch_norms
from orchestrator.records import TrialState
from orchestrator.selector import front
from orchestrator.training.evaluate import evaluate
from orchestrator.training.loop import train
from orchestrator.training.model_files import read_model
from search_spaces import (
    SearchSpace,
    Task,
    create_model,
    get_architecture,
    get_family,
    list_families,
    load_architecture,
    register_family,
    registry,
)
from search_spaces.summary import summarize
from tests.examples import own_family
from tests.live_tensors import measured_bytes
from tests.search_spaces.test_cost_columns import assert_equal_costs
from tests.simulation import Simulation, config_of
from tests.training.trials import RECIPE, TestContext, small_dataset

STUDY = """
[study]
name = "simulated"
[space.vgg]
width = { low = 8, high = 32, step = 8 }
num_stages = [2, 3]
depth = { low = 1, high = 2 }
[space.resnet]
[recipe]
epochs = 4
[budget]
trials = 12
"""


def install(folder: Path) -> None:
    """Puts the example into a folder as an installer would put a distribution."""
    shutil.copy(own_family.__file__, folder / "own_family.py")
    metadata = folder / "own_family-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: own-family\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[archfront.families]\nvgg = own_family:family\n")


@pytest.fixture(params=["Python API", "entry point"])
def _known(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The family is known, in one of the two ways; afterwards it is forgotten."""
    monkeypatch.setattr(registry, "_families", dict(registry._families))
    if request.param == "Python API":
        register_family(own_family.family)
        return
    installed = tmp_path / "site-packages"
    installed.mkdir()
    install(installed)
    monkeypatch.delitem(sys.modules, "own_family", raising=False)
    monkeypatch.syspath_prepend(installed)


def archfront(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["archfront", *arguments])
    return run()


@pytest.mark.usefixtures("_known")
def test_it_is_described_by_the_name_of_its_preset(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert archfront(monkeypatch, "describe", "vgg11_pooled", "--compare", "resnet18") == 0
    assert archfront(monkeypatch, "describe", "vgg11_pooled", "--image-size", "16") == 2
    shown = capfd.readouterr()
    assert "9,736,232" in shown.out
    assert "stage 'stage5' would shrink 1x1 below one pixel\n  use fewer stages" in shown.err


@pytest.mark.usefixtures("_known")
def test_a_study_file_names_it_and_a_search_finds_its_front(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    config = config_of(tmp_path, STUDY)
    assert [space.family for space in config.space.families] == ["resnet", "vgg"]
    root = tmp_path / "simulated"
    simulation = Simulation(root, config)
    simulation.run()
    records = list(simulation.store.records.values())
    members = front(records, config.objectives, config.constraints)
    simulation.store.close()
    assert len(records) == 12
    assert "vgg" in {record.family for record in records if record.state is TrialState.COMPLETED}
    assert "vgg" in {record.family for record in members}
    for command in ("front", "report"):
        assert archfront(monkeypatch, command, str(root)) == 0
    assert "vgg" in capfd.readouterr().out
    assert "vgg" in (root / "report.html").read_text()


@pytest.mark.usefixtures("_known")
def test_its_axes_are_held_to_their_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.toml").write_text("[space.vgg]\nwidth = 1000\ndeph = 2\n")
    assert archfront(monkeypatch, "validate", str(tmp_path / "study.toml")) == 2
    errors = capfd.readouterr().err
    assert "study.toml:2: space.vgg.width = 1000: must be at least 1 and at most 512" in errors
    assert 'study.toml:3: space.vgg.deph = 2: unknown key; did you mean "depth"?' in errors


@pytest.mark.usefixtures("_known")
@pytest.mark.parametrize("image_size", [4, 32])
def test_its_networks_cost_together_what_each_costs_alone(image_size: int) -> None:
    family, task = get_family("vgg"), Task(num_classes=10, image_size=image_size)
    space, rng = SearchSpace(families=(family.default_space(task),)), random.Random(0)
    assert family.takes_columns
    assert_equal_costs(family, [space.sample(rng).values for _ in range(40)], task)


@pytest.mark.usefixtures("_known")
def test_its_network_is_what_its_closed_forms_say() -> None:
    for depths in ((1, 1), (2, 1, 3)):
        architecture = get_architecture("vgg11_pooled", depths=depths, width=8, num_classes=10)
        network = create_model(architecture)
        shapes = {name: module for name, module in network.named_modules() if not list(module.children())}
        assert {layer.name for layer in architecture.layers(32)} <= shapes.keys()
        assert sum(parameter.numel() for parameter in network.parameters()) == architecture.num_parameters
        functional.cross_entropy(network(torch.randn(4, 3, 32, 32)), torch.arange(4)).backward()
        assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())
        predicted = summarize(architecture, image_size=32, batch_size=16).activation_bytes
        assert predicted == pytest.approx(measured_bytes(network.to("meta"), 16, 32), rel=0.1)


@pytest.mark.usefixtures("_known")
def test_its_network_is_trained_as_in_a_trial_and_read_again(tmp_path: Path) -> None:
    dataset, context = small_dataset(), TestContext(directory=tmp_path)
    architecture = get_family("vgg").architecture({"width": 8, "num_stages": 2}, dataset.task)
    result = train(architecture, replace(RECIPE, epochs=8, flip=False), dataset, context)
    losses = [report.train_loss for report in context.reports]
    assert losses[-1] < 0.85 * losses[0]
    assert load_architecture(tmp_path / "model") == architecture
    assert evaluate(read_model(tmp_path / "model"), dataset.validation, dataset).accuracy == result.accuracy


@pytest.mark.usefixtures("_known")
def test_its_latency_is_measured_with_batch_norm_folded_into_its_convolutions() -> None:
    network = create_model("vgg11_pooled", width=8, num_classes=10).eval()
    folded, num_folded = fold_batch_norms(network)
    image_BCHW = torch.randn(2, 3, 32, 32)
    assert num_folded == 8
    torch.testing.assert_close(folded(image_BCHW), network(image_BCHW))


def test_an_installed_family_is_known_to_a_new_process(tmp_path: Path) -> None:
    install(tmp_path)
    (tmp_path / "study.toml").write_text(STUDY)
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    for command in ("describe vgg11_pooled", "validate study.toml"):
        done = subprocess.run(
            [sys.executable, "-m", "orchestrator", *command.split()],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert "vgg" not in list_families()
