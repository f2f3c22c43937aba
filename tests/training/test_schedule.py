from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.settings import Recipe, ScheduleName
from orchestrator.training.schedule import average_decay, learning_rate

RECIPE = Recipe(epochs=10, learning_rate=0.4, warmup_epochs=2, decay_share=0.3)


def rates(recipe: Recipe, steps_per_epoch: int) -> list[float]:
    num_steps = recipe.epochs * steps_per_epoch
    return [learning_rate(recipe, step, steps_per_epoch=steps_per_epoch) for step in range(num_steps)]


def test_it_rises_stays_and_falls() -> None:
    values = rates(RECIPE, 5)
    assert values[:10] == pytest.approx([0.4 * (step + 1) / 10 for step in range(10)])
    assert values[10:35] == [0.4] * 25
    assert values[35:] == pytest.approx([0.4 * (15 - step) / 15 for step in range(15)])


@given(
    st.builds(
        Recipe,
        epochs=st.integers(1, 30),
        warmup_epochs=st.floats(0, 40),
        decay_share=st.floats(0, 1),
        learning_rate=st.floats(1e-4, 10),
    ),
    st.integers(1, 50),
)
def test_it_is_above_0_and_never_above_the_recipes(recipe: Recipe, steps_per_epoch: int) -> None:
    assert all(0 < value <= recipe.learning_rate for value in rates(recipe, steps_per_epoch))


def test_it_is_constant_without_warm_up_and_decay() -> None:
    assert set(rates(Recipe(warmup_epochs=0, decay_share=0, learning_rate=0.2), 4)) == {0.2}


def test_until_the_decay_it_does_not_depend_on_the_number_of_epochs() -> None:
    longer = Recipe(epochs=20, learning_rate=0.4, warmup_epochs=2, decay_share=0.3)
    assert rates(longer, 5)[:35] == rates(RECIPE, 5)[:35]


def test_the_average_forgets_the_initial_weights_and_then_keeps_the_recipes_share() -> None:
    recipe = Recipe(average_decay=0.98)
    shares = [average_decay(recipe, step) for step in range(1000)]
    assert shares[0] == pytest.approx(0.1)
    assert shares == sorted(shares)
    assert shares[-1] == 0.98
    assert average_decay(Recipe(average_decay=0), 500) == 0


STEPS = Recipe(
    epochs=8,
    learning_rate=0.4,
    warmup_epochs=1,
    schedule=ScheduleName.STEPS,
    milestones=(0.5, 0.75),
    step_factor=0.1,
)


def test_steps_divide_the_learning_rate_at_each_milestone() -> None:
    values = rates(STEPS, 5)
    assert values[:5] == pytest.approx([0.08, 0.16, 0.24, 0.32, 0.4])
    assert values[5:] == pytest.approx([0.4] * 15 + [0.04] * 10 + [0.004] * 10)


def test_without_milestones_it_stays() -> None:
    recipe = replace(STEPS, milestones=(), warmup_epochs=0)
    assert rates(recipe, 3) == [0.4] * 24
    assert recipe.falling_share == 0


def test_epochs_at_the_full_learning_rate_are_told_from_those_that_fall() -> None:
    assert STEPS.falling_share == 0.5
    assert RECIPE.falling_share == RECIPE.decay_share
