"""How well a latency repeats itself, and who is wrongly called faster: ``python -m tests.benchmarks.latency``.

The same networks (folded, batch 1, one thread), measured several times, each time by a fresh process:

- archfront: ``orchestrator.measure``, with intervals; A is called faster than B where they are apart. As in a study,
  one session before the others, which does not count, says what full speed is.
- median of 30: three runs to warm up, then the median of thirty, one network after the other.
- torch.utils.benchmark: ``blocked_autorange`` for 0.2 s a network, its median.
- one run: no warm-up, the mean of ``num_trials = 1`` runs, the default of Archai's AvgOnnxLatency, on this runtime:
  https://microsoft.github.io/archai/_modules/archai/discrete_search/evaluators/onnx_model.html

With ``--stress`` two processes that multiply matrices run beside it. What is true comes from none of the methods: the
tenth of a hundred interleaved runs of each network by the thread's own clock, before those two start. They run at the
usual priority, and so do all methods but archfront's where the system lets it go ahead (administrators).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from orchestrator.measure.conditions import Setup
from orchestrator.measure.laboratory import Laboratory
from orchestrator.measure.references import reference_architectures
from search_spaces.architecture import Architecture, Task
from tests.benchmarks.machine import parser, publish
from tests.measure.spaces import default_space

TASK = Task(in_channels=3, num_classes=10, image_size=32)
SETUP = Setup(input_shape=(3, 32, 32))
NUM_HOGS = 2
CLEARLY_DIFFERENT = 0.05
_HOG = "import numpy as np; a = np.random.rand(512, 512).astype('f')\nwhile True: a @ a"

Interval = tuple[float, float, float]
"""Latency in milliseconds, and the ends of its interval; the same three times where a method gives none."""


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--stress", action="store_true", help="two processes hog the cores meanwhile")
    options.add_argument("--worker", choices=WORKERS, help="for the benchmark itself")
    given = options.parse_args()
    if given.worker:
        json.dump(WORKERS[given.worker](_runs(json.load(sys.stdin))), sys.stdout)
        return
    num_networks = 9 if given.quick else 24
    num_repetitions = 4 if given.quick or given.stress else 6  # processes start slowly under stress
    networks = reference_architectures(default_space(TASK), TASK, seed=0, n=num_networks)
    true_ms = np.array([one[0] for one in _in_a_process("truth", networks)])
    rows = []
    with _hogs(NUM_HOGS if given.stress else 0):
        for name, measured in METHODS.items():
            start_s = time.perf_counter()
            repetitions = [measured(networks) for _ in range(num_repetitions)]
            seconds = (time.perf_counter() - start_s) / num_repetitions
            rows.append({"method": name, **figures(np.array(repetitions), true_ms), "s each time": seconds})
    load = f"{NUM_HOGS} processes hog the cores" if given.stress else f"load average {os.getloadavg()[0]:.1f}"
    publish(f"{num_networks} networks for 32 x 32 images, n = {num_repetitions}, {load}", rows, to=given.json)


def figures(intervals_RN3: Any, true_ms: Any) -> dict[str, Any]:
    """Legend: R repetitions, N networks."""
    times_RN = intervals_RN3[:, :, 0]
    variation_N = times_RN.std(axis=0, ddof=1) / times_RN.mean(axis=0)
    pairs = list(itertools.combinations(times_RN, 2))
    statements, wrong = _dominations(intervals_RN3, true_ms)
    return {
        "variation (median)": float(np.median(variation_N)),
        "variation (worst)": float(variation_N.max()),
        "rank correlation": statistics.mean(float(spearmanr(*pair).statistic) for pair in pairs),
        "order of pairs > 5 %": statistics.mean(_agreement(times_N, true_ms) for times_N in times_RN),
        "called faster": statements,
        "wrongly": wrong,
    }


def _agreement(times_N: Any, true_ms: Any) -> float:
    """Kendall's tau over the pairs of networks that clearly differ in truth."""
    signs = [
        np.sign(times_N[b] - times_N[a]) * np.sign(true_ms[b] - true_ms[a])
        for a, b in itertools.combinations(range(len(true_ms)), 2)
        if abs(true_ms[b] / true_ms[a] - 1.0) > CLEARLY_DIFFERENT
    ]
    return float(np.mean(signs))


def _dominations(intervals_RN3: Any, true_ms: Any) -> tuple[int, int]:
    """How often a network was called faster than another, and how often the truth is the reverse."""
    statements = wrong = 0
    for intervals_N3 in intervals_RN3:
        for a, b in itertools.permutations(range(len(true_ms)), 2):
            if intervals_N3[a][2] < intervals_N3[b][1]:
                statements += 1
                wrong += true_ms[a] > true_ms[b]
    return statements, int(wrong)


class _Ours:
    """As a study measures: every session at the level of those before it, the first as its calibration."""

    def __init__(self) -> None:
        self._reference_ms: float | None = None

    def __call__(self, networks: Sequence[Architecture]) -> list[Interval]:
        if self._reference_ms is None:
            self._session(networks)
        return self._session(networks)

    def _session(self, networks: Sequence[Architecture]) -> list[Interval]:
        with Laboratory.start(SETUP) as laboratory:
            laboratory.reference_ms = self._reference_ms
            measured = laboratory.measure(networks)
            self._reference_ms = laboratory.reference_ms
        return [(one.median_ms, one.low_ms, one.high_ms) for one in measured]


def _in_a_process(name: str, networks: Sequence[Architecture]) -> list[Interval]:
    command = [sys.executable, "-m", "tests.benchmarks.latency", "--worker", name]
    text = json.dumps([one.to_dict() for one in networks])
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return [(value, value, value) for value in json.loads(done.stdout)]


def _runs(networks: Sequence[dict[str, Any]]) -> list[Callable[[], object]]:
    """Built as archfront builds them, but not yet run."""
    import torch

    from orchestrator.measure.torch_networks import build

    torch.set_num_threads(SETUP.num_threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    image_BCHW = torch.rand(SETUP.batch_shape).contiguous(memory_format=torch.channels_last)

    def run_of(model: Any) -> Callable[[], object]:
        model = model.to(memory_format=torch.channels_last)

        def run() -> object:
            with torch.inference_mode():
                return model(image_BCHW)

        return run

    return [run_of(build(fields, SETUP.runtime)) for fields in networks]


def _timed_ms(run: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    start_s = clock()
    run()
    return (clock() - start_s) * 1e3


def _median_of_30(runs: Sequence[Callable[[], object]]) -> list[float]:
    return [statistics.median([_timed_ms(run) for _ in range(33)][3:]) for run in runs]


def _torch_benchmark(runs: Sequence[Callable[[], object]]) -> list[float]:
    from torch.utils.benchmark import Timer

    return [Timer("run()", globals={"run": run}).blocked_autorange(min_run_time=0.2).median * 1e3 for run in runs]


def _one_run(runs: Sequence[Callable[[], object]]) -> list[float]:
    return [_timed_ms(run) for run in runs]


def _truth(runs: Sequence[Callable[[], object]]) -> list[float]:
    """Each visit begins with a run that does not count, as the others' runs follow one another, too."""
    rounds = [[[_timed_ms(run, time.thread_time) for _ in range(5)][1:] for run in runs] for _ in range(25)]
    return [float(np.quantile(np.array(visits), 0.1)) for visits in zip(*rounds, strict=True)]


WORKERS = {"median": _median_of_30, "torch": _torch_benchmark, "once": _one_run, "truth": _truth}

METHODS: dict[str, Callable[[Sequence[Architecture]], list[Interval]]] = {
    "archfront": _Ours(),
    "median of 30": lambda networks: _in_a_process("median", networks),
    "torch.utils.benchmark": lambda networks: _in_a_process("torch", networks),
    "one run (Archai's default)": lambda networks: _in_a_process("once", networks),
}


@contextlib.contextmanager
def _hogs(count: int) -> Iterator[None]:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    processes = [subprocess.Popen([sys.executable, "-c", _HOG], env=environment) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
