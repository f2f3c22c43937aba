"""Nodes that run different versions are refused with a table; nodes of two builds of one torch are not."""

from __future__ import annotations

import dataclasses

import pytest

from orchestrator.errors import BadInputError
from orchestrator.runtime.versions import Versions, check, probe

HEAD = Versions(node="head", python="3.11.9", ray="2.60.0", torch="2.15.0", archfront="0.1.0 0a1b2c3d")


def like_head(node: str, **changes: str) -> Versions:
    return dataclasses.replace(HEAD, node=node, **changes)


def test_equal_nodes_pass() -> None:
    check([HEAD, *(like_head(f"n{index}") for index in range(100))])


def test_builds_for_cpu_and_gpu_of_one_torch_pass() -> None:
    check([like_head("head", torch="2.15.0+cpu"), like_head("gpu", torch="2.15.0+cu130"), HEAD])


@pytest.mark.parametrize(
    "changes",
    [{"python": "3.12.1"}, {"ray": "2.61.0"}, {"torch": "2.14.0"}, {"archfront": "0.1.0 ffffffff"}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_node_that_differs_is_refused_with_a_table(changes: dict[str, str]) -> None:
    others = [like_head(f"n{index}") for index in range(5)]
    with pytest.raises(BadInputError) as refusal:
        check([HEAD, *others, like_head("odd", **changes)])
    header, first, second = (line.split() for line in refusal.value.message.splitlines()[1:])
    assert header == ["nodes", "Python", "ray", "torch", "archfront"]
    assert first[:6] == ["head,", "n0,", "n1", "and", "3", "more"]
    assert second[0] == "odd"
    assert next(iter(changes.values())) in " ".join(second)
    assert refusal.value.hint


def test_a_node_without_archfront_is_refused_even_where_all_are_so() -> None:
    with pytest.raises(BadInputError, match="absent absent"):
        check([like_head("n0", archfront="absent absent")])


def test_a_label_alone_is_no_difference() -> None:
    """A checkout that is taken along runs on nodes that have an older version installed."""
    check([HEAD, like_head("n1", archfront="0.0.9 0a1b2c3d")])


def test_the_probe_finds_this_source() -> None:
    from importlib.metadata import version

    found = probe()()
    assert found["torch"] == version("torch")
    assert len(found["archfront"].split()[1]) == 8
    check([Versions(node="a", **found), Versions(node="b", **probe()())])
