"""The real MLflow server, behind a proxy that does what networks do."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from orchestrator.store.events import Event
from orchestrator.store.paths import StudyPaths
from orchestrator.tracking.client import Client
from orchestrator.tracking.failures import explain
from orchestrator.tracking.tracker import Tracker
from orchestrator.tracking.views import links
from tests.tracking.conftest import free_port
from tests.tracking.faulty_proxy import Fault, FaultyProxy
from tests.tracking.networks import published, trained
from tests.tracking.reading import USES_MLFLOW, assert_whole_study, read
from tests.tracking.studies import ListOutbox, artifact, study_ended, study_started, whole_study, whole_trial

pytestmark = USES_MLFLOW

PATIENCE_S = 120.0


@pytest.fixture(autouse=True)
def _no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")


@pytest.fixture
def study_id(request: pytest.FixtureRequest) -> str:
    name: str = request.node.name
    return name


@pytest.fixture
def connect(proxy: FaultyProxy, directory: Path, study_id: str) -> Callable[[], Client]:
    return lambda: Client(uri=proxy.uri, experiment="archfront", study_id=study_id, directory=directory)


@pytest.fixture
def track(directory: Path, study_id: str) -> Iterator[Callable[[ListOutbox, str], Tracker]]:
    trackers = []

    def start(source: ListOutbox, uri: str) -> Tracker:
        tracker = Tracker(source, uri=uri, experiment="archfront", study_id=study_id, directory=directory)
        tracker.start()
        trackers.append(tracker)
        return tracker

    yield start
    for tracker in trackers:
        tracker.close()


def test_a_study_and_its_artifacts_arrive_through_a_server(
    connect: Callable[[], Client], server_uri: str, study_id: str, directory: Path
) -> None:
    (directory / "report.html").write_text("<p>front</p>")
    assert connect().apply([*whole_study(), artifact("report.html", "report")]) == []
    assert_whole_study(server_uri, study_id)
    shown = read(server_uri, study_id)
    files = shown.client.list_artifacts(shown.study.info.run_id, "report")
    assert [file.path for file in files] == ["report/report.html"]


def test_models_arrive_through_a_server_that_asks_for_a_token(
    connect: Callable[[], Client],
    proxy: FaultyProxy,
    study_id: str,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained(StudyPaths(directory).trial(1).model)
    proxy.token = "t0ken-word"
    with pytest.raises(MlflowException, match="401"):
        connect().apply(published(1))
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", proxy.token)
    assert connect().apply(published(1)) == []
    client = MlflowClient(proxy.uri)
    experiment = client.get_experiment_by_name("archfront")
    assert experiment is not None
    (model,) = client.search_logged_models([experiment.experiment_id], f"tags.`archfront.study_id` = '{study_id}'")
    files = client.list_logged_model_artifacts(model.model_id, "data/network")
    assert {Path(file.path).name for file in files} == {
        "architecture.json",
        "dataset.json",
        "model.safetensors",
        "search_spaces.zip",
    }
    assert [link.url.partition("#")[0] for link in links(directory)] == [f"{proxy.uri}/"] * 2


@pytest.mark.parametrize("path", ["runs/create", "runs/log-batch", "runs/update"])
def test_a_lost_answer_makes_nothing_twice(
    connect: Callable[[], Client], proxy: FaultyProxy, server_uri: str, study_id: str, path: str
) -> None:
    asked: list[str] = []

    def lose_every_second(_method: str, requested: str) -> Fault:
        if not requested.endswith(path):
            return Fault.NONE
        asked.append(requested)
        return Fault.RESET if len(asked) % 2 else Fault.NONE

    proxy.choose = lose_every_second
    _insist(connect(), whole_study())
    assert len(asked) > 1
    assert_whole_study(server_uri, study_id)


@pytest.mark.usefixtures("short_patience")
def test_a_run_that_a_slow_server_makes_after_all_is_taken_away_at_the_end(
    connect: Callable[[], Client], proxy: FaultyProxy, server_uri: str, study_id: str
) -> None:
    is_slow = True

    def be_late_once(_method: str, path: str) -> Fault:
        nonlocal is_slow
        if is_slow and path.endswith("runs/create"):
            is_slow = False
            return Fault.LATE
        return Fault.NONE

    proxy.choose = be_late_once
    client = connect()
    _insist(client, [study_started(), *whole_trial(0)])
    proxy.release()
    while len(_parents(server_uri, study_id)) < 2:
        time.sleep(0.05)
    _insist(client, [study_ended()])
    shown = read(server_uri, study_id)
    assert (shown.study.info.status, list(shown.trials)) == ("FINISHED", [0])
    assert shown.trials[0].data.tags["mlflow.parentRunId"] == shown.study.info.run_id


@pytest.mark.parametrize("seed", range(3))
def test_a_study_survives_any_faults(
    connect: Callable[[], Client], proxy: FaultyProxy, server_uri: str, study_id: str, seed: int
) -> None:
    rng = random.Random(seed)
    faults = [Fault.NONE] * 6 + [Fault.ERROR, Fault.RESET]
    proxy.choose = lambda _method, _path: rng.choice(faults)
    client, events = connect(), whole_study()
    for start in range(0, len(events), 4):
        _insist(client, events[start : start + 4])
    assert_whole_study(server_uri, study_id)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.HANG, "does not answer in time"),
        (Fault.ERROR, "answers with error 500"),
        (Fault.RESET, "breaks connections off"),
        (Fault.UNAUTHORIZED, "refuses the credentials: set MLFLOW_TRACKING_USERNAME"),
    ],
)
@pytest.mark.usefixtures("short_patience")
def test_a_person_is_told_what_is_wrong(proxy: FaultyProxy, directory: Path, fault: Fault, words: str) -> None:
    proxy.fail_with(fault)
    uri = proxy.uri.replace("://", "://ada:s3cr3t-word@")
    client = Client(uri=uri, experiment="archfront", study_id="s", directory=directory)
    with pytest.raises(Exception, match=r".") as caught:
        client.apply(whole_study())
    sentence = explain(caught.value, uri)
    assert words in sentence
    assert proxy.uri in sentence
    assert "s3cr3t" not in sentence
    assert "\n" not in sentence


def test_a_host_that_does_not_exist_and_a_port_that_is_closed_are_told_apart(directory: Path) -> None:
    said = []
    for uri in ("http://no-such-host.invalid:5000", f"http://127.0.0.1:{free_port()}"):
        client = Client(uri=uri, experiment="archfront", study_id="s", directory=directory)
        with pytest.raises(Exception, match=r".") as caught:
            client.apply(whole_study())
        said.append(explain(caught.value, uri))
    assert "no such host" in said[0]
    assert "refuses connections: is the server running?" in said[1]


def test_what_happens_while_the_server_is_away_arrives_later_and_a_hanging_server_holds_nothing_up(
    track: Callable[[ListOutbox, str], Tracker],
    proxy: FaultyProxy,
    server_uri: str,
    study_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "100000")
    proxy.refuse()
    outbox = ListOutbox(whole_study()[:9])
    tracker = track(outbox, proxy.uri)
    while not tracker.last_error:
        tracker.flush(1)
    outbox.add(whole_study()[9:])
    assert "refuses connections" in tracker.last_error
    assert tracker.num_behind == len(whole_study())
    proxy.listen()
    assert tracker.flush(PATIENCE_S) == 0
    assert tracker.last_error == ""
    assert_whole_study(server_uri, study_id)
    proxy.fail_with(Fault.HANG)
    outbox.add(whole_trial(3))
    num_requests = proxy.num_requests
    while proxy.num_requests == num_requests:
        assert tracker.flush(0.1) == len(whole_trial(3))
    tracker.close()
    assert tracker.num_behind == len(whole_trial(3))


def _insist(client: Client, events: Sequence[Event]) -> None:
    """Sends until it arrives, as the tracker does."""
    for _ in range(100):
        try:
            client.apply(events)
        except Exception:  # noqa: BLE001 - any failure is sent again
            continue
        return
    pytest.fail("100 tries are not enough")


def _parents(uri: str, study_id: str) -> list[str]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("archfront")
    assert experiment is not None
    condition = f"tags.`archfront.study_id` = '{study_id}' and tags.kind = 'study'"
    return [run.info.run_id for run in client.search_runs([experiment.experiment_id], condition)]
