"""Learning rate and averaging as pure functions of the step: a resumed trial needs no state for them."""

from __future__ import annotations

from orchestrator.config.settings import Recipe


def learning_rate(recipe: Recipe, step: int, *, steps_per_epoch: int) -> float:
    """Warm-up-stable-decay (Hu et al. 2024): linear up, constant, linear down to one step above 0.

    Args:
        step: counted from 0 over the whole trial.
    """
    num_steps = recipe.epochs * steps_per_epoch
    warmup_steps = recipe.warmup_epochs * steps_per_epoch
    decay_steps = recipe.decay_share * num_steps
    rising = (step + 1) / warmup_steps if warmup_steps else 1.0
    falling = (num_steps - step) / decay_steps if decay_steps else 1.0
    return recipe.learning_rate * min(1.0, rising, falling)


def average_decay(recipe: Recipe, step: int) -> float:
    """Share of the old average that is kept at this step.

    It grows from 0.1, so that the average forgets the initial weights and means something after one epoch.
    """
    return min(recipe.average_decay, (1 + step) / (10 + step))
