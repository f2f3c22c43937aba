"""What every storage promises: names hold whole contents, and of several creators one succeeds."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from orchestrator.errors import BadInputError, StorageError
from orchestrator.storage.remote import Remote, open_remote

NUM_RACES = 100
NUM_RACERS = 4


def test_what_was_put_is_there_and_what_was_not_is_not(remote: Remote) -> None:
    assert remote.get("a/b.json") is None
    remote.put("a/b.json", b"one")
    assert remote.get("a/b.json") == b"one"
    remote.put("a/b.json", b"another")
    assert remote.get("a/b.json") == b"another"


def test_a_file_travels_there_and_back_whatever_its_size(remote: Remote, tmp_path: Path) -> None:
    for size in (0, 1, 12_000_000):  # the last in several parts
        source, found = tmp_path / "source", tmp_path / f"found-{size}"
        source.write_bytes(os.urandom(size))
        remote.put("folder/file", source)
        assert remote.fetch("folder/file", found)
        assert found.read_bytes() == source.read_bytes()


def test_an_absent_file_is_told_and_leaves_none(remote: Remote, tmp_path: Path) -> None:
    assert not remote.fetch("absent", tmp_path / "found")
    assert not (tmp_path / "found").exists()


def test_names_are_listed_below_a_folder_in_order(remote: Remote) -> None:
    assert remote.names("owner") == []
    for name in ("owner/000002.json", "owner/000001.stop", "owner/000001.json", "owners/1", "trials/0/a/b"):
        remote.put(name, b"")
    assert remote.names("owner") == ["owner/000001.json", "owner/000001.stop", "owner/000002.json"]
    assert remote.names("owner", after="owner/000001.json") == ["owner/000001.stop", "owner/000002.json"]
    assert remote.names("owner", after="owner/000002.json") == []
    assert remote.names("trials") == ["trials/0/a/b"]


def test_what_is_deleted_is_gone_and_what_was_absent_is_no_error(remote: Remote) -> None:
    remote.put("a/b", b"1")
    remote.delete(["a/b", "a/c"])
    remote.delete([])
    assert remote.names("a") == []


def test_what_exists_is_not_created_again(remote: Remote) -> None:
    assert remote.put_once("owner/000001.json", b"mine")
    assert not remote.put_once("owner/000001.json", b"yours")
    assert remote.get("owner/000001.json") == b"mine"


def test_a_creator_whose_answer_was_lost_learns_that_it_was_the_one(remote: Remote) -> None:
    assert remote.put_once("events/1", b"my segment")
    assert remote.put_once("events/1", b"my segment")


def test_of_several_creators_one_wins_each_of_100_races(remote: Remote) -> None:
    start = Barrier(NUM_RACERS)

    def create(name: str, racer: int) -> bool:
        start.wait()
        return remote.put_once(name, str(racer).encode())

    with ThreadPoolExecutor(NUM_RACERS) as racers:
        for race in range(NUM_RACES):
            name = f"owner/{race:06d}.json"
            wins = list(racers.map(create, [name] * NUM_RACERS, range(NUM_RACERS)))
            assert sum(wins) == 1
            assert remote.get(name) == str(wins.index(True)).encode()


def test_a_reader_never_sees_a_part(remote: Remote) -> None:
    contents = {bytes([letter]) * 300_000 for letter in b"ab"}
    remote.put("report.html", min(contents))

    def read(_: int) -> bool:
        return remote.get("report.html") in contents

    with ThreadPoolExecutor(2) as readers:
        found = readers.map(read, range(20))
        for content in [*contents] * 5:
            remote.put("report.html", content)
    assert all(found)


@pytest.mark.parametrize("url", ["ftp://host/x", "s3://", "s3:///", "hdfs://a/b"])
def test_an_address_of_nothing_is_refused_with_those_that_are_known(url: str) -> None:
    with pytest.raises(BadInputError, match="is no storage") as error:
        open_remote(url)
    assert "s3://" in error.value.hint


def test_what_is_removed_while_it_is_listed_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers prune checkpoints while the driver forgets those of a trial that has ended."""
    remote = open_remote(tmp_path.as_uri())
    for step in (1, 2):
        remote.put(f"checkpoints/{step}/tensors", b"x")
    scandir = os.scandir

    def late(folder: str) -> object:
        if str(folder).endswith("1"):
            remote.delete(["checkpoints/1/tensors"])
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", late)
    assert remote.names("checkpoints") == ["checkpoints/2/tensors"]


def test_a_folder_that_can_not_be_listed_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: str) -> object:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), folder)

    monkeypatch.setattr(os, "scandir", fail)
    with pytest.raises(StorageError, match="Stale file handle"):
        open_remote(tmp_path.as_uri()).names("events")


def test_a_full_disk_here_is_not_blamed_on_the_storage(tmp_path: Path) -> None:
    open_remote(tmp_path.as_uri()).put("backup.db", b"x" * 5000)
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom orchestrator.errors import StorageError\n"
        "from orchestrator.storage.remote import open_remote\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    open_remote(sys.argv[1]).fetch('backup.db', Path(sys.argv[2]))\n"
        "except StorageError as error:\n    print(error.message)"
    )
    command = [sys.executable, "-c", code, tmp_path.as_uri(), str(tmp_path / "here")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{tmp_path / 'here'}: can't be written: File too large")
