"""Learning rate and averaging as pure functions of the step: a resumed trial needs no state for them."""

from __future__ import annotations

from orchestrator.config.settings import Recipe, ScheduleName


def learning_rate(recipe: Recipe, step: int, *, steps_per_epoch: int) -> float:
    """The learning rate of a step; it rises linearly over the epochs of the warm-up.

    Args:
        step: counted from 0 over the whole trial.
    """
    warmup_steps = recipe.warmup_epochs * steps_per_epoch
    rising = (step + 1) / warmup_steps if warmup_steps else 1.0
    falling = _FALLING[recipe.schedule](recipe, step, recipe.epochs * steps_per_epoch)
    return recipe.learning_rate * min(1.0, rising, falling)


def average_decay(recipe: Recipe, step: int) -> float:
    """Share of the old average that is kept at this step.

    It grows from 0.1, so that the average forgets the initial weights and means something after one epoch.
    """
    return min(recipe.average_decay, (1 + step) / (10 + step))


def _linear(recipe: Recipe, step: int, num_steps: int) -> float:
    """Warm-up-stable-decay (Hu et al. 2024): constant, then linear down to one step above 0."""
    decay_steps = recipe.decay_share * num_steps
    return (num_steps - step) / decay_steps if decay_steps else 1.0


def _stepwise(recipe: Recipe, step: int, num_steps: int) -> float:
    """A factor at each milestone (He et al. 2016, sec. 4.2)."""
    num_passed = sum(step >= milestone * num_steps for milestone in recipe.milestones)
    return recipe.step_factor**num_passed


_FALLING = {ScheduleName.STABLE_DECAY: _linear, ScheduleName.STEPS: _stepwise}
