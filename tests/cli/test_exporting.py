"""``verify`` as a person and as a program see it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from orchestrator.cli.app import run
from orchestrator.export.trial import export_trial
from orchestrator.export.verify import verify_folder
from orchestrator.store.paths import TrialPaths
from tests.export.studies import trained_trial


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exporting")
    trained = trained_trial(folder)
    paths = TrialPaths(folder)
    return export_trial(trained.snapshot, trained.record, paths, folder / "best", verify=verify_folder).folder


@pytest.fixture
def archfront(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> object:
    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["archfront", *arguments])
        code = run()
        return code, *capfd.readouterr()

    return call


def test_a_folder_is_verified_and_what_was_changed_is_named_with_exit_code_1(folder: Path, archfront: object) -> None:
    assert callable(archfront)
    code, out, err = archfront("verify", str(folder))
    assert (code, err) == (0, "")
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["holds", "SHA256SUMS"],
        ["holds", "architecture.json"],
        ["holds", "model.safetensors"],
        ["holds", "graph.json"],
    ]
    (folder / "README.md").write_text("something else")
    code, out, err = archfront("verify", str(folder), "--json")
    assert code == 1
    assert err.startswith(f"error: {folder}: SHA256SUMS failed")
    assert [check["outcome"] for check in json.loads(out)] == ["failed", "holds", "holds", "holds"]


def test_what_is_no_export_is_bad_input(tmp_path: Path, archfront: object) -> None:
    assert callable(archfront)
    code, _, err = archfront("verify", str(tmp_path / "absent"))
    assert code == 2
    assert "absent: no such folder" in err
