"""Times training steps of networks on black images: nothing is learned, and nothing kept. Imports torch where it runs.

Legend: N images, B images of a step, C channels, H height, W width.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from orchestrator.config.settings import SearchConfig
from search_spaces.architecture import Architecture
from search_spaces.registry import build_model

if TYPE_CHECKING:
    import torch

    from orchestrator.data.dataset import Dataset
    from orchestrator.training.state import TrainingState
    from orchestrator.training.step import Stepper

_FIRST_IMAGES = 2
_MAX_STEPS = 100


def time_steps(config: SearchConfig, networks: Sequence[Architecture], seconds: float) -> list[float] | None:
    """Seconds of one worker's share of a step of each network, found in about so many each.

    None where trials train on a GPU and this machine has none. Images are not decoded, and gradients not exchanged.
    """
    import torch

    from orchestrator.training.reset import reset_global_state, warm_up

    if config.resources.gpus_per_worker and not torch.cuda.is_available():
        return None
    device = torch.device("cuda" if config.resources.gpus_per_worker else "cpu")
    reset_global_state(num_threads=config.resources.cpus_per_worker)
    warm_up()
    return [_step_s(config, network, device, seconds) for network in networks]


def _step_s(config: SearchConfig, network: Architecture, device: torch.device, seconds: float) -> float:
    """Of a whole share where there is time for it, else in proportion to the images of a smaller one."""
    until_s = time.perf_counter() + seconds
    share = max(2, config.recipe.batch_size // config.resources.workers_per_trial)
    num_images = min(share, _FIRST_IMAGES)
    while True:
        trial = _Trial.of(config, network, num_images, device)
        first_s = trial.step_s()
        if first_s > seconds / 2:
            return first_s * share / num_images
        if num_images == share or trial.step_s() * 8 > seconds:
            break
        num_images = min(share, 4 * num_images)
    times_s = [trial.step_s()]
    while time.perf_counter() < until_s and len(times_s) < _MAX_STEPS:
        times_s.append(trial.step_s())
    return statistics.median(times_s) * share / num_images


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Trial:
    """A network that steps can be made of."""

    state: TrainingState
    stepper: Stepper

    @classmethod
    def of(cls, config: SearchConfig, network: Architecture, num_images: int, device: torch.device) -> Self:
        from orchestrator.training.batches import Batches
        from orchestrator.training.ranks import Ranks
        from orchestrator.training.state import TrainingState
        from orchestrator.training.step import Stepper

        # Crops need originals, which black images have none of.
        recipe = replace(config.recipe, batch_size=num_images, min_crop_area=0.0)
        ranks = Ranks(rank=0, world_size=1, device=device)
        batches = Batches.on_device(_black(config, num_images), recipe, seed=0, ranks=ranks)
        state = TrainingState.fresh(build_model(network).train(), recipe, steps_per_epoch=1, device=device)
        return cls(state=state, stepper=Stepper.of(state.network, batches))

    def step_s(self) -> float:
        """How long one step takes, its images' augmentation and its update included."""
        started_s = time.perf_counter()
        input_BCHW, labels_B = self.stepper.batches.at(0)
        loss = self.stepper.add_gradients(0, input_BCHW, labels_B, num_parts=1)
        self.state.update(0)
        # Waits for the device.
        float(loss)
        float(self.state.average_V[0])
        return time.perf_counter() - started_s


def _black(config: SearchConfig, num_images: int) -> Dataset:
    import torch

    from orchestrator.data.dataset import Dataset
    from orchestrator.data.split import TensorSplit

    task = config.task
    split = TensorSplit(
        images_NCHW=torch.zeros((num_images, task.in_channels, task.image_size, task.image_size), dtype=torch.uint8),
        labels_N=torch.zeros(num_images, dtype=torch.int64),
    )
    channels = (0.5,) * task.in_channels
    names = tuple(str(label) for label in range(task.num_classes))
    return Dataset(
        task=task,
        class_names=names,
        train=split,
        validation=split,
        test=split,
        mean=channels,
        std=channels,
        fingerprint="",
    )
