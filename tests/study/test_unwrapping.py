"""What becomes of errors that others hide."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from orchestrator.errors import InterruptedStudyError, StorageError, StudyError
from orchestrator.study.unwrapping import own_errors


@pytest.mark.filterwarnings("ignore")  # Ray's own, at its import
@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        (StudyError("another driver has taken this study"), "another driver has taken this study"),
        (StorageError("trials/00001: can't be written"), "trials/00001: can't be written"),
        (OSError(errno.ENOSPC, "No space left on device"), ": can't be written: No space left on device"),
        (KeyError("a mistake of ours"), "Traceback of KeyError"),
    ],
    ids=["deposed", "full disk", "full disk under Tune's files", "mistake"],
)
def test_what_tune_hides_is_raised_as_itself(tmp_path: Path, hidden: Exception, shown: str) -> None:
    """Tune keeps the text of a traceback alone; it raises while it handles the error, so the error is still there."""

    from ray.tune import TuneError

    def handle() -> None:
        try:
            raise hidden
        except type(hidden) as error:
            raise TuneError(f"Traceback of {type(error).__name__}")  # noqa: B904 - as Tune does

    with pytest.raises(Exception, match=r".") as caught, own_errors(tmp_path):
        handle()
    assert shown in str(caught.value)
    assert isinstance(caught.value, TuneError) is isinstance(hidden, KeyError)


def test_a_full_disk_is_told_with_the_file_that_had_no_room(tmp_path: Path) -> None:
    error = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "report.html"))
    with (
        pytest.raises(StorageError, match=r"report\.html: can't be written: No space left.* are free"),
        own_errors(tmp_path),
    ):
        raise error


@pytest.mark.filterwarnings("ignore")  # Ray's own, at its import
def test_a_worker_that_ray_ended_for_its_memory_interrupts_the_study(tmp_path: Path) -> None:
    from ray.exceptions import OutOfMemoryError

    error = OutOfMemoryError("1 worker(s) were killed due to the node running low on memory.\nTop consumers: ...")
    with pytest.raises(InterruptedStudyError, match=r"ran out of memory: 1 worker.*memory\.$"), own_errors(tmp_path):
        raise RuntimeError(f"Caught unexpected exception: {error}") from error
