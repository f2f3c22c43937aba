"""A tiny network is trained, scored and exported by one process and by two, without Ray."""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from orchestrator.errors import ArchfrontError, BadInputError, InterruptedStudyError
from orchestrator.export.checksums import write_sums
from orchestrator.export.loading import load_model
from orchestrator.export.verify import Outcome, verify_folder
from orchestrator.fit import processes, run
from orchestrator.fit.config import FitConfig, SplitName
from orchestrator.fit.folder import work_folder
from orchestrator.fit.run import Fitted, Listener
from orchestrator.fit.scoring import score_folder
from orchestrator.fit.stop import StopPoint
from orchestrator.records import EpochReport
from tests.fit.requests import config_of, write_tiny

pytestmark = pytest.mark.integration

fit = functools.partial(run.fit, verify=verify_folder)  # tests/export has other processes verify


class Heard(Listener):
    """Keeps what it hears, and may do something about it."""

    def __init__(self, then: Callable[[EpochReport], None] = lambda _report: None) -> None:
        self.epochs: list[int] = []
        self.went_on_after: list[int] = []
        self._then = then

    def goes_on(self, last: EpochReport) -> None:
        self.went_on_after.append(last.epoch)

    def epoch_ended(self, report: EpochReport) -> None:
        self.epochs.append(report.epoch)
        self._then(report)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fit")


@pytest.fixture(scope="module")
def config(folder: Path) -> FitConfig:
    return config_of(write_tiny(folder), epochs=2)


@pytest.fixture(scope="module")
def fitted(folder: Path, config: FitConfig) -> Fitted:
    """Trained by one process, to the folder ``alone``."""
    heard = Heard()
    found = fit(config, folder / "alone", heard)
    assert (heard.epochs, heard.went_on_after) == ([1, 2], [])
    return found


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> list[StopPoint]:
    """The stop points of the trainings that begin, as signals would set them."""
    made: list[StopPoint] = []
    monkeypatch.setattr(
        "orchestrator.fit.run.new_stop_point", lambda: made.append(processes.new_stop_point()) or made[-1]
    )
    return made


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_it_learns_and_leaves_a_folder_that_loads(folder: Path, config: FitConfig, fitted: Fitted) -> None:
    assert fitted.test.accuracy > 0.5
    assert {check.outcome for check in verify_folder(folder / "alone")} == {Outcome.HOLDS}
    assert load_model(folder / "alone")(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert not work_folder(folder / "alone").exists()


def test_evaluate_gives_the_score_that_training_gave(folder: Path, fitted: Fitted) -> None:
    scored = score_folder(folder / "alone")
    assert scored.score == fitted.test
    assert scored.is_as_trained
    assert score_folder(folder / "alone", "digits", split=SplitName.VALIDATION).score.accuracy == fitted.accuracy


def test_the_folder_says_how_it_was_trained(folder: Path, config: FitConfig, fitted: Fitted) -> None:
    stored = json.loads((folder / "alone" / "training.json").read_text())
    assert {name: stored[name] for name in config.frozen()} == config.frozen()
    assert [epoch["epoch"] for epoch in stored["result"]["epochs"]] == [1, 2]
    card = (folder / "alone" / "README.md").read_text()
    assert f"| test accuracy | {fitted.test.accuracy:.4f} (95 % interval" in card
    assert "| learning_rate | 0.1 |" in card


def test_the_same_call_again_trains_nothing(folder: Path, config: FitConfig, fitted: Fitted) -> None:
    heard = Heard()
    again = fit(config, folder / "alone", heard)
    assert (again.exported, again.test, heard.epochs) == (None, fitted.test, [])


def test_other_settings_are_refused_and_leave_the_folder_as_it_is(
    folder: Path, config: FitConfig, fitted: Fitted
) -> None:
    with pytest.raises(BadInputError, match="seed: 0 -> 1"):
        fit(dataclasses.replace(config, seed=1), folder / "alone", Heard())
    assert {check.outcome for check in verify_folder(folder / "alone")} == {Outcome.HOLDS}


def test_a_training_that_was_stopped_goes_on_to_the_same_weights(
    folder: Path, config: FitConfig, fitted: Fitted, stops: list[StopPoint]
) -> None:
    to = folder / "resumed"
    with pytest.raises(InterruptedStudyError):
        fit(config, to, Heard(lambda _report: stops[-1].request()))
    assert not to.exists()
    heard = Heard()
    assert fit(config, to, heard).test == fitted.test
    assert (heard.went_on_after, heard.epochs) == ([1], [2])
    assert_equal(weights(to), weights(folder / "alone"))


def test_two_processes_train_one_network_stop_together_and_go_on(
    folder: Path, config: FitConfig, fitted: Fitted, stops: list[StopPoint]
) -> None:
    two, to = dataclasses.replace(config, num_workers=2), folder / "together"
    with pytest.raises(InterruptedStudyError):
        fit(two, to, Heard(lambda _report: stops[-1].request()))
    found = fit(two, to, Heard())
    assert found.test.accuracy == pytest.approx(fitted.test.accuracy, abs=0.1)
    assert score_folder(to).score == found.test


def test_a_training_that_diverges_fails_with_a_way_out(folder: Path, config: FitConfig) -> None:
    recipe = dataclasses.replace(config.recipe, learning_rate=1e20, warmup_epochs=0)
    with pytest.raises(ArchfrontError, match="at step") as caught:
        fit(dataclasses.replace(config, recipe=recipe), folder / "diverged", Heard())
    assert caught.value.exit_code == 1
    assert "recipe.learning_rate" in caught.value.hint


def test_frozen_features_stay_those_of_the_weights_that_were_given(
    folder: Path, config: FitConfig, fitted: Fitted
) -> None:
    begun = weights(folder / "alone")
    save_file(begun, folder / "begun.safetensors")
    frozen = dataclasses.replace(config, weights=str(folder / "begun.safetensors"), freeze=True)
    fit(frozen, folder / "frozen", Heard())
    after = weights(folder / "frozen")
    changed = {name for name in begun if not torch.equal(begun[name], after[name])}
    assert changed == {"fc.weight", "fc.bias"}


def test_data_that_changed_in_between_are_refused(folder: Path, config: FitConfig, stops: list[StopPoint]) -> None:
    with pytest.raises(InterruptedStudyError):
        fit(config, folder / "moved", Heard(lambda _report: stops[-1].request()))
    (work_folder(folder / "moved") / "fingerprint.json").write_text('"of other images"')
    with pytest.raises(BadInputError, match="not those that this training began with"):
        fit(config, folder / "moved", Heard())


def test_images_of_another_shape_are_refused(folder: Path, fitted: Fitted) -> None:
    with pytest.raises(BadInputError, match="reads images of 1 x 8 x 8, and these are 3 x 8 x 8"):
        score_folder(folder / "alone", "synthetic")


def test_another_split_of_the_data_is_told_from_that_of_its_training(folder: Path, fitted: Fitted) -> None:
    shutil.copytree(folder / "alone", folder / "other")
    training = json.loads((folder / "other" / "training.json").read_text())
    (folder / "other" / "training.json").write_text(json.dumps({**training, "seed": 5}))
    write_sums(folder / "other")
    assert not score_folder(folder / "other").is_as_trained


def test_classes_of_other_names_are_refused(folder: Path, fitted: Fitted) -> None:
    shutil.copytree(folder / "alone", folder / "letters")
    preprocessing = json.loads((folder / "letters" / "preprocessing.json").read_text())
    preprocessing["class_names"][3] = "three"
    (folder / "letters" / "preprocessing.json").write_text(json.dumps(preprocessing))
    write_sums(folder / "letters")
    with pytest.raises(BadInputError, match='its class 3 is "three", and that of these data "3"'):
        score_folder(folder / "letters")
