"""Figures and architectures in words, and the front as Markdown."""

from __future__ import annotations

import dataclasses
import re

import pytest

from orchestrator.objectives import NUM_PARAMETERS, Constraint
from orchestrator.report import to_markdown, wording
from tests.synthetic import completed, measured, study


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (161, "2 min 41 s"), (11_520, "3 h 12 min"), (-1.0, "0 s")],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


@pytest.mark.parametrize(
    ("median_ms", "text"), [(1.234, "1.23 ms"), (0.0412, "0.0412 ms"), (41.0, "41.0 ms"), (1234.5, "1,234 ms")]
)
def test_latencies_have_three_digits_and_no_exponent(median_ms: float, text: str) -> None:
    assert wording.latency(completed(0, 0.9, 10, 1.0, latency=measured(median_ms))).startswith(f"{text} (")
    assert wording.latency(completed(0, 0.9, 10, median_ms)) == f"≈ {text}"


@pytest.mark.parametrize(
    ("macs", "text"), [(2_041_344, "2.04 M"), (41_000, "0.0410 M"), (4_089_184_256, "4,089 M"), (0, "0.00 M")]
)
def test_macs_are_in_millions(macs: int, text: str) -> None:
    assert wording.macs(macs) == text


def test_an_architecture_shows_what_tells_it_from_the_others_of_its_family() -> None:
    one = {
        "schema_version": 1,
        "family": "densenet",
        "growth_rate": 8,
        "block_config": [2, 4],
        "compression": 0.5,
        "bn_size": 4,
    }
    other = one | {"growth_rate": 12, "block_config": [2, 6, 4]}
    shown = wording.fields_that_differ([one, other])
    assert wording.architecture(other, shown) == "k 12 · blocks 2-6-4"


def test_an_only_architecture_shows_all_that_a_search_can_choose() -> None:
    fields = {
        "schema_version": 1,
        "family": "resnet",
        "num_classes": 10,
        "depths": [1, 2],
        "memory_efficient": True,
        "drop_rate": 0.0,
    }
    text = wording.architecture(fields, wording.fields_that_differ([fields]))
    assert text == "depths 1-2 · memory efficient yes · drop rate 0"


def test_a_field_that_another_architecture_lacks_is_left_out() -> None:
    fields = [{"a": 1, "b": 2}, {"a": 3}]
    assert wording.architecture(fields[1], wording.fields_that_differ(fields)) == "a 3"


def test_the_markdown_front_has_a_row_for_each_member_and_the_conditions() -> None:
    lines = to_markdown(study(40)).splitlines()
    assert lines[0].startswith("| trial | family | architecture | parameters |")
    assert {line.count(" | ") for line in lines if line.startswith("|")} == {7}
    assert lines[-1].startswith("Choose ")
    assert lines[-3].startswith("Latency: median with its 95 % interval, cpu, 1 thread, batch 1 of 1 x 8 x 8")


def test_a_markdown_front_that_is_predicted_says_so() -> None:
    assert "provisional" in to_markdown(study(40, is_confirmed=False))


@pytest.mark.parametrize("name", ["a|b", "**bold**", "<script>", "[x](y)", "line\nbreak", "back\\slash|", "`code`"])
def test_no_name_breaks_a_markdown_row(name: str) -> None:
    snapshot = dataclasses.replace(study(0), records=(completed(0, 0.9, 10, 1.0, family=name),))
    row = to_markdown(snapshot).splitlines()[2]
    unescaped = re.findall(r"(?<!\\)(?:\\\\)*\|", row)
    assert len(unescaped) == 9
    assert not re.search(r"(?<!\\)(?:\\\\)*[<\[`*]", row)


@pytest.mark.parametrize("limit", [None, 1])
def test_an_empty_front_is_a_sentence(limit: int | None) -> None:
    constraints = () if limit is None else (Constraint(name=NUM_PARAMETERS, bound=limit),)
    snapshot = dataclasses.replace(study(0 if limit is None else 10), constraints=constraints)
    assert to_markdown(snapshot) == "The front is empty: no trial is COMPLETED inside the constraints.\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            {"low": 4, "condition": {"axis": "n", "values": [3, 4]}, "step": None},
            "low 4, condition (axis n, values 3, 4)",
        ),
        ([[1, 2], [3]], "1, 2, 3"),
        (None, wording.NONE),
        ("", wording.NONE),
        (0, "0"),
        (False, "False"),
    ],
)
def test_nested_settings_fit_into_a_line(value: object, text: str) -> None:
    assert wording.inline(value) == text
