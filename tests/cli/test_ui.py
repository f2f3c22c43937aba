"""``archfront ui`` where no page is served; ``tests/browser`` looks at its pages."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli.ui import ui
from orchestrator.errors import BadInputError
from orchestrator.tracking.address import default_uri
from orchestrator.tracking.serving import HOST, listen
from orchestrator.tracking.whereabouts import note_whereabouts

ROOT = Path(__file__).parents[2]


def sent(root: Path, uri: str) -> Path:
    """A study that was sent there."""
    root.mkdir(parents=True)
    (root / "study.db").touch()
    note_whereabouts(root, uri=uri, experiment_id="7", study_id=root.name, has_views=True)
    return root


def test_a_study_on_a_server_has_its_links_printed_and_nothing_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ui(sent(tmp_path / "digits", "https://mlflow.example"))
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "digits"
    assert printed[1].startswith("  Pareto front  https://mlflow.example/#/experiments/7/runs?")
    assert len(printed) == 3


def test_a_folder_shows_each_of_its_studies_and_the_way_for_those_that_were_not_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        sent(tmp_path / name, "https://mlflow.example")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "study.db").touch()
    ui(tmp_path)
    printed = capsys.readouterr().out
    assert "viewStateShareKey=a-front" in printed
    assert "viewStateShareKey=b-trials" in printed
    assert f"archfront sync {tmp_path / 'c'} --all" in printed


def test_a_folder_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "ui", "absent"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: absent: no such folder",
        "  give a study's directory, such as runs/digits",
    ]


def test_what_mlflow_has_not_heard_of_can_be_sent(tmp_path: Path) -> None:
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "study.db").touch()
    with pytest.raises(BadInputError, match="MLflow has heard of no study here") as caught:
        ui(tmp_path)
    assert caught.value.hint == f"archfront sync {tmp_path / 'digits'} --all sends one"


def test_a_taken_port_is_said_with_one_that_is_free(tmp_path: Path) -> None:
    root = sent(tmp_path / "digits", default_uri(tmp_path))
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BadInputError, match=f"--port {port}: another program listens there") as caught:
            ui(root, port=port)
    free = int(caught.value.hint.split()[1])
    assert caught.value.hint == f"--port {free} is free"
    with listen(free):
        pass


def test_a_database_that_is_gone_is_said_before_anything_is_imported(tmp_path: Path) -> None:
    root = sent(tmp_path / "digits", default_uri(tmp_path))
    with pytest.raises(BadInputError, match=r"mlflow\.db: no such database"):
        ui(root, port=45_871)
    assert "mlflow.server" not in sys.modules
