"""A trial that goes on where another node left it, and a deposed driver's workers that write nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.config.settings import DataSettings
from orchestrator.data.dataset import Dataset
from orchestrator.records import TrialState
from orchestrator.storage import MANIFEST, broken_files, sha256_of
from orchestrator.storage.remote import Remote, open_remote
from orchestrator.store.lease import owner_name, stop_name
from orchestrator.store.messages import Message, MessageKind, read_result
from orchestrator.training.attempt import StopSignal, keep_result, run_attempt
from orchestrator.training.carrier import Carrier
from orchestrator.training.work import StudyWork, TrialWork
from tests.training.trials import RECIPE, TestContext, small_architecture

WORK = TrialWork(trial=3, token="t1", architecture=small_architecture().to_dict())
MODEL = "trials/00003/model"
CHECKPOINTS = "trials/00003/checkpoints"

Enter = Callable[[str], None]


@pytest.fixture
def study(tmp_path: Path) -> StudyWork:
    """Of a driver on a machine that no worker shares."""
    return StudyWork(
        root=tmp_path / "driver",
        seed=0,
        owner_epoch=1,
        data=DataSettings(),
        recipe=RECIPE,
        num_threads=1,
        url=(tmp_path / "shared").as_uri(),
        study_id="abc",
    )


@pytest.fixture
def remote(study: StudyWork) -> Remote:
    return open_remote(study.url)


@pytest.fixture
def enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Enter:
    """Makes this process a worker of the node of that name."""
    return lambda node: monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / node))


def attempted(study: StudyWork, dataset: Dataset, **context: int) -> tuple[TestContext, Message]:
    seen = TestContext(directory=study.directory(WORK), **context)
    message = run_attempt(study, WORK, seen, dataset=dataset)
    assert message is not None
    return seen, keep_result(study, WORK, message)


def test_another_node_goes_on_from_the_last_checkpoint_to_the_same_network(
    study: StudyWork, dataset: Dataset, remote: Remote, enter: Enter
) -> None:
    enter("undisturbed")
    undisturbed = replace(study, url=study.url + "-undisturbed")
    _, expected = attempted(undisturbed, dataset)
    enter("one")
    _, interrupted = attempted(study, dataset, stop_at=6)
    assert interrupted.kind is MessageKind.INTERRUPTED
    enter("two")
    seen, ended = attempted(study, dataset)
    assert seen.steps[0] == 6
    assert ended.result is not None
    assert expected.result is not None
    assert (ended.result.state, ended.result.accuracy) == (TrialState.COMPLETED, expected.result.accuracy)
    manifests = [open_remote(one.url).get(f"{MODEL}/{MANIFEST}") for one in (undisturbed, study)]
    assert manifests[0] == manifests[1] is not None


def test_the_store_has_the_model_and_the_result_and_the_node_forgets_the_trial(
    study: StudyWork, dataset: Dataset, remote: Remote, enter: Enter, tmp_path: Path
) -> None:
    enter("one")
    _, ended = attempted(study, dataset)
    assert not study.directory(WORK).exists()
    assert remote.fetch("trials/00003/result.json", tmp_path / "result.json")
    assert read_result(tmp_path / "result.json", token="t1") == ended.result
    enter("two")
    model = Carrier(study).brought(study.root / MODEL)
    assert model == study.folder / MODEL
    assert broken_files(model) == ()
    assert not study.root.exists()


def test_the_last_two_checkpoints_are_kept(study: StudyWork, dataset: Dataset, remote: Remote, enter: Enter) -> None:
    enter("one")
    attempted(study, dataset)
    steps = sorted({name.split("/")[3] for name in remote.names(CHECKPOINTS)})
    assert steps == ["000008", "000012"]


@pytest.mark.parametrize("damage", ["a file is gone", "a file was changed", "no manifest", "a manifest of nonsense"])
def test_a_checkpoint_that_is_not_whole_is_passed_over(
    study: StudyWork, dataset: Dataset, remote: Remote, enter: Enter, damage: str
) -> None:
    enter("one")
    attempted(study, dataset, stop_at=6)
    newest = f"{CHECKPOINTS}/000006"
    match damage:
        case "a file is gone":
            remote.delete([f"{newest}/tensors.safetensors"])
        case "a file was changed":
            remote.put(f"{newest}/tensors.safetensors", b"x")
        case "no manifest":
            remote.delete([f"{newest}/{MANIFEST}"])
        case _:
            remote.put(f"{newest}/{MANIFEST}", b'{"sha256": {"../../../outside": ""}}')
    enter("two")
    seen, ended = attempted(study, dataset)
    assert seen.steps[0] == 4
    assert ended.result is not None
    assert ended.result.state is TrialState.COMPLETED


def test_the_workers_of_a_deposed_driver_make_nothing_whole(
    study: StudyWork, dataset: Dataset, remote: Remote, enter: Enter
) -> None:
    enter("one")
    remote.put(owner_name(2), b"a successor")
    _, message = attempted(study, dataset)
    assert message.kind is MessageKind.INTERRUPTED
    assert "another driver has taken this study over" in message.detail
    assert [name for name in remote.names("trials") if name.endswith((MANIFEST, "result.json"))] == []


@pytest.mark.parametrize("name", [owner_name(2), stop_name(1)])
def test_workers_hear_of_a_successor_and_of_a_request_to_stop(study: StudyWork, remote: Remote, name: str) -> None:
    remote.put(owner_name(1), b"their driver")
    assert not StopSignal(study).check()
    remote.put(name, b"")
    assert StopSignal(study).check()


def test_a_storage_that_is_away_for_a_moment_stops_nobody(study: StudyWork, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ALLOW_HTTP": "true"}.items():
        monkeypatch.setenv(variable, value)
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(variable, "any")
    assert not StopSignal(replace(study, url="s3://bucket/study")).check()


def test_a_folder_that_is_here_is_not_fetched_again(
    study: StudyWork, dataset: Dataset, remote: Remote, enter: Enter
) -> None:
    enter("one")
    attempted(study, dataset)
    model = Carrier(study).brought(study.root / MODEL)
    before = {path: (path.stat().st_mtime_ns, sha256_of(path)) for path in model.iterdir()}
    Carrier(study).brought(study.root / MODEL)
    assert {path: (path.stat().st_mtime_ns, sha256_of(path)) for path in model.iterdir()} == before


def test_a_study_in_a_folder_that_all_see_is_left_alone(study: StudyWork, dataset: Dataset) -> None:
    local = replace(study, url="")
    _, ended = attempted(local, dataset)
    assert ended.result is not None
    assert local.directory(WORK) == local.root / "trials" / "00003"
    assert broken_files(Carrier(local).brought(local.root / MODEL)) == ()
