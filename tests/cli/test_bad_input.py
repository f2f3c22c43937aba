"""What a person gets wrong on the command line: where, name, value, rule, way out; exit code 2; no traceback."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Archfront
from tests.simulation import STUDY, Simulation, config_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    simulation = Simulation(folder / "runs" / "simulated", config_of(folder, STUDY, "budget.trials=8"))
    simulation.run()
    simulation.store.close()
    lost = folder / "lost" / "simulated"
    shutil.copytree(folder / "runs" / "simulated", lost)
    (lost / "study.db").unlink()
    shutil.rmtree(lost / "trials" / "00002")
    (folder / "two.toml").write_text("[budget]\ntrails = 5\n[recipe]\nepochs = 0\n")
    (folder / "networks.toml").write_text(
        "[space.densenet]\ncompression = 0\nblock_config = []\n[space.resnet]\ndepth = 100000\n"
    )
    (folder / "deep.toml").write_text("[space.densenet]\nnum_blocks = 5\n")
    (folder / "gpus.toml").write_text("[resources]\ngpus_per_worker = 8\n")
    (folder / "other.toml").write_text(STUDY.replace("epochs = 8", "epochs = 9"))
    return folder


def searched(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A search as a person starts it, with the process that supervises it."""
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", "search", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search", "absent.toml"], ["absent.toml: no such file", "archfront init"]),
        (["search", "digitz"], ["digitz"]),
        (
            ["validate", "two.toml"],
            ["budget.trails = 5: unknown key", 'did you mean "trials"', "two.toml:4: recipe.epochs = 0"],
        ),
        (["search", "two.toml"], ["two.toml:2: budget.trails", "recipe.epochs = 0"]),
        (
            ["search", "networks.toml"],
            [
                "networks.toml:2: space.densenet.compression = 0: must be in (0, 1]; write it like 0.5",
                "networks.toml:3: space.densenet.block_config = []: needs 1 to 6 blocks of 1 to 64 layers; write it",
                "networks.toml:5: space.resnet.depth = 100000: must be at least 1 and at most 64; give at most 64",
            ],
        ),
        (["search", "deep.toml"], ["shrinks 8x8 images below one pixel", "use images of 16 pixels", "fewer than 5"]),
        (["search", "digits", "--trials", "0"], ["--set budget.trials=0", "at least 1"]),
        (["search", "digits", "--set", "recipe.epoch=3"], ["epoch", '"epochs"']),
        (
            ["search", "digits", "--set", 'constraints.num_parameters="<= 100"'],
            ["no architecture of this space has at most 100"],
        ),
        (["front", "lost/simulated"], ["study.db is gone", "archfront repair lost/simulated"]),
        (["repair", "lost/simulated"], ["00002: none of its files can be read", "up to 7", "put a copy"]),
        (["repair", "runs/absent"], ["runs/absent: no study", "simulated"]),
        (["repair"], ["Missing argument 'DIR'"]),
        (["sync", "runs/absent"], ["runs/absent: no study", "simulated"]),
        (["sync", "runs/simulated", "--uri", "htp://x"], ['--uri = "htp://x": MLflow knows no', 'did you mean "http"']),
        (["sync", "runs/simulated", "--uri", "http://host:99"], ["was sent to sqlite:", "give --all as well"]),
        (["search", "digits", "--nonsense"], ["No such option"]),
        (["front", "runs/absent"], ["runs/absent: no study", "simulated"]),
        (["front", "~nobody-here/runs"], ["~nobody-here/runs: no study"]),
        (["front", "n" * 300], ["nnn...: is too long for a path"]),
        (["best", "runs/simulated", "--max-latency", "2"], ['--max-latency "2"', "give a unit"]),
        (["best", "runs/simulated", "--max-params", "1x"], ['unknown unit "x"']),
        (["export", "runs/simulated", "--to", "x", "--trial", "99"], ["--trial 99", "trials 0 to 7"]),
        (["init", "two.toml"], ["two.toml: exists"]),
    ],
)
def test_the_message_says_what_and_how_to_mend_it(archfront: Archfront, arguments: list[str], words: list[str]) -> None:
    done = archfront(*arguments)
    assert done.code == 2, done.out + done.err
    for word in words:
        assert word in done.err, done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["Usage: archfront search", "Missing argument 'STUDY'"]),
        (["gpus.toml"], ["resources.gpus_per_worker = 8", "the cluster has 0 GPUs", "gpus_per_worker = 0"]),
        (["digits", "--workers-per-trial", "10"], ["workers_per_trial = 10", "room for"]),
        (["other.toml", "--storage", "runs"], ["recipe.epochs: 8 -> 9", "--fork NAME"]),
        (["other.toml", "--storage", "runs", "--fork", "a/b"], ['--fork "a/b"', "letters, digits"]),
        (["other.toml", "--storage", "runs", "--fork", "simulated"], ["--fork", "the study itself"]),
        (["other.toml", "--storage", "absent", "--fork", "new"], ["absent/simulated: no study"]),
        (["other.toml", "--storage", "lost"], ["study.db is gone", "archfront repair lost/simulated"]),
    ],
)
def test_a_search_that_can_not_begin_says_what_and_how_to_mend_it(
    folder: Path, arguments: list[str], words: list[str]
) -> None:
    done = searched(folder, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def test_nothing_inside_the_limits_is_exit_code_3(archfront: Archfront) -> None:
    done = archfront("best", "runs/simulated", "--max-params", "100")
    assert done.code == 3
    assert "100" in done.err


def test_a_storage_that_cannot_be_written_is_named_before_anything_runs(folder: Path) -> None:
    (folder / "file").write_text("")
    done = searched(folder, "digits", "--storage", "file")
    assert done.returncode == 4
    assert "file/digits: can't be written" in done.stderr


def test_a_terminal_without_utf_8_gets_a_front_all_the_same(folder: Path) -> None:
    command = [sys.executable, "-m", "orchestrator", "front", "runs/simulated"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "?" in done.stdout


def test_output_that_finds_no_room_is_said_in_two_lines(archfront: Archfront, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "__stdout__", full)
        done = archfront("front", "runs/simulated", "--json")
        with contextlib.suppress(OSError):
            full.close()
    assert done.code == 4
    assert done.err == "error: standard output: No space left on device\n  make room\n"
