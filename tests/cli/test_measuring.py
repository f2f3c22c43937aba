"""``profile`` for a device of one's own, and what ``import-latency`` refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cli import measuring
from orchestrator.errors import BadInputError
from orchestrator.measure.exchange import Figures, Request
from orchestrator.measure.profile import FOLDER, NUM_FITTED, NUM_HELD_OUT
from tests.measure.figures import latencies

BOARD = ['latency.device="board"']


def test_a_list_for_another_device_becomes_a_profile_by_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measuring.profile("digits", overrides=BOARD, write_list=tmp_path / "measure.json")
    request = Request.read(tmp_path / "measure.json")
    assert request.setup.device == "board"
    assert len(request.architectures) == NUM_FITTED + NUM_HELD_OUT

    measured = latencies(request.architectures, noise=0.03)
    figures = Figures(networks=tuple(zip(request.architectures, measured, strict=True)), reference_ms=0.4)
    figures.write(tmp_path / "figures.json")
    capsys.readouterr()
    measuring.profile("digits", overrides=BOARD, storage=str(tmp_path), figures=tmp_path / "figures.json")
    printed = capsys.readouterr().out
    assert "60 networks, 20 held out" in printed
    assert "rank correlation 0.99" in printed
    assert len(list((tmp_path / FOLDER).iterdir())) == 1


def test_another_device_cannot_be_profiled_from_here() -> None:
    with pytest.raises(BadInputError, match=r'latency\.device = "board": is not this machine'):
        measuring.profile("digits", overrides=BOARD)


def test_figures_of_another_device_make_no_profile_of_this_one(tmp_path: Path) -> None:
    measuring.profile("digits", overrides=BOARD, write_list=tmp_path / "measure.json")
    networks = Request.read(tmp_path / "measure.json").architectures
    figures = Figures(networks=tuple(zip(networks, latencies(networks), strict=True)), reference_ms=None)
    figures.write(tmp_path / "figures.json")
    for overrides, difference in (
        ([], "device board, not cpu"),
        ([*BOARD, "latency.num_threads=2"], "num_threads 1, not 2"),
    ):
        with pytest.raises(BadInputError, match=f"other conditions than the study's: {difference}"):
            measuring.profile("digits", overrides=overrides, storage=str(tmp_path), figures=tmp_path / "figures.json")
    assert not (tmp_path / FOLDER).exists()


def test_a_list_and_its_figures_are_two_steps(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="--list and --from are two steps"):
        measuring.profile("digits", overrides=BOARD, write_list=tmp_path / "a.json", figures=tmp_path / "b.json")
    assert not (tmp_path / "a.json").exists()


def test_figures_are_not_taken_into_what_is_no_study(tmp_path: Path) -> None:
    measuring.profile("digits", overrides=BOARD, write_list=tmp_path / "measure.json")
    networks = Request.read(tmp_path / "measure.json").architectures[:1]
    figures = Figures(networks=tuple(zip(networks, latencies(networks), strict=True)), reference_ms=None)
    figures.write(tmp_path / "figures.json")
    with pytest.raises(BadInputError, match="no study"):
        measuring.import_latency(tmp_path / "runs", tmp_path / "figures.json")
