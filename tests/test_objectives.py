"""Quantities and constraints as people write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.objectives import (
    ACCURACY,
    DIRECTIONS,
    FILE_BYTES,
    LATENCY_MS,
    MACS,
    NUM_PARAMETERS,
    PEAK_MEMORY_BYTES,
    THROUGHPUT_PER_S,
    Constraint,
    Direction,
    cost,
    format_quantity,
    parse_constraint,
    parse_quantity,
)

NAMES = st.sampled_from(sorted(DIRECTIONS))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        (NUM_PARAMETERS, "1M", 1e6),
        (NUM_PARAMETERS, "1_000_000", 1e6),
        (NUM_PARAMETERS, "1,000,000", 1e6),
        (NUM_PARAMETERS, " 250 k ", 250e3),
        (NUM_PARAMETERS, "1.5K", 1500),
        (NUM_PARAMETERS, "1e6", 1e6),
        (NUM_PARAMETERS, "2B", 2e9),
        (NUM_PARAMETERS, 21_386, 21_386),
        (MACS, "4.1G", 4.1e9),
        (LATENCY_MS, "5 ms", 5),
        (LATENCY_MS, "0.5s", 500),
        (LATENCY_MS, "500us", 0.5),
        (LATENCY_MS, "500 µs", 0.5),
        (FILE_BYTES, "20 MB", 20e6),
        (FILE_BYTES, "1.5 MiB", 1.5 * 2**20),
        (PEAK_MEMORY_BYTES, "512kB", 512e3),
        (THROUGHPUT_PER_S, "500 /s", 500),
        (THROUGHPUT_PER_S, "1.2k/s", 1200),
        (ACCURACY, "98 %", 0.98),
        (ACCURACY, "98.5%", 0.985),
        (ACCURACY, "0.98", 0.98),
        (ACCURACY, 1, 1.0),
    ],
)
def test_quantities_are_read_in_the_unit_of_their_figure(name: str, text: str | float, value: float) -> None:
    assert parse_quantity(name, text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (LATENCY_MS, "5", r'give a unit: "5 ms"'),
        (LATENCY_MS, 5, r'give a unit: "5 ms"'),
        (LATENCY_MS, "5 M", r'unknown unit "M"; write it like "5 ms"'),
        (FILE_BYTES, "20", r'give a unit: "20 B"'),
        (PEAK_MEMORY_BYTES, 1_000_000, r'give a unit: "1000000 B"'),
        (FILE_BYTES, "20 M", r'unknown unit "M"; write it like "20 MB"'),
        (THROUGHPUT_PER_S, 500, r'give a unit: "500 /s"'),
        (NUM_PARAMETERS, "5 ms", r'unknown unit "ms"; write it like "1M"'),
        (NUM_PARAMETERS, "5 %", "unknown unit"),
        (ACCURACY, "98", "must be between 0 and 1, got 98"),
        (ACCURACY, "-1 %", "must be between 0 and 1"),
        (NUM_PARAMETERS, True, "must be a quantity such as .*got true"),
        (NUM_PARAMETERS, "many", 'must be a quantity such as "1M", got "many"'),
        (NUM_PARAMETERS, "", "must be a quantity"),
        (NUM_PARAMETERS, "1.2.3", "must be a quantity"),
        (NUM_PARAMETERS, math.nan, "finite"),
        (NUM_PARAMETERS, math.inf, "finite"),
        (NUM_PARAMETERS, "1e400", "finite"),
        (ACCURACY, "nan", "must be a quantity"),
    ],
)
def test_what_is_no_quantity_is_refused_with_a_way_out(name: str, text: str | float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_quantity(name, text)


@given(NAMES, st.one_of(st.text(max_size=12), st.floats(), st.integers(-(10**30), 10**30), st.booleans()))
def test_any_text_or_number_gives_a_finite_quantity_or_a_value_error(name: str, text: str | float) -> None:
    try:
        value = parse_quantity(name, text)
    except ValueError:
        return
    assert math.isfinite(value)


@given(st.integers(1, 10**12))
def test_a_count_survives_being_written_and_read(count: int) -> None:
    assert parse_quantity(NUM_PARAMETERS, format_quantity(NUM_PARAMETERS, count)) == count


@given(st.integers(1, 999))
def test_a_latency_survives_being_written_and_read(digits: int) -> None:
    for value in (digits / 1000, digits / 10, digits):
        assert parse_quantity(LATENCY_MS, format_quantity(LATENCY_MS, value)) == pytest.approx(value)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (LATENCY_MS, 999.4, "999 ms"),
        (LATENCY_MS, 999.7, "1,000 ms"),
        (THROUGHPUT_PER_S, 999.5, "1,000 /s"),
        (FILE_BYTES, 999_499, "999 kB"),
        (FILE_BYTES, 999_700, "1 MB"),
        (PEAK_MEMORY_BYTES, 999.7e9, "1,000 GB"),
    ],
)
def test_a_figure_that_rounds_up_to_a_thousand_is_written_without_an_exponent(
    name: str, value: float, text: str
) -> None:
    assert format_quantity(name, value) == text


@pytest.mark.parametrize(
    ("name", "text", "constraint"),
    [
        (NUM_PARAMETERS, "<= 1M", "num_parameters at most 1,000,000"),
        (NUM_PARAMETERS, "1M", "num_parameters at most 1,000,000"),
        (NUM_PARAMETERS, 50_000, "num_parameters at most 50,000"),
        (LATENCY_MS, "<=2.5ms", "latency_ms at most 2.5 ms"),
        (ACCURACY, ">= 98 %", "accuracy at least 0.9800"),
        (FILE_BYTES, "<= 20 MB", "file_bytes at most 20 MB"),
        (THROUGHPUT_PER_S, ">= 500 /s", "throughput_per_s at least 500 /s"),
    ],
)
def test_constraints_are_read_and_say_what_they_mean(name: str, text: str | float, constraint: str) -> None:
    assert str(parse_constraint(name, text)) == constraint


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (NUM_PARAMETERS, ">= 1M", 'must start with "<=", got ">="'),
        (ACCURACY, "<= 0.9", 'must start with ">=", got "<="'),
        (NUM_PARAMETERS, "< 1M", 'must start with "<=", got "<"'),
        (NUM_PARAMETERS, "<= 0", "must be above 0"),
        (NUM_PARAMETERS, -5, "must be above 0"),
        (NUM_PARAMETERS, "<=", "must be a quantity"),
        (NUM_PARAMETERS, "<= <= 5", "must be a quantity"),
        (LATENCY_MS, "<= 5", "give a unit"),
    ],
)
def test_what_is_no_constraint_is_refused(name: str, text: str | float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_constraint(name, text)


@given(NAMES, st.floats(1e-6, 1e9), st.floats(-1e9, 1e9))
def test_a_violation_is_positive_outside_and_not_inside(name: str, bound: float, value: float) -> None:
    violation = Constraint(name=name, bound=bound).violation(value)
    is_outside = value > bound if DIRECTIONS[name] is Direction.MINIMIZE else value < bound
    assert (violation > 0) == is_outside


def test_a_violation_is_relative_to_its_bound() -> None:
    assert Constraint(name=NUM_PARAMETERS, bound=100).violation(125) == pytest.approx(0.25)
    assert Constraint(name=ACCURACY, bound=0.8).violation(0.6) == pytest.approx(0.25)
    assert Constraint(name=NUM_PARAMETERS, bound=100).violation(50) == pytest.approx(-0.5)


@pytest.mark.parametrize("name", sorted(DIRECTIONS))
def test_the_sign_turns_every_figure_into_one_to_be_minimised(name: str) -> None:
    better, worse = (0.9, 0.8) if DIRECTIONS[name] is Direction.MAXIMIZE else (1.0, 2.0)
    assert DIRECTIONS[name].sign * better < DIRECTIONS[name].sign * worse


@given(st.floats(1.0, 1e15))
def test_a_size_survives_being_written_and_read_with_three_digits(num_bytes: float) -> None:
    assert parse_quantity(FILE_BYTES, format_quantity(FILE_BYTES, num_bytes)) == pytest.approx(num_bytes, rel=0.006)


@given(NAMES.filter(lambda name: name != ACCURACY), st.floats(1e-3, 1e9), st.floats(1e-3, 1e9))
def test_a_better_figure_costs_less(name: str, one: float, other: float) -> None:
    is_better = DIRECTIONS[name].sign * one < DIRECTIONS[name].sign * other
    assert not (is_better and cost(name, one) > cost(name, other))


@pytest.mark.parametrize("text", ["1,5 ms", "1,,,0 ms", "1_ ms", "12,34 ms"])
def test_commas_and_underscores_stand_between_thousands_only(text: str) -> None:
    with pytest.raises(ValueError, match="quantity"):
        parse_quantity(LATENCY_MS, text)


@pytest.mark.parametrize("tenths", [570, 940, 950])
def test_a_percentage_is_the_fraction_it_says(tenths: int) -> None:
    assert parse_quantity(ACCURACY, f"{tenths / 10} %") == tenths / 1000


def test_a_second_is_written_without_an_exponent() -> None:
    assert "e" not in format_quantity(LATENCY_MS, 1234.5)


def test_an_integer_beyond_floats_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        parse_quantity(NUM_PARAMETERS, 10**400)


def test_both_letters_for_micro_are_read() -> None:
    assert parse_quantity(LATENCY_MS, "5 \N{GREEK SMALL LETTER MU}s") == pytest.approx(0.005)
