from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.export.checksums import SUMS
from orchestrator.export.target import check_target, folder_that_becomes
from orchestrator.failpoints import FailpointReached, raising


def _export(to: Path, text: str) -> None:
    check_target(to, force=to.exists())
    with folder_that_becomes(to) as folder:
        (folder / SUMS).write_text(text)


def test_an_export_replaces_an_earlier_one_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    for text in ("one", "other"):
        _export(tmp_path / "export", text)
        assert (tmp_path / "export" / SUMS).read_text() == text
        assert [path.name for path in tmp_path.iterdir()] == ["export"]


@pytest.mark.parametrize(("failpoint", "found"), [("export.before_rename", "one"), ("export.after_rename", "other")])
def test_wherever_a_replacement_ends_a_whole_export_is_there(tmp_path: Path, failpoint: str, found: str) -> None:
    _export(tmp_path / "export", "one")
    with raising(failpoint), pytest.raises(FailpointReached):
        _export(tmp_path / "export", "other")
    assert (tmp_path / "export" / SUMS).read_text() == found
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
