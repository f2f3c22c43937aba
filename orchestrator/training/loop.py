"""Trains one network from its first step, or from its last checkpoint, to its last epoch.

Legend: B images of a step's share, C channels, H height, W width.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import Recipe
from orchestrator.data.dataset import Dataset
from orchestrator.records import Cause, EpochReport, Phases
from orchestrator.training.batches import Batches
from orchestrator.training.checkpoint import Progress, save
from orchestrator.training.context import Context, StopTrial, TrialFailure
from orchestrator.training.memory import fitting_num_parts, memory_failure
from orchestrator.training.model_files import write_model
from orchestrator.training.phases import Stopwatch
from orchestrator.training.precision import Precision
from orchestrator.training.ranks import Ranks
from orchestrator.training.state import TrainingState
from orchestrator.training.step import Stepper
from orchestrator.training.validation import validate_average
from search_spaces.architecture import Architecture
from search_spaces.registry import build_model

MODEL_FOLDER = "model"

_STEPS_PER_CHECK_ON_GPU = 16
"""Looking at a loss waits for the GPU; a step that diverged is found this late there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalResult:
    """What a whole training gave; accuracy and loss are of the averaged weights on the validation split.

    Attributes:
        num_parts: in how many parts each step was done, because of the memory.
    """

    accuracy: float
    loss: float
    epochs: int
    wall_time_s: float
    num_steps: int
    num_parts: int
    precision: Precision


def train(
    architecture: Architecture,
    recipe: Recipe,
    dataset: Dataset,
    context: Context,
    *,
    build: Callable[[Architecture], nn.Module] = build_model,
    publish: Callable[[Path], object] = str,
    checkpoint_every_s: float = 300.0,
) -> FinalResult:
    """Trains, evaluates, checkpoints and reports epoch by epoch; leaves the averaged network in ``model/``.

    All ranks call it with equal arguments. On one device and an equal number of threads, a training that was
    interrupted at any step ends with the same weights, bit for bit, as an undisturbed one.

    Args:
        build: makes the network with the weights that it begins with.
        publish: called by rank 0 with each folder, a checkpoint's or the model's, as soon as it is whole.

    Raises:
        StopTrial: the context asked for it.
        TrialFailure: the loss is not finite, or the memory does not suffice.
        StorageError: a checkpoint can't be written.
        ValueError: the batch does not suit the data or the ranks.
    """
    with memory_failure():
        training = _Training.started(architecture, recipe, dataset, context, build=build, publish=publish)
        training.run(checkpoint_every_s=checkpoint_every_s)
        return training.finish(architecture)


class _Training:
    """A training under way."""

    def __init__(
        self,
        context: Context,
        stepper: Stepper,
        state: TrainingState,
        progress: Progress,
        *,
        publish: Callable[[Path], object],
    ) -> None:
        self.context = context
        self._publish = publish
        self.stepper = stepper
        self.state = state
        self.progress = progress
        self.ranks = stepper.batches.ranks
        self.num_steps = state.recipe.epochs * state.steps_per_epoch
        self._stopwatch = Stopwatch()
        self._timed_from = progress.step
        self._started_s = time.perf_counter() - progress.wall_time_s
        self._saved_s = time.perf_counter()
        self._saved_step = progress.step

    @classmethod
    def started(
        cls,
        architecture: Architecture,
        recipe: Recipe,
        dataset: Dataset,
        context: Context,
        *,
        build: Callable[[Architecture], nn.Module] = build_model,
        publish: Callable[[Path], object] = str,
    ) -> _Training:
        """Builds the network, fills it from the last checkpoint, and finds out how it fits into the memory."""
        ranks = Ranks(rank=context.rank, world_size=context.world_size, device=context.device)
        batches = Batches.on_device(dataset, recipe, seed=context.seed, ranks=ranks)
        torch.manual_seed(derive_seed(context.seed, "weights"))
        model = build(architecture).train()
        state = TrainingState.fresh(model, recipe, steps_per_epoch=batches.steps_per_epoch, device=ranks.device)
        progress = state.restore(context.directory, ranks)
        stepper = Stepper.of(state.network, batches)
        num_parts = fitting_num_parts(
            stepper.try_largest_part,
            num_parts=progress.num_parts,
            shard_size=batches.min_shard_size,
            ranks=ranks,
            predict=stepper.predicted_bytes,
            recompute=stepper.recompute,
        )
        training = cls(context, stepper, state, replace(progress, num_parts=num_parts), publish=publish)
        if progress.report is not None and progress.report.epoch * state.steps_per_epoch == progress.step:
            context.report(progress.report)
        return training

    def run(self, *, checkpoint_every_s: float) -> None:
        """All steps that are left."""
        while self.progress.step < self.num_steps:
            if self.context.stop_requested(self.progress.step):
                self._checkpoint()
                raise StopTrial
            self._do_step(checkpoint_every_s=checkpoint_every_s)

    def finish(self, architecture: Architecture) -> FinalResult:
        """Leaves the averaged weights in the network and, by rank 0, on the disk."""
        report = self.progress.report
        assert report is not None
        network = self.state.network
        network.values_V.copy_(self.state.average_V)
        if self.ranks.is_first:
            folder, dataset = self.context.directory / MODEL_FOLDER, self.stepper.batches.dataset
            write_model(folder, architecture, network.module, dataset)
            self._publish(folder)
        self.ranks.meet()
        return FinalResult(
            accuracy=report.accuracy,
            loss=report.loss,
            epochs=report.epoch,
            wall_time_s=self._wall_time_s(),
            num_steps=self.num_steps,
            num_parts=self.progress.num_parts,
            precision=self.stepper.precision,
        )

    def _checkpoint(self) -> None:
        """Saves the state, unless this very step is saved already."""
        if self.progress.step == self._saved_step:
            return
        self.progress = replace(self.progress, wall_time_s=self._wall_time_s())
        self._stopwatch.start()
        if self.ranks.is_first:
            self._publish(save(self.context.directory, self.progress, self.state.tensors))
        self.ranks.meet()  # storage may take longer than the contexts of the others wait for a message
        self._stopwatch.lap("checkpoint")
        self._saved_s, self._saved_step = time.perf_counter(), self.progress.step

    def _do_step(self, *, checkpoint_every_s: float) -> None:
        """One step; after the last of an epoch its end as well."""
        step, state = self.progress.step, self.state
        self._stopwatch.start()
        input_BCHW, labels_B = self.stepper.batches.at(step)
        self._stopwatch.lap("data")
        loss = self.stepper.add_gradients(step, input_BCHW, labels_B, num_parts=self.progress.num_parts)
        is_due = self.ranks.is_first and time.perf_counter() - self._saved_s >= checkpoint_every_s
        loss, is_due = self.ranks.add_with_flag(loss, flag=is_due)
        state.losses_S[step % state.steps_per_epoch] = loss
        state.update(step)
        self.progress = replace(self.progress, step=step + 1)
        self._check_losses()
        self._stopwatch.lap("step")
        if self.progress.step % state.steps_per_epoch == 0:
            self._finish_epoch()
        elif is_due:
            self._checkpoint()

    def _finish_epoch(self) -> None:
        """Evaluates the average; the checkpoint is on the disk before anybody hears of the epoch."""
        report = self._evaluated()
        if not report.is_finite:
            raise TrialFailure(Cause.DIVERGED, f"validation loss {report.loss} after epoch {report.epoch}")
        self.progress = replace(self.progress, report=report)
        self._checkpoint()
        # The checkpoint holds the report without its own seconds; a resumed trial tells no more than that of it.
        self.context.report(replace(report, phases=self._phases()))
        self._stopwatch.reset()
        self._timed_from = self.progress.step

    def _evaluated(self) -> EpochReport:
        evaluation = validate_average(self.state, self.stepper, num_parts=self.progress.num_parts)
        train_loss = float(self.state.losses_S.mean())
        self._stopwatch.lap("validation")
        return EpochReport(
            epoch=self.progress.step // self.state.steps_per_epoch,
            accuracy=evaluation.accuracy,
            loss=evaluation.loss,
            train_loss=train_loss,
            wall_time_s=self._wall_time_s(),
            top5_accuracy=evaluation.top5_accuracy,
            phases=self._phases(),
        )

    def _phases(self) -> Phases:
        """Of this attempt's part of the epoch."""
        num_steps = self.progress.step - self._timed_from
        return self._stopwatch.phases(num_images=num_steps * self.state.recipe.batch_size)

    def _check_losses(self) -> None:
        num_done = (self.progress.step - 1) % self.state.steps_per_epoch + 1
        interval = _STEPS_PER_CHECK_ON_GPU if self.ranks.device.type == "cuda" else 1
        if num_done % interval and num_done < self.state.steps_per_epoch:
            return
        broken = self.state.losses_S[:num_done].isfinite().logical_not().nonzero()
        if len(broken):
            index = int(broken[0])
            step = self.progress.step - num_done + index + 1
            raise TrialFailure(Cause.DIVERGED, f"loss {float(self.state.losses_S[index])} at step {step}")

    def _wall_time_s(self) -> float:
        return time.perf_counter() - self._started_s
