"""How fast a training step is: ``python -m tests.benchmarks.step [--device cuda] [--precision P] [--compile]``.

Ours (input from the uint8 images, forward, backward, optimiser, average of the weights) against the plain way:
torchvision's module in NCHW float32, autograd and ``torch.optim.SGD(nesterov=True)``, with its input ready. Equal
weights, equal images, interleaved in one process, on one thread; on a CPU the time of the processor, which other
processes do not add to. Beside it the share of the device's own rate in products of large matrices in the format that
ours uses. At 32 pixels both networks have the stem for small images.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from orchestrator.config.settings import Recipe
from orchestrator.data.dataset import Dataset
from orchestrator.data.split import TensorSplit
from orchestrator.training.batches import Batches
from orchestrator.training.compilation import compile_step
from orchestrator.training.precision import Precision
from orchestrator.training.ranks import Ranks
from orchestrator.training.reset import warm_up
from orchestrator.training.state import TrainingState
from orchestrator.training.step import Stepper
from search_spaces import create_model
from search_spaces.architecture import Task
from search_spaces.summary import summarize
from tests.benchmarks.machine import median_interval, parser, publish

NUM_CLASSES = 100
MATRIX_SIDE = 4096
PASSES = 3
"""Forward, gradients of the inputs, gradients of the weights: about as many products each."""

Step = Callable[[], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A network and the images of a step."""

    name: str
    image_size: int
    batch_size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Both ways to train a network."""

    ours: Step
    plain: Step
    precision: Precision
    macs: int
    compilation_s: float


def cases(device: torch.device, *, quick: bool) -> Iterator[Case]:
    sizes = {32: 4} if quick else {224: 16, 32: 64} if device.type == "cpu" else {224: 64, 32: 512}
    for image_size, batch_size in sizes.items():
        for name in ("densenet121", "resnet18", "mobilenet_v2"):
            yield Case(name=name, image_size=image_size, batch_size=batch_size)


def pair(case: Case, device: torch.device, precision: Precision | None = None, *, is_compiled: bool = False) -> Pair:
    torch.manual_seed(0)
    dataset = random_images(case)
    recipe = Recipe(batch_size=case.batch_size, learning_rate=1e-3, warmup_epochs=0)
    ranks = Ranks(rank=0, world_size=1, device=device)
    batches = Batches.on_device(dataset, recipe, seed=0, ranks=ranks)
    stem = {"stem": "cifar"} if case.image_size == 32 else {}
    model = create_model(case.name, num_classes=NUM_CLASSES, **stem).train()
    module = _torchvision(case)
    module.load_state_dict(model.state_dict())
    state = TrainingState.fresh(model, recipe, steps_per_epoch=batches.steps_per_epoch, device=device)
    stepper = Stepper.of(state.network, batches)
    stepper = replace(stepper, precision=precision or stepper.precision, is_compiled=is_compiled)
    ours = _our_step(stepper, state)
    if is_compiled:
        compile_step(model)
    return Pair(
        ours=ours,
        plain=_plain_step(module.to(device), batches, recipe),
        precision=stepper.precision,
        macs=PASSES * case.batch_size * summarize(model.architecture, image_size=case.image_size).macs,
        compilation_s=seconds(ours, device) if is_compiled else 0.0,
    )


def _our_step(stepper: Stepper, state: TrainingState) -> Step:
    def step() -> None:
        stepper.add_gradients(0, *stepper.batches.at(0), num_parts=1)
        state.update(0)

    return step


def _plain_step(module: nn.Module, batches: Batches, recipe: Recipe) -> Step:
    input_BCHW, label_B = batches.at(0)
    input_BCHW = input_BCHW.contiguous()
    optimizer = torch.optim.SGD(
        module.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=True,
    )

    def step() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(module(input_BCHW), label_B).backward()
        optimizer.step()

    return step


def _torchvision(case: Case) -> nn.Module:
    module: Any = getattr(torchvision.models, case.name)(weights=None, num_classes=NUM_CLASSES)
    if case.image_size == 32:
        _take_small_stem(case.name, module)
    return module.train()


def _take_small_stem(name: str, module: Any) -> None:
    """What is usually changed for CIFAR: no halving of the image before the first block."""
    match name:
        case "densenet121":
            module.features.conv0 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
            for layer in ("norm0", "relu0", "pool0"):
                delattr(module.features, layer)
        case "resnet18":
            module.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
            module.maxpool = nn.Identity()
        case "mobilenet_v2":
            module.features[0][0].stride = (1, 1)


def random_images(case: Case) -> Dataset:
    side = case.image_size
    images_NCHW = torch.randint(256, (case.batch_size, 3, side, side), dtype=torch.uint8)
    split = TensorSplit(images_NCHW=images_NCHW, labels_N=torch.randint(NUM_CLASSES, (case.batch_size,)))
    return Dataset(
        task=Task(in_channels=3, num_classes=NUM_CLASSES, image_size=side),
        class_names=tuple(map(str, range(NUM_CLASSES))),
        train=split,
        validation=split,
        test=split,
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
        fingerprint="",
    )


def products_per_s(precision: Precision, device: torch.device, *, side: int = MATRIX_SIDE) -> float:
    """Multiply-accumulates a second in the product of large matrices, the best of five."""
    left = torch.randn(side, side, device=device, dtype=getattr(torch, precision))
    out: Tensor = torch.mm(left, left)
    return max(side**3 / seconds(lambda: torch.mm(left, left, out=out), device) for _ in range(5))


def seconds(step: Step, device: torch.device) -> float:
    _wait_for(device)
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    began = clock()
    step()
    _wait_for(device)
    return clock() - began


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(
    case: Case, device: torch.device, precision: Precision | None, *, num_rounds: int, is_compiled: bool = False
) -> dict[str, Any]:
    both = pair(case, device, precision, is_compiled=is_compiled)
    for _ in range(2):
        both.ours(), both.plain()
    times = [(seconds(both.ours, device), seconds(both.plain, device)) for _ in range(num_rounds)]
    ratio, low, high = median_interval([plain / ours for ours, plain in times])
    ours_s = median_interval([ours for ours, _ in times])[0]
    return {
        "network": case.name,
        "pixels": case.image_size,
        "batch": case.batch_size,
        "precision": str(both.precision),
        "plain (ms)": 1e3 * median_interval([plain for _, plain in times])[0],
        "ours (ms)": 1e3 * ours_s,
        "times as fast": ratio,
        "95 % low": low,
        "95 % high": high,
        "share of products": both.macs / ours_s / products_per_s(both.precision, device),
    } | ({"compilation (s)": both.compilation_s} if is_compiled else {})


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options.add_argument("--precision", type=Precision, help="of ours, instead of the one that suits the device")
    options.add_argument("--compile", action="store_true", help="ours, and say what its compilation took")
    chosen = options.parse_args()
    device = torch.device(chosen.device)
    torch.set_num_threads(1)
    warm_up()
    num_rounds = 1 if chosen.quick else 15
    rows = [
        measure(case, device, chosen.precision, num_rounds=num_rounds, is_compiled=chosen.compile)
        for case in cases(device, quick=chosen.quick)
    ]
    publish(
        f"training steps on {chosen.device}, torchvision's plain NCHW float32 against ours, n = {num_rounds}",
        rows,
        to=chosen.json,
    )


if __name__ == "__main__":
    main()
