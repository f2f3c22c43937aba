"""Files and folders are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import StorageError
from orchestrator.storage import (
    MANIFEST,
    broken_files,
    read_json,
    remove_leftovers,
    sha256_of,
    write_bytes,
    write_folder,
    write_json,
)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def fill(folder: Path, text: str = "weights") -> None:
    (folder / "a.txt").write_text(text)
    (folder / "deep").mkdir()
    (folder / "deep" / "b.txt").write_text(text)


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    imports = ("pathlib import Path", "orchestrator.errors import StorageError", "orchestrator.storage import *")
    prelude = "import os, sys\n" + "".join(f"from {one}\n" for one in imports)
    command = [sys.executable, "-c", prelude + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@given(JSON_VALUES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_json_values_survive_being_written_and_read(tmp_path: Path, value: object) -> None:
    write_json(tmp_path / "value.json", value)
    assert read_json(tmp_path / "value.json") == value


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": [-math.inf]}])
def test_json_that_others_cannot_read_is_refused_and_the_old_file_stays(tmp_path: Path, value: object) -> None:
    write_json(tmp_path / "value.json", 1)
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "value.json", value)
    assert read_json(tmp_path / "value.json") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["value.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"NaNN"])
def test_a_file_that_is_no_json_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "torn.json").write_bytes(content)
    with pytest.raises(StorageError, match=r"torn\.json: can't be read"):
        read_json(tmp_path / "torn.json")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"absent\.json: can't be read"):
        read_json(tmp_path / "absent.json")


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a" / "b" / "c", b"x")
    assert (tmp_path / "a" / "b" / "c").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["with space", "ümlaut-日本", "new\nline", "-rf"])
def test_odd_names_are_names(tmp_path: Path, name: str) -> None:
    write_bytes(tmp_path / name, b"x")
    write_folder(tmp_path / f"{name}.d", fill)
    assert (tmp_path / name).read_bytes() == b"x"
    assert broken_files(tmp_path / f"{name}.d") == ()


def test_writing_over_a_folder_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="can't be written"):
        write_bytes(tmp_path / "folder", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_file_that_does_not_fit_leaves_the_old_one_and_says_what_it_needs(tmp_path: Path) -> None:
    write_bytes(tmp_path / "f", b"old")
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    write_bytes(Path(sys.argv[1]), b'x' * 5000)\n"
        "except StorageError as error:\n    print(error.message, error.hint)"
    )
    result = run(code, tmp_path / "f")
    assert "can't be written" in result.stdout, result.stderr
    assert "need 5,000 bytes" in result.stdout
    assert "make room" in result.stdout
    assert (tmp_path / "f").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_folder_that_does_not_fit_leaves_the_old_one(tmp_path: Path) -> None:
    write_folder(tmp_path / "f", fill)
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "def write(folder):\n    (folder / 'a.txt').write_bytes(b'x' * 5000)\n"
        "try:\n    write_folder(Path(sys.argv[1]), write)\n"
        "except StorageError as error:\n    print(error.message)"
    )
    assert "can't be written" in run(code, tmp_path / "f").stdout
    assert broken_files(tmp_path / "f") == ()
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    path, sizes, stop = tmp_path / "f", set[int](), threading.Event()
    write_bytes(path, b"a" * 300_000)

    def read() -> None:
        while not stop.is_set():
            content = path.read_bytes()
            sizes.add(len(content) if len(set(content)) == 1 else -1)

    reader = threading.Thread(target=read)
    reader.start()
    for letter in b"bcdefghijk":
        write_bytes(path, bytes([letter]) * 300_000)
    stop.set()
    reader.join()
    assert sizes == {300_000}


def test_a_folder_has_the_digest_of_every_file_in_it(tmp_path: Path) -> None:
    write_folder(tmp_path / "f", fill)
    sums = json.loads((tmp_path / "f" / MANIFEST).read_text())["sha256"]
    assert sums == {name: sha256_of(tmp_path / "f" / name) for name in ("a.txt", "deep/b.txt")}
    assert broken_files(tmp_path / "f") == ()


def test_a_folder_is_replaced_with_all_that_was_in_it(tmp_path: Path) -> None:
    write_folder(tmp_path / "f", fill)
    write_folder(tmp_path / "f", lambda folder: (folder / "new").write_text("new") and None)
    assert sorted(path.name for path in (tmp_path / "f").iterdir()) == [MANIFEST, "new"]
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("error", [RuntimeError("torch"), KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_writer_that_fails_leaves_the_old_folder_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    write_folder(tmp_path / "f", fill)

    def fail(folder: Path) -> None:
        fill(folder, "half")
        raise error

    with pytest.raises((StorageError, type(error))):
        write_folder(tmp_path / "f", fail)
    assert (tmp_path / "f" / "a.txt").read_text() == "weights"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_every_flipped_bit_and_every_cut_is_found(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "f"
    write_folder(folder, fill)
    name = data.draw(st.sampled_from(["a.txt", "deep/b.txt"]))
    content = bytearray((folder / name).read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[position] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[position:]
    (folder / name).write_bytes(content)
    assert broken_files(folder) == (name,)


def test_an_absent_file_or_a_folder_in_its_place_is_broken(tmp_path: Path) -> None:
    write_folder(tmp_path / "f", fill)
    (tmp_path / "f" / "a.txt").unlink()
    assert broken_files(tmp_path / "f") == ("a.txt",)
    (tmp_path / "f" / "a.txt").mkdir()
    assert broken_files(tmp_path / "f") == ("a.txt",)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b'{"sha256": [1]}', b'{"sha256": null}', b"\xff"])
def test_a_manifest_that_says_nothing_is_itself_broken(tmp_path: Path, content: bytes) -> None:
    write_folder(tmp_path / "f", fill)
    (tmp_path / "f" / MANIFEST).write_bytes(content)
    assert broken_files(tmp_path / "f") == (MANIFEST,)


def test_an_absent_folder_has_a_broken_manifest(tmp_path: Path) -> None:
    assert broken_files(tmp_path / "absent") == (MANIFEST,)


_KILLED_AT = """
# Ends the process, as SIGKILL would, at the n-th change of the file system below the study's folder.
root, victim = sys.argv[1], int(sys.argv[2])
changes = 0
def hook(event, arguments):
    global changes
    if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "open") and root in str(arguments[0]):
        changes += 1
        if changes == victim:
            os._exit(9)
def write(folder):
    (folder / "a.txt").write_text("new")
    (folder / "deep").mkdir()
    (folder / "deep" / "b.txt").write_text("new")
sys.addaudithook(hook)
write_folder(Path(root) / "f", write)
"""


def test_killed_at_any_moment_a_replaced_folder_is_the_old_or_the_new(tmp_path: Path) -> None:
    for victim in range(1, 100):
        root = tmp_path / str(victim)
        write_folder(root / "f", fill)
        if run(_KILLED_AT, root, victim).returncode == 0:
            break
        assert broken_files(root / "f") == (), f"killed at change {victim}"


@pytest.mark.parametrize("victim", [1, 2, 4, 6])
def test_a_new_folder_whose_writer_is_killed_is_absent(tmp_path: Path, victim: int) -> None:
    assert run(_KILLED_AT, tmp_path, victim).returncode == 9
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("name", ["file/child", "a" * 256], ids=["below a file", "256 characters"])
def test_a_name_that_cannot_exist_is_a_storage_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="can't be written"):
        write_bytes(tmp_path / name, b"x")


def test_threads_that_write_one_file_do_not_meet(tmp_path: Path) -> None:
    errors: list[StorageError] = []

    def write() -> None:
        try:
            for _ in range(40):
                write_bytes(tmp_path / "f", os.urandom(1000))
        except StorageError as error:
            errors.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error


def test_a_writers_own_manifest_is_refused(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        (folder / MANIFEST).write_text("mine")

    with pytest.raises(ValueError, match="written by the storage itself"):
        write_folder(tmp_path / "f", write)
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("tamper", ["extra file", "emptied manifest", "name outside"])
def test_what_the_manifest_does_not_list_is_broken(tmp_path: Path, tamper: str) -> None:
    write_folder(tmp_path / "f", fill)
    manifest = tmp_path / "f" / MANIFEST
    match tamper:
        case "extra file":
            (tmp_path / "f" / "extra").write_text("extra")
        case "emptied manifest":
            manifest.write_text('{"sha256": {}}')
        case "name outside":
            (tmp_path / "outside").write_text("x")
            sums = json.loads(manifest.read_text())["sha256"] | {"../outside": sha256_of(tmp_path / "outside")}
            manifest.write_text(json.dumps({"sha256": sums}))
    assert broken_files(tmp_path / "f") != ()


def test_a_source_that_the_writer_cannot_read_is_not_called_a_full_disk(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        (folder / "a").write_bytes((tmp_path / "absent").read_bytes())

    with pytest.raises(FileNotFoundError):
        write_folder(tmp_path / "f", write)


def test_what_killed_processes_left_is_removed_and_what_living_ones_write_is_not(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for pid in (dead.pid, os.getpid()):
        (tmp_path / "deep" / f".folder.{pid}-7f.tmp").mkdir(parents=True)
        (tmp_path / "deep" / f".folder.{pid}-7f.tmp" / "file").touch()
        (tmp_path / f".file.json.{pid}-7f.tmp").touch()
    (tmp_path / ".notes.tmp").touch()
    remove_leftovers(tmp_path)
    left = {path.name for path in tmp_path.rglob(".*")}
    assert left == {f".folder.{os.getpid()}-7f.tmp", f".file.json.{os.getpid()}-7f.tmp", ".notes.tmp"}
