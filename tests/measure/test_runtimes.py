"""Each runtime runs the network that it is named for, and says what it lacks before anything is computed."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from orchestrator.config.runtimes import Runtime
from orchestrator.errors import BadInputError
from orchestrator.measure import runtimes
from orchestrator.measure.bench import Bench
from orchestrator.measure.clocks import cuda_timer, process_timer, thread_timer
from orchestrator.measure.conditions import Setup, conditions_of
from orchestrator.measure.laboratory import Laboratory
from orchestrator.measure.onnx_networks import onnx_runs
from orchestrator.measure.protocol import Timer
from orchestrator.measure.runtimes import check_setup
from orchestrator.measure.torch_networks import build
from search_spaces.registry import get_architecture

SETUP = Setup(input_shape=(3, 16, 16))
NETWORK = get_architecture("resnet18", depths=[1, 1], widths=[8, 16], num_classes=10)

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.fixture(autouse=True)
def denormal_numbers() -> Iterator[None]:
    """Measuring flushes them to zero, in a process of its own; other tests of this one count on them."""
    yield
    torch.set_flush_denormal(False)


def setup(**changes: object) -> Setup:
    return dataclasses.replace(SETUP, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("runtime", [Runtime.EAGER, Runtime.FOLDED])
def test_only_eager_keeps_its_batch_norms(runtime: Runtime) -> None:
    norms = [module for module in build(NETWORK.to_dict(), runtime).modules() if isinstance(module, nn.BatchNorm2d)]
    assert bool(norms) == (runtime is Runtime.EAGER)


def test_onnxruntime_computes_what_torch_does() -> None:
    wanted = setup(runtime=Runtime.ONNXRUNTIME, batch_size=2)
    (run,), _reference = onnx_runs([NETWORK.to_dict()], wanted)
    (logits_BK,) = run()  # type: ignore[misc]
    torch.manual_seed(0)
    model = build(NETWORK.to_dict(), Runtime.EAGER)
    image_BCHW = np.random.default_rng(0).random(wanted.batch_shape, dtype=np.float32)
    with torch.inference_mode():
        expected_BK = model(torch.from_numpy(image_BCHW)).numpy()
    np.testing.assert_allclose(logits_BK, expected_BK, atol=1e-4)


@pytest.mark.integration
def test_figures_of_onnxruntime_say_its_version_and_not_torchs() -> None:
    with Laboratory.start(setup(runtime=Runtime.ONNXRUNTIME)) as laboratory:
        (latency,) = laboratory.measure([NETWORK])
    assert latency.conditions == conditions_of(laboratory.setup)
    assert latency.conditions.runtime == "onnxruntime"
    assert latency.conditions.onnxruntime_version
    assert not latency.conditions.torch_version


@pytest.mark.slow
@pytest.mark.integration
def test_a_compiled_network_is_measured() -> None:
    with Laboratory.start(setup(runtime=Runtime.COMPILED)) as laboratory:
        (latency,) = laboratory.measure([NETWORK])
    assert latency.conditions.runtime == "compiled"


@pytest.mark.parametrize(
    ("runtime", "package", "hint"),
    [(Runtime.ONNXRUNTIME, "onnxruntime", "archfront[onnx]"), (Runtime.FOLDED, "torch", "torch>=2.11")],
)
def test_a_runtime_that_is_not_installed_is_refused_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, runtime: Runtime, package: str, hint: str
) -> None:
    monkeypatch.setattr(runtimes.importlib.util, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(BadInputError, match=f'latency.runtime = "{runtime}": needs {package}') as caught:
        Laboratory.start(setup(runtime=runtime))
    assert hint in caught.value.hint


def test_exported_networks_need_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes.importlib.util, "find_spec", lambda name: None if name == "torch" else object())
    check_setup(setup(runtime=Runtime.ONNXRUNTIME), is_exported=True)


def test_compiling_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(BadInputError, match=r"needs a C\+\+ compiler"):
        check_setup(setup(runtime=Runtime.COMPILED))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadInputError, match=r'latency\.device = "cuda": torch finds no GPU'):
        check_setup(setup(device="cuda"))


@pytest.mark.parametrize("timer", [thread_timer(), process_timer()])
def test_a_timer_reads_the_time_of_one_run(timer: Timer) -> None:
    reading = timer.read(lambda: sum(range(200_000)))
    assert 0.1 < reading.duration_ms < 1000
    assert reading.lost_ms is None or 0.0 <= reading.lost_ms <= reading.duration_ms


def test_time_that_the_thread_waits_is_time_lost() -> None:
    reading = thread_timer().read(lambda: time.sleep(0.02))
    assert reading.lost_ms is not None
    assert reading.lost_ms > 0.9 * reading.duration_ms


@pytest.mark.gpu
@needs_gpu
def test_events_of_a_gpu_time_what_it_computes() -> None:
    matrix_NN = torch.rand(4096, 4096, device="cuda")
    timer = cuda_timer()

    def products(count: int) -> float:
        return timer.read(lambda: [matrix_NN @ matrix_NN for _ in range(count)]).duration_ms

    products(1)
    once, thrice = products(10), products(30)
    assert thrice == pytest.approx(3 * once, rel=0.2)


@pytest.mark.gpu
@needs_gpu
def test_a_network_is_measured_on_a_gpu() -> None:
    bench = Bench(setup(device="cuda"))
    bench.build([NETWORK.to_dict()])
    (found,), _ = bench.measure(time_limit_s=0.5, min_rounds=5)
    assert 0.0 < found.median_ms < 100.0
    assert conditions_of(setup(device="cuda")).device.startswith("cuda: ")
