import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.tracking.presentation import MAX_TAG, finite_metrics, note, params, rounded, run_colour, run_name


def test_run_names_stay_within_the_nineteen_characters_that_are_shown() -> None:
    assert run_name(17, "densenet") == "17 densenet"
    assert len(run_name(123456, "a_family_with_a_long_name")) == 19


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.98765432, 0.9877), (21386, 21386), (7978856.0, 7978856.0), (0.000123456, 0.0001235), (0.0, 0.0)],
)
def test_figures_keep_four_decimals_or_four_digits(value: float, shown: float) -> None:
    assert rounded(value) == shown


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_moves_no_figure_by_more_than_it_shows(value: float) -> None:
    assert abs(rounded(value) - value) <= max(5.1e-5, 0.0)


def test_what_is_not_finite_is_never_logged() -> None:
    assert dict(finite_metrics({"a": math.inf, "b": math.nan, "c": -math.inf, "d": 1.0})) == {"d": 1.0}


def test_names_that_mlflow_refuses_are_made_acceptable() -> None:
    assert dict(finite_metrics({"top-1 (%)": 0.5, "x" * 300: 1.0})) == {"top-1 ___": 0.5, "x" * 250: 1.0}


def test_nested_params_are_flattened_and_written_for_people() -> None:
    written = params({"block_config": [6, 12], "stem": {"kernel_size": 3}, "memory_efficient": True, "unset": None})
    assert written == {"block_config": "6, 12", "stem.kernel_size": "3", "memory_efficient": "true"}


def test_the_note_keeps_the_part_that_is_not_given() -> None:
    both = note("", description="About.", front="| a |")
    assert both == "About.\n\n## Pareto front\n\n| a |"
    assert note(both, description=None, front="| b |") == "About.\n\n## Pareto front\n\n| b |"
    assert note(both, description="Anew.", front=None) == "Anew.\n\n## Pareto front\n\n| a |"


def test_a_long_note_is_cut_at_a_line() -> None:
    cut = note("", description="About.", front="\n".join(f"| row {row} |" for row in range(2000)))
    assert len(cut) <= MAX_TAG
    assert cut.endswith("|\n…")


def test_the_front_is_strong_in_every_family_and_families_differ() -> None:
    families = ("densenet", "resnet", "mobilenet", "vgg")
    assert len({run_colour(family, is_on_front=on) for family in families for on in (True, False)}) == 8
