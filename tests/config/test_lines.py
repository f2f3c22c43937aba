from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.lines import key_lines

TEXT = '''# a comment with [brackets] and = signs
top = 1

[study]  # the first table
name = "a # b [c] = d"
"odd key".'sub' = [
  1,  # ] in a comment
  "]",
]
text = """
name = 2
"""
literal = \'\'\'
[data]
\'\'\'
[space.densenet]
growth_rate = {low = 1, high = 2}
'''


def test_every_key_is_found_on_its_line() -> None:
    assert key_lines(TEXT) == {
        ("top",): [2],
        ("study",): [4],
        ("study", "name"): [5],
        ("study", "odd key", "sub"): [6],
        ("study", "text"): [10],
        ("study", "literal"): [13],
        ("space", "densenet"): [16],
        ("space", "densenet", "growth_rate"): [17],
    }


def test_lines_end_as_on_windows_too() -> None:
    assert key_lines(TEXT.replace("\n", "\r\n")) == key_lines(TEXT)


def test_a_key_given_twice_has_both_lines() -> None:
    assert key_lines("[a]\nb = 1\nb = 2\n[a]\n") == {("a",): [1, 4], ("a", "b"): [2, 3]}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", ['"""' * 9_999, "[" * 30_000, "a = [" + '"' * 29_999, "a" * 30_000, 'a = "\\' * 9_999])
def test_broken_text_is_passed_over(text: str) -> None:
    key_lines(text)


@given(st.text("[]{}=\"'\\#.,\n\r abc01é"))
def test_any_text_can_be_looked_at(text: str) -> None:
    lines = [line for found in key_lines(text).values() for line in found]
    assert all(1 <= line <= text.count("\n") + 1 for line in lines)


@given(st.text("[]{}=\"'\\#.,\n abc01é"))
def test_every_key_that_tomllib_finds_has_a_line(text: str) -> None:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert {path[0] for path in key_lines(text) if path} == set(tables)
