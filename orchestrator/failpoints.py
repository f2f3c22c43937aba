"""Named places where the state of a study changes hands; at each of them a test can end the process.

They are off unless ``$ARCHFRONT_FAILPOINT`` says ``NAME:COUNT``: then the process kills itself by SIGKILL when it
passes that place for the COUNT-th time (once, if no count is given). Off, passing one costs a look into an empty
dictionary.
"""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from orchestrator.errors import BadInputError

VARIABLE = "ARCHFRONT_FAILPOINT"

FAILPOINTS: Mapping[str, str] = MappingProxyType({
    # A study is made and taken.
    "create.after_settings": "study.json is there | study.db is not",
    "create.before_commit": "an empty database has a temporary name | its tables and the study's row",
    "create.before_link": "a whole database has a temporary name | it is study.db",
    "create.after_link": "study.db is there | it has an owner",
    "lease.before_link": "an owner file has a temporary name | the owner epoch is claimed",
    "take.after_claim": "the owner epoch is claimed | study.db knows",
    "take.after_commit": "study.db has a new owner | the driver has the store",
    # The driver's transactions.
    "store.before_constants_commit": "constants were measured | they are frozen",
    "store.before_refuse_commit": "an ask was refused | that is committed",
    "store.after_refuse_commit": "a refused ask is committed | the driver knows",
    "store.before_start_commit": "a trial was proposed | it is committed",
    "store.after_start_commit": "a trial is committed | trial.json",
    "store.after_trial_json": "trial.json is there | its workers are told",
    "store.before_reuse_commit": "a model was copied | its COMPLETED trial is committed",
    "store.after_reuse_commit": "a trial that was taken over is committed | trial.json and final.json",
    "store.before_restart_commit": "a trial lost its workers | its next attempt is committed",
    "store.after_restart_commit": "the next attempt is committed | its workers are told",
    "store.before_attempt_end_commit": "workers are gone | the end of their attempt is committed",
    "store.after_attempt_end_commit": "the end of an attempt is committed | the driver knows",
    "store.before_report_commit": "an epoch was reported and judged | both are committed",
    "store.after_report_commit": "an epoch and its decision are committed | the workers are told",
    "store.before_end_commit": "a trial ended | its end is committed",
    "store.after_end_commit": "the end of a trial is committed | final.json",
    "store.after_final_json": "final.json is there | the trial's checkpoints are removed",
    "store.before_score_commit": "a finalist was measured | that is committed",
    "store.after_score_commit": "a finalist's figures are committed | its new final.json",
    "store.before_announce_commit": "tracking is to be told | that is committed",
    "store.before_acknowledge_commit": "tracking has rows of the outbox | they are dropped",
    "store.before_release_commit": "the driver is done | it gives the study back",
    # Files.
    "storage.before_rename": "a file is written under a temporary name | it has its own",
    "storage.before_manifest": "a folder's files are on the disk | its manifest",
    "storage.before_folder_rename": "a folder is whole under a temporary name | it has its own",
    "storage.after_folder_rename": "a folder has its name | the folder above is synced",
    # Workers.
    "checkpoint.after_files": "a checkpoint's files are written | they are on the disk",
    "checkpoint.before_prune": "a checkpoint is whole | older ones are removed",
    "checkpoint.after_prune": "older checkpoints are removed | the epoch is reported",
    "result.before_write": "training ended | result.json",
    "result.after_write": "result.json is there | the end is reported",
    # What leaves a study.
    "tracking.before_send": "rows were read from the outbox | they are sent",
    "tracking.after_send": "rows are sent | they are acknowledged",
    "tracking.after_acknowledge": "rows are dropped | the next are read",
    "publish.before_report": "the search is over | report.html",
    "publish.before_tables": "report.html is there | trials.csv and trials.parquet",
    "publish.before_front": "the tables are there | front.md",
    "publish.before_announce": "all files are there | tracking is told",
    "export.before_rename": "an export is proved under a temporary name | it has its own",
    "export.after_rename": "the new export is there | what it replaced is removed",
})  # fmt: skip
"""Each name with what is done before it and what only after it."""


class FailpointReached(BaseException):
    """A failpoint that ``raising`` has armed was passed; like a SIGKILL, it is nothing to be handled as an error."""


def failpoint(name: str) -> None:
    """Ends the process here if that was asked for."""
    left = _armed()
    if name not in left:
        return
    left[name] -= 1
    if left[name] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    if left[name] == _RAISES:
        raise FailpointReached(name)


def arm(setting: str) -> None:
    """Arms this process with a setting as the variable has it; an empty one disarms it.

    Raises:
        BadInputError: there is no such failpoint, or the count is no positive number.
    """
    left = _armed()
    left.clear()
    left.update(_parsed(setting))


@contextmanager
def raising(name: str) -> Iterator[None]:
    """Within the block the first passing of a failpoint raises FailpointReached in its stead."""
    left = _armed()
    left[_known(name)] = _RAISES + 1
    try:
        yield
    finally:
        left.pop(name)


@contextmanager
def counting() -> Iterator[dict[str, int]]:
    """Within the block nothing fails; afterwards the dictionary says how often each failpoint was passed."""
    passed: dict[str, int] = {}
    left = _armed()
    left.update(dict.fromkeys(FAILPOINTS, _NEVER))
    try:
        yield passed
    finally:
        passed |= {name: _NEVER - left[name] for name in FAILPOINTS}
        left.clear()


_NEVER = 1 << 60
_RAISES = -1
"""A count that no countdown from a positive number reaches, because it ends at 0."""


@functools.cache
def _armed() -> dict[str, int]:
    """How many passings are left by name; the environment is read at the first."""
    return _parsed(os.environ.get(VARIABLE, ""))


def _parsed(setting: str) -> dict[str, int]:
    name, _, count = setting.partition(":")
    return {_known(name): _positive(count or "1")} if setting else {}


def _known(name: str) -> str:
    if name not in FAILPOINTS:
        raise BadInputError(f"{VARIABLE}: no failpoint {name!r}", hint=f"there are: {', '.join(FAILPOINTS)}")
    return name


def _positive(count: str) -> int:
    if not (count.isdecimal() and int(count)):
        raise BadInputError(f"{VARIABLE}: count {count!r}: must be a whole number above 0")
    return int(count)
