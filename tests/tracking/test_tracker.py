"""The thread and the process behind it, with the real MLflow on SQLite."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from orchestrator.tracking.client import Client
from orchestrator.tracking.sender import apply_entries
from orchestrator.tracking.tracker import Tracker
from tests.tracking.reading import USES_MLFLOW, assert_whole_study, read
from tests.tracking.studies import DyingOutbox, ListOutbox, study_started, trial_ended, whole_study, whole_trial

pytestmark = USES_MLFLOW

PATIENCE_S = 120.0


@pytest.fixture
def track(database_uri: str, directory: Path) -> Iterator[Callable[[ListOutbox], Tracker]]:
    """Starts trackers as successive drivers would."""
    trackers = []

    def start(source: ListOutbox) -> Tracker:
        tracker = Tracker(source, uri=database_uri, experiment="archfront", study_id="s1", directory=directory)
        tracker.start()
        trackers.append(tracker)
        return tracker

    yield start
    for tracker in trackers:
        tracker.close()


def test_a_study_arrives_in_order_and_once_though_its_drivers_die_before_acknowledging(
    track: Callable[[ListOutbox], Tracker], database_uri: str, directory: Path
) -> None:
    first = Client(uri=database_uri, experiment="archfront", study_id="s1", directory=directory)
    first.apply(whole_study()[:9])  # sent, and never acknowledged
    outbox = DyingOutbox(whole_study(), deaths=2)
    tracker = track(outbox)
    assert tracker.flush(PATIENCE_S) == tracker.num_behind == 0
    assert tracker.last_error == ""
    assert outbox.acknowledged == sorted(outbox.acknowledged)
    assert_whole_study(database_uri, "s1")


def test_a_sender_survives_an_interrupt_from_the_terminal_and_is_started_again_when_it_is_killed(
    track: Callable[[ListOutbox], Tracker], database_uri: str
) -> None:
    outbox = ListOutbox(whole_study()[:3])
    tracker = track(outbox)
    assert tracker.flush(PATIENCE_S) == 0
    (sender,) = _senders()
    sender.send_signal(signal.SIGINT)
    outbox.add(whole_study()[3:9])
    assert tracker.flush(PATIENCE_S) == 0
    assert _senders() == [sender]
    sender.kill()
    outbox.add(whole_study()[9:])
    assert tracker.flush(PATIENCE_S) == 0
    assert_whole_study(database_uri, "s1")


def test_closing_ends_the_process_and_keeps_what_was_not_sent(track: Callable[[ListOutbox], Tracker]) -> None:
    outbox = ListOutbox(whole_study())
    tracker = track(outbox)
    tracker.close()
    assert _senders() == []
    assert tracker.num_behind == len(whole_study())
    assert tracker.flush(PATIENCE_S) == len(whole_study())


def test_an_event_of_a_newer_version_is_refused_and_holds_nothing_up(database_uri: str, directory: Path) -> None:
    client = Client(uri=database_uri, experiment="archfront", study_id="s1", directory=directory)
    entries = [(event.kind, event.to_payload()) for event in (study_started(), *whole_trial(0))]
    odd = {**trial_ended(0).to_payload(), "metrics": {"accuracy": "high"}}
    refusals = apply_entries(client, [("trial_cloned", {}), *entries, ("trial_ended", odd)])
    assert refusals == ["unknown event 'trial_cloned'", "must be real number, not str"]
    assert len(read(database_uri, "s1").curve(0)) == 3


def test_nothing_is_started_for_an_empty_outbox(track: Callable[[ListOutbox], Tracker]) -> None:
    tracker = track(ListOutbox())
    assert tracker.flush(PATIENCE_S) == 0
    assert _senders() == []


def test_the_sender_ends_with_its_driver_even_while_it_is_busy() -> None:
    code = """
from pathlib import Path
from orchestrator.tracking.process import SenderProcess
sender = SenderProcess({"uri": "http://127.0.0.1:1", "experiment": "e", "study_id": "s", "directory": "."})
print(sender._running().pid, flush=True)
sender._ask([])
"""
    driver = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    sender = psutil.Process(int(driver.stdout.readline()))
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    driver.stdout.close()
    sender.wait(PATIENCE_S)


def test_the_driver_never_imports_mlflow() -> None:
    code = "import orchestrator.tracking.tracker, orchestrator.tracking.sender, sys; print('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def _senders() -> Sequence[psutil.Process]:
    return [child for child in psutil.Process().children() if "orchestrator.tracking.sender" in child.cmdline()]
