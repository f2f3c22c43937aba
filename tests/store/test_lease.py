"""Several drivers and one study: one holds it, the others are told who."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from orchestrator.errors import StudyError
from orchestrator.storage.shared_folder import SharedFolder
from orchestrator.store.database import Database
from orchestrator.store.founding import become_owner
from orchestrator.store.lease import Owner, claim, highest_owner_epoch, owner_name, started_at
from orchestrator.store.opening import create, take
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import LoggedEvent, read_log
from orchestrator.store.schema import SCHEMA_VERSION
from tests.store.contenders import FROZEN, Contender


@pytest.fixture(scope="module")
def contenders() -> Iterator[tuple[Contender, Contender]]:
    with Contender() as one, Contender() as other:
        yield one, other


def raced(contenders: tuple[Contender, Contender], order: str, root: Path, **options: bool) -> list[str]:
    """Tells both at once, and awaits both."""
    for contender in contenders:
        contender.tell(order, root, **options)
    return [contender.answer() for contender in contenders]


def close(contender: Contender, root: Path) -> None:
    contender.tell("close", root)
    assert contender.answer() == ""


def new_study(root: Path) -> Path:
    create(root, name="raced", frozen=FROZEN, frozen_hash="same")
    return root


def test_of_two_drivers_one_wins_each_of_100_races_and_the_other_is_told_who(
    contenders: tuple[Contender, Contender], tmp_path: Path
) -> None:
    wins = {contender.pid: 0 for contender in contenders}
    existing = new_study(tmp_path / "existing")
    for number in range(100):
        # Every other race is for a study that neither has made yet.
        root, order = (existing, "take") if number % 2 else (tmp_path / f"new-{number}", "make")
        errors = raced(contenders, order, root)
        assert sorted(error == "" for error in errors) == [False, True], errors
        winner, loser = (contenders, contenders[::-1])[errors[0] != ""]
        message = max(errors)
        assert f"run by pid {winner.pid} on host {socket.gethostname()} since " in message
        assert re.search(r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", message)
        assert loser.pid != winner.pid
        wins[winner.pid] += 1
        close(winner, root)
    assert sum(wins.values()) == 100
    assert highest_owner_epoch(SharedFolder(existing)) == 50


def test_of_two_drivers_that_take_over_at_once_one_writes_and_the_other_never(
    contenders: tuple[Contender, Contender], tmp_path: Path
) -> None:
    root = new_study(tmp_path / "study")
    for _ in range(20):
        errors = raced(contenders, "take", root, takeover=True)
        holders = [contender for contender, error in zip(contenders, errors, strict=True) if not error]
        assert holders
        written = []
        for contender in holders:
            contender.tell("write", root)
            written.append(contender.answer() == "")
        assert sum(written) == 1
        newest = json.loads((root / owner_name(highest_owner_epoch(SharedFolder(root)))).read_text())
        assert newest["pid"] == holders[written.index(True)].pid  # so its workers go on, and all others stop
    assert len(events(root, "written")) == 20


def test_a_deposed_driver_is_told_so_and_leaves_no_trace(
    contenders: tuple[Contender, Contender], tmp_path: Path
) -> None:
    root = new_study(tmp_path / "study")
    deposed, successor = contenders
    deposed.tell("take", root)
    assert deposed.answer() == ""
    successor.tell("take", root, takeover=True)
    assert successor.answer() == ""
    before = {path: path.read_bytes() for path in root.rglob("*.json")}
    deposed.tell("write", root)
    assert "another driver has taken this study over" in deposed.answer()
    close(deposed, root)
    assert {path: path.read_bytes() for path in root.rglob("*.json")} == before
    successor.tell("write", root)
    assert successor.answer() == ""
    assert [event.detail["pid"] for event in events(root, "written")] == [successor.pid]
    close(successor, root)


def test_who_has_claimed_a_study_holds_it_before_its_database_says_so(
    contenders: tuple[Contender, Contender], tmp_path: Path
) -> None:
    root = new_study(tmp_path / "study")
    contender, _ = contenders
    contender.tell("take", root)
    assert contender.answer() == ""
    (root / owner_name(1)).rename(root / owner_name(2))
    with pytest.raises(StudyError, match=f"run by pid {contender.pid}"):
        take(root)
    close_anyhow(contender, root)


def test_a_claim_that_comes_late_to_the_database_does_not_depose_a_later_one(tmp_path: Path) -> None:
    paths = StudyPaths(new_study(tmp_path / "study"))
    owner_epoch = claim(SharedFolder(paths.root), recorded_epoch=0, recorded=None, takeover=False)
    successor = take(paths.root, takeover=True)
    late = Database.open(paths.database)
    with pytest.raises(StudyError, match="another driver has taken this study over"):
        become_owner(late, SharedFolder(paths.root), owner_epoch, schema_version=SCHEMA_VERSION)
    late.close()
    successor.note("written", {"pid": 0})
    successor.close()


def test_an_owner_that_can_not_be_read_is_somebody(tmp_path: Path) -> None:
    root = new_study(tmp_path / "study")
    take(root).close()
    (root / owner_name(2)).write_text("{")
    with pytest.raises(StudyError, match="nobody knows who holds the study") as error:
        take(root)
    assert "--takeover" in error.value.hint
    assert take(root, takeover=True).owner_epoch == 3


def test_a_study_that_was_given_back_can_be_taken_from_any_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = new_study(tmp_path / "study")
    take(root).close()
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    store = take(root)
    monkeypatch.undo()
    with pytest.raises(StudyError, match="on host elsewhere"):
        take(root)
    store.close()


def close_anyhow(contender: Contender, root: Path) -> None:
    contender.tell("close", root)
    contender.answer()


def events(root: Path, kind: str) -> list[LoggedEvent]:
    return [event for event in read_log(root).events if event.kind == kind]


def test_a_driver_that_has_ended_holds_nothing_though_nobody_has_asked_for_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        owner = replace(Owner.current(), pid=process.pid, started_at=started_at(psutil.Process(process.pid)))
        assert owner.may_be_alive()
        process.kill()
        deadline = time.monotonic() + 10
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not owner.may_be_alive()
