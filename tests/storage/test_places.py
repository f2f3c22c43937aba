"""Where a study lies, by what a person says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import BadInputError
from orchestrator.storage import places
from orchestrator.storage.mounts import mount_type
from orchestrator.storage.places import Place, copy_folder, runs_folder, work_folder

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
server:/runs /mnt/shared nfs4 rw 0 0
//server/x /mnt/with\\040space cifs rw 0 0
/dev/sdb1 /mnt/shared/local xfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/me/runs", "ext4"),
        ("/mnt/shared", "nfs4"),
        ("/mnt/shared/not/yet/there", "nfs4"),
        ("/mnt/shared/local/runs", "xfs"),
        ("/mnt/with space/runs", "cifs"),
    ],
)
def test_the_innermost_mount_holds_a_folder(folder: str, kind: str) -> None:
    assert mount_type(Path(folder), MOUNTS) == kind


def test_a_folder_of_this_machine_is_the_study_itself(tmp_path: Path) -> None:
    place = Place.of(str(tmp_path / "runs"), "digits")
    assert (place.root, place.url, str(place)) == (tmp_path / "runs" / "digits", "", str(tmp_path / "runs" / "digits"))
    assert runs_folder("runs") == Path("runs")


def test_a_folder_of_a_network_file_system_is_remote_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "is_on_network", lambda folder: str(folder).startswith("/mnt"))
    place = Place.of("/mnt/shared runs", "digits")
    assert place.url == "file:///mnt/shared%20runs/digits"
    assert not place.root.is_relative_to("/mnt")


def test_a_study_that_was_made_on_such_a_folder_stays_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "is_on_network", lambda folder: True)
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "study.db").touch()
    assert Place.of(str(tmp_path), "digits").url == ""


def test_folders_of_one_machine_are_apart_by_address_and_by_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    one, other = Place.of("s3://bucket/one/", "digits"), Place.of("s3://bucket/other", "digits")
    assert one.url == "s3://bucket/one/digits"
    assert Place.of_study(one.url) == one
    folders = {one.root, other.root, copy_folder(one.url), copy_folder(other.url), work_folder("a"), work_folder("b")}
    assert len(folders) == 6
    assert all(folder.is_relative_to("/data/archfront") for folder in folders)


@pytest.mark.parametrize("storage", ["s3://key:secret@bucket/x", "s3://key@bucket/x", "az://a/b?sig=secret"])
def test_an_address_with_a_secret_is_refused_and_not_shown(storage: str) -> None:
    with pytest.raises(BadInputError) as error:
        Place.of(storage, "digits")
    assert "secret" not in error.value.message
    assert "key" not in error.value.message
