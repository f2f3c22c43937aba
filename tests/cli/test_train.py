"""``archfront train`` and ``archfront evaluate`` as a person runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import load_model
from tests.fit.requests import write_tiny

TRAIN = ("train", "tiny.json", "--data", "digits", "--set", "recipe.warmup_epochs=0.5")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiny(tmp_path)
    return tmp_path


def archfront(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "orchestrator", *arguments]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}


@pytest.mark.integration
@pytest.mark.slow
def test_ctrl_c_checkpoints_and_the_same_command_goes_on_to_a_folder_that_evaluate_confirms(folder: Path) -> None:
    arguments = (*TRAIN, "--epochs", "8", "--to", "out")
    with subprocess.Popen(
        command(*arguments), cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while not process.stdout.readline().startswith("epoch 1/8"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, errors = process.stdout.read(), process.stderr.read()
    assert process.returncode == 4, errors
    assert "resume with: archfront train tiny.json --data digits" in errors
    assert not (folder / "out").exists()

    done = archfront(folder, *arguments)
    assert done.returncode == 0, done.stderr
    assert "goes on after epoch" in done.stdout
    assert "epoch 1/8" not in done.stdout
    assert "epoch 8/8" in done.stdout
    load_model(folder / "out")

    scored = archfront(folder, "evaluate", "out", "--json")
    assert scored.returncode == 0, scored.stderr
    found = json.loads(scored.stdout)
    printed = re.search(r"^  accuracy +(\S+) ", done.stdout, re.MULTILINE)
    assert printed is not None
    assert f"{found['accuracy']:.4f}" == printed[1]
    assert found["is_as_trained"]
    assert {"loss", "top5_accuracy", "precision_macro", "recall_macro", "images_per_s"} <= found.keys()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "densenet12", "--data", "digits"], ["unknown model 'densenet12'", "densenet121"]),
        (["train", "resnet20_cifar"], ["nothing to train on", "--data cifar10:data"]),
        (["train", "tiny.json", "--data", "folder:absent"], ["--data folder:absent", "absent"]),
        (["train", "densenet121", "--data", "digits"], ["densenet121", "--set architecture.stem=cifar"]),
        ([*TRAIN, "--set", "budget.trials=3"], ["budget.trials=3", "recipe.*"]),
        ([*TRAIN, "--pretrained", "absent.pth"], ["absent.pth: no such file"]),
        ([*TRAIN, "--freeze"], ["--freeze", "--pretrained"]),
        ([*TRAIN, "--to", "."], ["names no folder"]),
        (["evaluate", "absent"], ["absent: no such folder", "archfront train"]),
        (["evaluate", "absent", "--split", "tests"], ["tests"]),
    ],
)
def test_bad_input_is_named_with_a_way_out(folder: Path, arguments: list[str], words: list[str]) -> None:
    done = archfront(folder, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert [path.name for path in folder.iterdir()] == ["tiny.json"]
