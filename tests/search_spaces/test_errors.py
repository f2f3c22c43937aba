"""Errors say what is wrong and the way out, wherever they are read."""

from __future__ import annotations

import pickle

import pytest

from search_spaces.errors import ArchitectureError, GeometryError, WeightsError


@pytest.mark.parametrize("kind", [ArchitectureError, GeometryError, WeightsError])
def test_a_traceback_ends_with_the_way_out(kind: type[ArchitectureError]) -> None:
    assert str(kind("depth = 0: must be at least 1", hint="give at least 1")).endswith("at least 1; give at least 1")
    assert str(kind("no such file")) == "no such file"


def test_another_process_reads_message_and_way_out() -> None:
    error = pickle.loads(pickle.dumps(GeometryError("too small", hint="use larger images")))
    assert (type(error), error.message, error.hint) == (GeometryError, "too small", "use larger images")
