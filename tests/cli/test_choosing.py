"""``best``, ``compare``, ``status`` and ``init`` as a person and as a program see them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from orchestrator.objectives import format_quantity
from tests.cli.conftest import Archfront
from tests.simulation import STUDY, Simulation, config_of
from tests.test_further_objectives import ALL, GOALS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("choosing")
    for name, sampler in (("one", "random"), ("other", "tpe")):
        overrides = ("budget.trials=14", f'study.sampler="{sampler}"', f'study.name="{name}"')
        simulation = Simulation(folder / "runs" / name, config_of(folder, STUDY, *overrides))
        simulation.run()
        simulation.store.close()
    goals = config_of(folder, STUDY + GOALS, "budget.trials=6", 'study.sampler="random"')
    simulation = Simulation(folder / "runs" / "goals", goals, predictions=ALL)
    simulation.run()
    simulation.store.close()
    return folder


def test_best_explains_itself_in_words_and_as_json(archfront: Archfront) -> None:
    arguments = ("best", "runs/one", "--max-params", "100k", "--policy", "knee", "--explain")
    told, fields = archfront(*arguments), archfront(*arguments, "--json").fields
    assert told.code == 0, told.err
    number = fields["best"]["trial"]
    assert f"in place of trial {number}, others of the front would give" in told.words
    assert f"archfront export runs/one --trial {number} --to FOLDER" in told.words
    for one in fields["exchanges"]:
        assert " ".join(f"trial {one['trial']} {one['text']}".split()) in told.words
    for one in fields["dominated"]:
        assert f"trial {one['trial']} dominated by trial {one['by']}:" in told.words


def test_without_being_asked_best_explains_nothing(archfront: Archfront) -> None:
    assert "in place of" not in archfront("best", "runs/one").out
    assert "exchanges" not in archfront("best", "runs/one", "--json").fields


def test_a_limit_that_nothing_meets_ends_with_3_and_the_nearest_miss(archfront: Archfront) -> None:
    done = archfront("best", "runs/one", "--max-latency", "1 us", "--explain")
    assert (done.code, done.out) == (3, "")
    assert "is nearest: latency_ms" in done.err
    assert "relax that limit" in done.err


def test_every_figure_that_a_study_knows_can_be_limited_and_is_shown(archfront: Archfront) -> None:
    limits = ("--max-file", "150 kB", "--max-memory", "1 GB", "--min-throughput", "900 /s", "--max-macs", "1G")
    done = archfront("best", "runs/goals", *limits)
    assert done.code == 0, done.err
    for words in ("file", "memory", "throughput", "MACs", "throughput_per_s at least 900 /s"):
        assert words in done.words
    best = archfront("best", "runs/goals", *limits, "--json").fields["best"]
    for name in ("file_bytes", "peak_memory_bytes"):
        assert format_quantity(name, best[name]) in done.words
    assert f"~{format_quantity('throughput_per_s', best['throughput_per_s'])}" in done.words
    assert "throughput" not in archfront("front", "runs/one").out
    done = archfront("best", "runs/goals", "--min-throughput", "900")
    assert done.code == 2
    assert '--min-throughput "900": give a unit' in done.err


def test_compare_shows_both_studies_and_what_may_not_be_compared_as_a_warning(archfront: Archfront) -> None:
    done, fields = (
        archfront("compare", "runs/one", "runs/other"),
        archfront("compare", "runs/one", "runs/other", "--json"),
    )
    assert done.code == fields.code == 0, done.err
    assert "latency is compared as predicted" in done.err
    assert [one["directory"] for one in fields.fields["studies"]] == ["runs/one", "runs/other"]
    for one in fields.fields["studies"]:
        assert f"{one['hypervolume']:.4f}" in done.out
    assert archfront("compare", "runs/one").code == 2


def test_status_of_a_study_that_does_not_run_says_what_goes_on_with_it(archfront: Archfront) -> None:
    done = archfront("status", "runs/one")
    assert done.code == 0, done.err
    assert "one: not running; last event" in done.words
    assert "go on archfront search one --storage runs" in done.words
    fields = archfront("status", "runs/one", "--json").fields
    assert fields["holder"] == "nobody"
    assert sum(fields["states"].values()) == 14
    assert archfront("status", "runs/absent").code == 2


def test_a_trial_that_no_driver_holds_is_interrupted_and_not_running(archfront: Archfront, tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "runs" / "held", config_of(tmp_path, STUDY, 'study.name="held"'))
    assert simulation.proposals.next() is not None
    held = archfront("status", str(tmp_path / "runs" / "held"))
    simulation.store.close()
    left = archfront("status", str(tmp_path / "runs" / "held"))
    assert "(1 running)" in held.words
    assert "(1 interrupted)" in left.words


def test_init_writes_a_study_file_that_its_schema_accepts(
    archfront: Archfront, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert archfront("init", "mine.toml").code == 0
    text = Path("mine.toml").read_text()
    schema = text.splitlines()[0].removeprefix("#:schema ")
    jsonschema.validate(tomllib.loads(text), json.loads(Path(schema).read_text()))
    assert archfront("validate", "mine.toml").code == 0
    again = archfront("init", "mine.toml")
    assert again.code == 2
    assert "mine.toml: exists" in again.err
    assert archfront("init", "absent/mine.toml").code == 2
