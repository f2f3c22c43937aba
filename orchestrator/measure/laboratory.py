"""The measuring process as its parent sees it: started early, fed with architectures, read for latencies."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

from orchestrator.config.settings import LatencySettings
from orchestrator.errors import ArchfrontError, BadInputError
from orchestrator.measure.estimate import MIN_BLOCKS
from orchestrator.measure.predictor import LatencyPredictor, conditions_from_dict, fit_predictor
from orchestrator.records import Latency, LatencyConditions
from search_spaces.architecture import Architecture, Task

CALIBRATION_S = 3.5
"""Nothing else may run for so long before training starts."""

MEASUREMENT_S = 0.7
"""For each finalist."""

# A process that is silent for longer hangs. Importing torch on a busy machine takes a minute.
_PATIENCE_S = 600.0
_TAIL_BYTES = 2000
_CLOSE_S = 5.0


class Laboratory:
    """Times networks in a process of its own; a context manager.

    ``start`` and ``prepare`` return at once, while the process imports torch and builds; ``measure`` and ``calibrate``
    wait for that, and time while nothing else should run.
    """

    def __init__(self, process: subprocess.Popen[str], errors: IO[bytes], *, task: Task) -> None:
        self._process = process
        self._errors = errors
        self._task = task
        self._prepared: tuple[Architecture, ...] = ()
        self._num_unread = 0
        self._conditions: Mapping[str, Any] = {}

    @classmethod
    def start(cls, settings: LatencySettings, task: Task) -> Self:
        """Starts the process; it ends when this one does.

        Raises:
            BadInputError: there are fewer cores than threads, which would wait for one another.
        """
        _check_cores(settings)
        conditions = {"settings": dataclasses.asdict(settings), "task": dataclasses.asdict(task)}
        errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed by close)
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator.measure", json.dumps(conditions)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=_environment(),
        )
        return cls(process, errors, task=task)

    def prepare(self, architectures: Sequence[Architecture]) -> None:
        """Has these networks built while the caller does other things."""
        self._request({"build": [architecture.to_dict() for architecture in architectures]})
        self._prepared = tuple(architectures)
        self._num_unread += 1

    def measure(self, architectures: Sequence[Architecture]) -> tuple[Latency, ...]:
        """Latencies in the order given.

        Raises:
            ArchfrontError: the process died or hangs; the message ends with what it printed last.
        """
        return self._measure(architectures, time_limit_s=MEASUREMENT_S * len(architectures), min_rounds=MIN_BLOCKS)

    def calibrate(self, architectures: Sequence[Architecture]) -> LatencyPredictor:
        """A predictor fitted on these networks' latencies.

        Raises:
            ArchfrontError: the process died or hangs; the message ends with what it printed last.
        """
        latencies = self._measure(architectures, time_limit_s=CALIBRATION_S, min_rounds=1)
        return fit_predictor(architectures, latencies, image_size=self._task.image_size)

    def close(self) -> None:
        """Ends the process, also in the middle of a measurement."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # a request that a dead process never read
                pipe.close()
        try:
            self._process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _measure(self, architectures: Sequence[Architecture], **schedule: float) -> tuple[Latency, ...]:
        if not architectures:
            return ()
        if self._prepared != tuple(architectures):
            self.prepare(architectures)
        # Of several that were prepared only the last are built still; each is answered in its turn.
        while self._num_unread:
            self._conditions = self._answer()["ready"]
            self._num_unread -= 1
        self._request({"go": schedule})
        conditions = conditions_from_dict(self._conditions)
        return tuple(_latency(fields, conditions) for fields in self._answer()["estimates"])

    def _request(self, value: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(value) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure() from None

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], _PATIENCE_S)
        if not readable:
            self._process.kill()
        line = self._process.stdout.readline()
        if not line:
            raise self._failure()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _failure(self) -> ArchfrontError:
        status = self._process.wait()
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - _TAIL_BYTES))
        tail = self._errors.read().decode(errors="replace").strip()
        return ArchfrontError(f"measuring latency: the process ended with {status}: {tail or 'it printed nothing'}")


def _check_cores(settings: LatencySettings) -> None:
    num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if settings.num_threads > num_cores:
        raise BadInputError(
            f"latency.num_threads = {settings.num_threads}: must be at most {num_cores}, the cores of this machine",
            hint="every thread that is measured needs a core of its own",
        )


def _environment() -> dict[str, str]:
    """This process's environment, in which the child finds this very package wherever it was started from."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _latency(fields: Mapping[str, Any], conditions: LatencyConditions) -> Latency:
    names = ("median_ms", "low_ms", "high_ms", "num_repetitions", "is_contended")
    return Latency(**{name: fields[name] for name in names}, conditions=conditions)
