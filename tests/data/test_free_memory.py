from pathlib import Path

import psutil
import pytest

from orchestrator.data.free_memory import available_bytes


def _cgroup(folder: Path, limit: str) -> Path:
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text("700000\n")
    (folder / "memory.stat").write_text("anon 300000\ninactive_file 250000\n")
    return folder


def test_a_container_has_its_limit_less_what_is_used_and_can_not_be_given_up(tmp_path: Path) -> None:
    assert available_bytes(_cgroup(tmp_path, "1000000")) == 550_000


@pytest.mark.parametrize("limit", ["max", str(2**60)])
def test_without_a_limit_it_is_what_the_machine_has(tmp_path: Path, limit: str) -> None:
    assert 0 < available_bytes(_cgroup(tmp_path, limit)) <= psutil.virtual_memory().total
    assert 0 < available_bytes(tmp_path / "absent") <= psutil.virtual_memory().total
