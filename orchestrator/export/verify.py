"""``archfront verify``: everything that an exported folder claims, tried where it lies now.

What a machine has no package for is left out and said so: torch alone or onnxruntime alone will do.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ArchfrontError
from orchestrator.export.checksums import SUMS, check_sums, read_sums
from orchestrator.export.names import GRAPH_FILE, ONNX_FILE, PT2_FILE, WEIGHTS_FILE
from orchestrator.export.probe import PROBE_FILE, Probe
from orchestrator.storage import read_json
from search_spaces.architecture import Architecture
from search_spaces.errors import ArchitectureError
from search_spaces.registry import ARCHITECTURE_FILE, list_families, load_architecture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TIME_LIMIT_S = 2.0
_SOURCES = Path(__file__).resolve().parents[2]


class Outcome(StrEnum):
    """What came of a check."""

    HOLDS = "holds"
    FAILED = "failed"
    LEFT_OUT = "left out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One claim: of what, what came of it, and the figures."""

    subject: str
    outcome: Outcome
    detail: str


class _NotHere(Exception):  # noqa: N818 - no error: the machine lacks what a check needs
    """The check can't be made here."""


def verify_folder(folder: Path, *, is_trusted: bool = False) -> tuple[Check, ...]:
    """Tries everything; a check that fails does not keep the others from being made.

    Args:
        is_trusted: run ``model.pt2``, too: torch reads it with pickle, which can execute whatever its writer wanted.

    Raises:
        BadInputError: there is no exported folder.
    """
    names = read_sums(folder)
    checks = [_check(SUMS, lambda: _sums(folder)), _check(ARCHITECTURE_FILE, lambda: _architecture(folder))]
    if PROBE_FILE in names:
        checks.append(_check(WEIGHTS_FILE, lambda: _rebuilt(folder)))
    runs = {GRAPH_FILE: _graph, PT2_FILE: _pt2 if is_trusted else _untrusted, ONNX_FILE: _onnx}
    for name, run in runs.items():
        if name in names:
            checks.append(_check(name, lambda run=run: run(folder)))  # type: ignore[misc]
    return tuple(checks)


def verify_in_fresh_process(folder: Path) -> tuple[Check, ...]:
    """The same by another process, which has nothing but the files.

    Raises:
        ArchfrontError: it could not be started, or ended without an answer.
    """
    path = os.pathsep.join(filter(None, (str(_SOURCES), os.environ.get("PYTHONPATH", ""))))
    with tempfile.TemporaryDirectory() as elsewhere:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "orchestrator.export", str(folder.absolute())],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        found = json.loads(done.stdout.splitlines()[-1])
        return tuple(Check(**{**one, "outcome": Outcome(one["outcome"])}) for one in found)
    except (IndexError, KeyError, TypeError, ValueError):
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ArchfrontError(f"{folder}: the process that verifies it ended: {lines[-1]}") from None


def to_json(checks: tuple[Check, ...]) -> list[dict[str, str]]:
    return [asdict(check) for check in checks]


def _check(subject: str, run: Callable[[], str]) -> Check:
    try:
        return Check(subject=subject, outcome=Outcome.HOLDS, detail=run())
    except _NotHere as missing:
        return Check(subject=subject, outcome=Outcome.LEFT_OUT, detail=str(missing))
    except (ArchfrontError, ArchitectureError) as error:
        return Check(subject=subject, outcome=Outcome.FAILED, detail=error.message)
    except Exception as error:  # noqa: BLE001 - a file that was changed can make a reader fail in any way
        detail = f"{type(error).__name__}: {error}".partition("\n")[0]
        return Check(subject=subject, outcome=Outcome.FAILED, detail=detail)


def _sums(folder: Path) -> str:
    check_sums(folder, required=(ARCHITECTURE_FILE, WEIGHTS_FILE))
    return f"{len(read_sums(folder))} files are as they were written"


def _architecture(folder: Path) -> str:
    architecture = _known_architecture(folder)
    return f"{architecture.family} {architecture.architecture_id}: {architecture.num_parameters:,} parameters"


def _known_architecture(folder: Path) -> Architecture:
    family = read_json(folder / ARCHITECTURE_FILE).get("family")
    if isinstance(family, str) and family not in list_families():
        raise _NotHere(f"needs the package that brings the family {family!r}; {GRAPH_FILE} needs none")
    return load_architecture(folder / ARCHITECTURE_FILE)


def _rebuilt(folder: Path) -> str:
    _need("torch", "safetensors")
    architecture = _known_architecture(folder)
    from orchestrator.export.loading import read_network

    model = read_network(folder)
    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    if num_parameters != architecture.num_parameters:
        raise ArchfrontError(f"{num_parameters:,} parameters, and {architecture.num_parameters:,} by the closed form")
    return f"{num_parameters:,} parameters, as the closed form says; {_torch_difference(folder, model)}"


def _graph(folder: Path) -> str:
    _need("torch")
    from orchestrator.export.standalone import Network, read_tensors

    graph = json.loads((folder / GRAPH_FILE).read_text(encoding="utf-8"))
    return _torch_difference(folder, Network(graph, read_tensors(folder / WEIGHTS_FILE)))


def _untrusted(folder: Path) -> str:
    raise _NotHere("torch reads it with pickle: give --pt2 where you trust whoever wrote it")


def _pt2(folder: Path) -> str:
    _need("torch")
    import torch

    return _torch_difference(folder, torch.export.load(folder / PT2_FILE).module())


def _torch_difference(folder: Path, model: Any) -> str:
    import torch

    def run(image_BCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            logits_BK: NDArray[np.float32] = model(torch.from_numpy(image_BCHW)).numpy()
        return logits_BK

    return _within(Probe.read(folder).difference(run))


def _onnx(folder: Path) -> str:
    _need("onnxruntime")
    import onnxruntime

    probe = Probe.read(folder)
    session = onnxruntime.InferenceSession(folder / ONNX_FILE, providers=["CPUExecutionProvider"])

    def run(image_BCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        logits_BK: NDArray[np.float32] = session.run(None, {"image": image_BCHW})[0]
        return logits_BK

    return f"{_within(probe.difference(run))}; {_onnx_latency(folder, probe)}"


def _onnx_latency(folder: Path, probe: Probe) -> str:
    from orchestrator.config.runtimes import Runtime
    from orchestrator.measure.bench import Bench
    from orchestrator.measure.conditions import Setup, conditions_of
    from orchestrator.report.wording import conditions

    _, *image = probe.shape
    setup = Setup(input_shape=(image[0], image[1], image[2]), runtime=Runtime.ONNXRUNTIME)
    bench = Bench(setup)
    bench.build([folder / ONNX_FILE])
    (found,), _ = bench.measure(time_limit_s=_TIME_LIMIT_S, min_rounds=3)
    contended = "; something else was running" if found.is_contended else ""
    interval = f"95 % interval {found.low_ms:.3g} to {found.high_ms:.3g}{contended}"
    return f"{found.median_ms:.3g} ms ({interval}): {conditions(conditions_of(setup))}"


def _within(difference: float) -> str:
    return f"logits of the probe {f'within {difference:.1g}' if difference else 'equal bit for bit'}"


def _need(*packages: str) -> None:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise _NotHere(f"needs {' and '.join(missing)}, not installed here")
