"""The measuring process as its parent sees it: started early, fed with architectures, read for latencies."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

from orchestrator.errors import ArchfrontError
from orchestrator.measure.conditions import Setup, conditions_from_dict
from orchestrator.measure.cores import thread_environment
from orchestrator.measure.estimate import MIN_BLOCKS
from orchestrator.measure.predictor import LatencyPredictor, fit_predictor
from orchestrator.measure.runtimes import check_setup
from orchestrator.records import Latency, LatencyConditions
from search_spaces.architecture import Architecture

Network = Architecture | Path
"""What is measured: an architecture with fresh weights, or an ONNX file."""

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

    Attributes:
        reference_ms: what the reference network takes while this machine is at full speed, as far as that was seen;
            None before that. Set it to what an earlier process found, and figures stand at its level.
    """

    def __init__(self, process: subprocess.Popen[str], errors: IO[bytes], *, setup: Setup) -> None:
        self.setup = setup
        self.reference_ms: float | None = None
        self._process = process
        self._errors = errors
        self._prepared: tuple[Network, ...] = ()
        self._num_unread = 0
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._conditions: Mapping[str, Any] = {}

    @classmethod
    def start(cls, setup: Setup, *, is_exported: bool = False) -> Self:
        """Starts the process; it ends when this one does.

        Args:
            is_exported: every network will be an ONNX file.

        Raises:
            BadInputError: this machine lacks what the setup asks for.
        """
        check_setup(setup, is_exported=is_exported)
        errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed by close)
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator.measure", json.dumps(setup.to_dict())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=_environment(setup.num_threads),
        )
        return cls(process, errors, setup=setup)

    def prepare(self, networks: Sequence[Network]) -> None:
        """Has these networks built while the caller does other things."""
        self._request({"build": [_described(network) for network in networks]})
        self._prepared = tuple(networks)
        self._num_unread += 1

    def measure(self, networks: Sequence[Network]) -> tuple[Latency, ...]:
        """Latencies in the order given.

        Raises:
            ArchfrontError: the process died or hangs; the message ends with what it printed last.
        """
        return self._measure(networks, time_limit_s=MEASUREMENT_S * len(networks), min_rounds=MIN_BLOCKS)

    def calibrate(self, architectures: Sequence[Architecture]) -> LatencyPredictor:
        """A predictor fitted on these networks' latencies.

        Raises:
            ArchfrontError: the process died or hangs; the message ends with what it printed last.
        """
        latencies = self._measure(architectures, time_limit_s=CALIBRATION_S, min_rounds=1)
        predictor = fit_predictor(architectures, latencies, image_size=self.setup.input_shape[1])
        return dataclasses.replace(predictor, reference_ms=self.reference_ms)

    def close(self) -> None:
        """Ends the process, also in the middle of a measurement."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # a request that a dead process never read
            self._process.stdin.close()
        try:
            self._process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_CLOSE_S)
        self._process.stdout.close()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _measure(self, networks: Sequence[Network], **schedule: float) -> tuple[Latency, ...]:
        if not networks:
            return ()
        if self._prepared != tuple(networks):
            self.prepare(networks)
        # Of several that were prepared only the last are built still; each is answered in its turn.
        while self._num_unread:
            self._conditions = self._answer()["ready"]
            self._num_unread -= 1
        self._request({"go": {**schedule, "reference_ms": self.reference_ms}})
        conditions = conditions_from_dict(self._conditions)
        answer = self._answer()
        self.reference_ms = answer["reference_ms"]
        return tuple(_latency(fields, conditions) for fields in answer["estimates"])

    def _request(self, value: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(value) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure() from None

    def _read(self) -> None:
        """Puts each line in the queue, and an empty one at the end: select() can't see what a buffer holds already."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _answer(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=_PATIENCE_S)
        except queue.Empty:
            self._process.kill()
            line = ""
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


def _described(network: Network) -> Mapping[str, Any] | str:
    return str(network.absolute()) if isinstance(network, Path) else network.to_dict()


def _environment(num_threads: int) -> dict[str, str]:
    """This process's environment, in which the child finds this very package wherever it was started from."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, **thread_environment(num_threads), "PYTHONPATH": os.pathsep.join(paths)}


def _latency(fields: Mapping[str, Any], conditions: LatencyConditions) -> Latency:
    names = ("median_ms", "low_ms", "high_ms", "num_repetitions", "is_contended")
    return Latency(**{name: fields[name] for name in names}, conditions=conditions)
