"""``archfront why``: plain words, JSON, clear errors, and no framework."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_light import FRAMEWORKS
from tests.simulation import STUDY, Simulation, config_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("why")
    overrides = ["budget.trials=8", 'study.sampler="random"', 'constraints.num_parameters="<= 40k"']
    simulation = Simulation(folder / "runs" / "simulated", config_of(folder, STUDY, *overrides))
    simulation.run()
    simulation.store.close()
    return folder


def why(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = (
        f"import sys; sys.argv = ['archfront', 'why', *{list(arguments)!r}]\n"
        "from orchestrator.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    code = done.code\n"
        f"found = sorted(set(sys.modules) & set({FRAMEWORKS!r}))\n"
        "assert not found, found\n"
        "sys.exit(code)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_answers_in_words_and_without_a_framework(folder: Path) -> None:
    done = why(folder, "runs/simulated", "0")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert text.startswith("Trial 0 is a ")
    assert "came from the sampler random, which gives no reasons" in text


@pytest.mark.parametrize("trial", ["3", "ask:0"])
def test_json_holds_the_same_facts(folder: Path, trial: str) -> None:
    done = why(folder, "runs/simulated", trial, "--json")
    assert done.returncode == 0, done.stderr
    fields = json.loads(done.stdout)
    assert fields["sampler"] == "random"
    assert fields["paragraph"].endswith(".")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runs/simulated", "99"], "TRIAL 99: runs/simulated has trials 0 to 7"),
        (["runs/simulated", "ask:9999"], "runs/simulated has suggestions 0 to "),
        (["runs/simulated", "first"], 'TRIAL "first": must be a number such as 17, or a suggestion such as ask:17'),
        (["runs/simulated", "ask:"], 'TRIAL "ask:": must be a number'),
        (["runs/absent", "0"], "runs/absent: no study"),
    ],
)
def test_what_is_not_there_is_bad_input(folder: Path, arguments: list[str], words: str) -> None:
    done = why(folder, *arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
