"""A study of real trainings in an object store, without Ray: its machine is lost, and another one goes on with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.data.dataset import Dataset
from orchestrator.records import TrialRecord, TrialState
from orchestrator.storage import MANIFEST, broken_files
from orchestrator.storage.remote import open_remote
from orchestrator.store.messages import Message
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import read_snapshot
from orchestrator.store.remote_study import fetched, open_directory
from orchestrator.study.outcome import PUBLISHED, publish
from orchestrator.study.preparation import open_study
from orchestrator.training.attempt import keep_result, run_attempt
from orchestrator.training.work import StudyWork, TrialWork
from orchestrator.trial import InlineContext
from tests.s3_server import S3Server, s3_server
from tests.simulation import Simulation, config_of
from tests.training.trials import small_dataset

STUDY = """
[study]
name = "tiny"
scheduler = "none"
[space.resnet]
depths = [[1, 1]]
base_width = [4, 8, 12, 16]
[recipe]
epochs = 3
batch_size = 30
decay_share = 0.34
[budget]
trials = 4
"""


class MachineLost(BaseException):
    """Driver and workers are gone, with all their disks."""


@dataclass
class Machine:
    """A driver and its worker, whose disks nobody else sees."""

    simulation: Simulation
    work: StudyWork

    @classmethod
    def started(cls, folder: Path, url: str) -> Machine:
        folder.mkdir()
        config = config_of(folder, STUDY)
        store = open_study(folder / "study", config, url=url, takeover=True)
        work = StudyWork(
            root=store.paths.root,
            seed=config.study.seed,
            owner_epoch=store.owner_epoch,
            data=config.data,
            recipe=config.recipe,
            num_threads=1,
            url=url,
            study_id=store.study_id,
        )
        return cls(Simulation(folder, config, store=store), work)

    def search(self, dataset: Dataset, *, before: Callable[[Message], None] = lambda _message: None) -> None:
        """All trials, one after the other; ``before`` a message reaches the driver."""

        def tell(message: Message) -> None:
            before(message)
            if not self.simulation.referee.receive(message) and message.result is None:
                raise SystemExit

        while (attempt := self.simulation.proposals.next()) is not None:
            form = self.simulation.proposals.form(attempt)
            work = TrialWork(trial=attempt.trial, token=attempt.token, architecture=form)
            message = run_attempt(self.work, work, InlineContext(self.work, work, tell=tell), dataset=dataset)
            if message is not None:
                tell(keep_result(self.work, work, message))


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def url(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server.url("runs/tiny")


@pytest.mark.integration
def test_another_machine_goes_on_where_a_lost_one_was(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = small_dataset()

    def lose(message: Message) -> None:
        if message.trial == 2 and message.report is not None and message.report.epoch == 2:
            time.sleep(1)  # a report may be half a second behind in the object store
            raise MachineLost

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "one" / "data"))
    one = Machine.started(tmp_path / "one", url)
    with pytest.raises(MachineLost):
        one.search(dataset, before=lose)
    one.simulation.store._home.stop()
    before = dict(one.simulation.store.records)

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "two" / "data"))
    two = Machine.started(tmp_path / "two", url)
    assert two.simulation.store.lost_trials() == [2]
    two.search(dataset)
    publish(two.simulation.store)
    two.simulation.store.close()

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "reader"))
    directory = open_directory(url)
    after = read_snapshot(directory).records
    assert [(record.number, record.state) for record in after] == [(n, TrialState.COMPLETED) for n in range(4)]
    assert [record.num_attempts for record in after] == [1, 1, 2, 1]
    assert [after[number] for number in (0, 1)] == [before[number] for number in (0, 1)]
    assert _told(after[2])[:1] == _told(before[2])  # the first epoch was acknowledged, and was not trained again
    assert [report.epoch for report in after[2].reports] == [1, 2, 3]
    names = open_remote(url).names("")
    assert set(PUBLISHED) <= set(names)
    assert {f"trials/{number:05d}/model/{MANIFEST}" for number in range(4)} <= set(names)
    assert [name for name in names if "/checkpoints/" in name] == []
    assert broken_files(fetched(StudyPaths(directory).trial(2).model, directory)) == ()


def _told(record: TrialRecord) -> list[tuple[int, float, float]]:
    return [(report.epoch, report.accuracy, report.loss) for report in record.reports]
