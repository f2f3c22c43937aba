"""A whole study while MLflow is away: the real store, the real tracker, the real server behind a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from orchestrator.tracking.tracker import Tracker
from tests.simulation import STUDY, Simulation, config_of
from tests.tracking.faulty_proxy import Fault, FaultyProxy
from tests.tracking.reading import USES_MLFLOW, read

pytestmark = USES_MLFLOW

PATIENCE_S = 120.0


@pytest.fixture
def simulation(tmp_path: Path, directory: Path) -> Iterator[Simulation]:
    overrides = ("budget.trials=4", "recipe.epochs=8", "study.sampler=random")
    simulation = Simulation(directory, config_of(tmp_path, STUDY, *overrides))
    yield simulation
    simulation.store.close()


@pytest.fixture
def tracker(simulation: Simulation, proxy: FaultyProxy, directory: Path) -> Iterator[Tracker]:
    store = simulation.store
    tracker = Tracker(store, uri=proxy.uri, experiment="archfront", study_id=store.study_id, directory=directory)
    yield tracker
    tracker.close()


@pytest.mark.parametrize("away", ["refusing", Fault.HANG, Fault.ERROR, Fault.RESET, Fault.SLOW], ids=str)
def test_a_study_ends_while_mlflow_is_away_and_is_there_once_afterwards(
    simulation: Simulation, tracker: Tracker, proxy: FaultyProxy, server_uri: str, away: Fault | str
) -> None:
    """The study's thread would stand still with MLflow if it ever waited for it: nothing here ends a fault but us."""
    if isinstance(away, Fault):
        proxy.fail_with(away)
    else:
        proxy.refuse()
    tracker.start()
    simulation.run(until=lambda: len(simulation.store.records) == 1)
    sending = Thread(target=tracker.flush, args=(PATIENCE_S,))
    sending.start()  # else the tracker lets the study go first for a minute
    while not (proxy.num_requests or tracker.last_error):
        sending.join(0.05)
    simulation.run()
    records = simulation.store.records
    assert [record.state.is_end for record in records.values()] == [True] * 4
    if away is not Fault.SLOW:
        assert tracker.num_behind > 4 * 2
    proxy.fail_with(Fault.NONE)
    proxy.release()
    if not isinstance(away, Fault):
        proxy.listen()
    assert tracker.flush(PATIENCE_S) == 0
    sending.join()
    assert tracker.last_error == ""
    shown = read(server_uri, simulation.store.study_id)
    assert sorted(shown.trials) == sorted(records)
    for number, record in records.items():
        curve = shown.curve(number)
        assert [step for step, _ in curve] == [report.epoch for report in record.reports]
        assert [value for _, value in curve] == pytest.approx([one.accuracy for one in record.reports], abs=1e-4)
