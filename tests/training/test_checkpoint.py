import logging
import random
from pathlib import Path

import pytest
import torch
from torch import Tensor

from orchestrator.records import EpochReport
from orchestrator.training.checkpoint import Progress, load_latest, save

REPORT = EpochReport(epoch=2, accuracy=0.1 + 0.2, loss=1 / 3, train_loss=2.5, wall_time_s=0.25)


def tensors(value: float) -> dict[str, Tensor]:
    return {
        "values": torch.full((5,), float(value)),
        "counters": torch.full((2,), int(value)),
        "step.0": torch.tensor(float(value)),
    }


def folders(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "checkpoints").iterdir())


def test_what_was_saved_comes_back_exactly(tmp_path: Path) -> None:
    saved = Progress(step=12, wall_time_s=0.1 + 0.7, num_parts=4, report=REPORT)
    save(tmp_path, saved, tensors(1.1))
    found = tensors(0)
    assert load_latest(tmp_path, found) == saved
    assert all(torch.equal(found[name], value) for name, value in tensors(1.1).items())


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for step in (2, 9, 10, 1_000_001):
        save(tmp_path, Progress(step=step), tensors(step))
    assert folders(tmp_path) == ["000010", "1000001"]
    assert load_latest(tmp_path, tensors(0)) == Progress(step=1_000_001)


def test_a_trial_without_checkpoints_starts_afresh(tmp_path: Path) -> None:
    assert load_latest(tmp_path, tensors(0)) is None


@pytest.mark.parametrize("name", ["tensors.safetensors", "progress.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["absent", "cut", "flipped"])
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(
    tmp_path: Path, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path, Progress(step=4), tensors(4))
    save(tmp_path, Progress(step=8), tensors(8))
    _damage(tmp_path / "checkpoints" / "000008" / name, damage)
    found = tensors(0)
    with caplog.at_level(logging.WARNING):
        assert load_latest(tmp_path, found) == Progress(step=4)
    assert torch.equal(found["values"], tensors(4)["values"])
    assert "000008 can't be used" in caplog.text


def test_a_trial_whose_checkpoints_are_all_damaged_starts_afresh(tmp_path: Path) -> None:
    for step in (4, 8):
        save(tmp_path, Progress(step=step), tensors(step))
        _damage(tmp_path / "checkpoints" / f"{step:06d}" / "tensors.safetensors", "cut")
    found = tensors(0)
    assert load_latest(tmp_path, found) is None
    assert torch.equal(found["values"], tensors(0)["values"])


def test_a_training_that_begins_anew_keeps_its_checkpoints_in_place_of_broken_later_ones(tmp_path: Path) -> None:
    for step in (4, 8):
        save(tmp_path, Progress(step=step), tensors(step))
        _damage(tmp_path / "checkpoints" / f"{step:06d}" / "tensors.safetensors", "cut")
    for step in (2, 3):
        assert save(tmp_path, Progress(step=step), tensors(step)).is_dir()
        assert load_latest(tmp_path, tensors(0)) == Progress(step=step)
    assert folders(tmp_path) == ["000002", "000003"]


def test_a_checkpoint_of_another_network_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save(tmp_path, Progress(step=4), tensors(4))
    assert load_latest(tmp_path, {"values": torch.zeros(6)}) is None
    assert "another network" in caplog.text


def _damage(file: Path, damage: str) -> None:
    content = file.read_bytes()
    if damage == "absent":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(content[:-3])
    else:
        file.write_bytes(content[:20] + bytes([content[20] ^ 1]) + content[21:])


@pytest.mark.parametrize("name", ["tensors.safetensors", "progress.json", "manifest.json"])
def test_flips_and_cuts_at_a_thousand_positions_are_found_and_the_checkpoint_before_is_used(
    tmp_path: Path, name: str
) -> None:
    """What says nothing new, such as another space in the manifest, may pass; what is loaded is whole at any rate."""
    save(tmp_path, Progress(step=4), tensors(4))
    save(tmp_path, Progress(step=8, report=REPORT), tensors(8))
    file, rng = tmp_path / "checkpoints" / "000008" / name, random.Random(name)
    content, passed = file.read_bytes(), 0
    for _ in range(334):  # of three files
        position = rng.randrange(len(content))
        bit = bytes([content[position] ^ (1 << rng.randrange(8))])
        file.write_bytes(rng.choice([content[:position], content[:position] + bit + content[position + 1 :]]))
        found = tensors(0)
        progress = load_latest(tmp_path, found)
        assert progress in (Progress(step=4), Progress(step=8, report=REPORT))
        assert progress is not None
        assert torch.equal(found["values"], tensors(progress.step)["values"])
        passed += progress.step == 8
    assert passed == 0 or name == "manifest.json"
    assert passed < 20
