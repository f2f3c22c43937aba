"""Commands that only look answer without a framework."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from search_spaces import get_architecture
from tests.simulation import STUDY, Simulation, config_of

FRAMEWORKS = ("torch", "torchvision", "ray", "optuna", "mlflow", "pyarrow", "sklearn", "scipy", "pandas", "matplotlib")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("light")
    simulation = Simulation(folder / "runs" / "simulated", config_of(folder, STUDY, "budget.trials=12"))
    simulation.run()
    simulation.store.close()
    fields = get_architecture("resnet20_cifar").to_dict()
    (folder / "architecture.json").write_text(json.dumps(fields))
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        "--help",
        "search --help",
        "train --help",
        "evaluate --help",
        "validate simulated.toml",
        "validate digits",
        "plan simulated.toml",
        "schema",
        "init other.toml",
        "front runs/simulated",
        "front runs/simulated --json",
        "best runs/simulated --max-params 50k",
        "best runs/simulated --explain --json",
        "status runs/simulated",
        "compare --help",
        "report runs/simulated",
        "describe densenet121 --image-size 224",
        "describe densenet121 --compare resnet50 mobilenet_v2",
        "describe architecture.json --image-size 32 --json",
    ],
)
def test_it_imports_no_framework(folder: Path, arguments: str) -> None:
    program = (
        f"import sys; sys.argv = ['archfront', *{arguments.split()!r}]\n"
        "from orchestrator.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    code = done.code\n"
        f"found = sorted(set(sys.modules) & set({FRAMEWORKS!r}))\n"
        "assert not found, found\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={"PYTHONPATH": _root(), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _root() -> str:
    return str(Path(__file__).parents[2])
