"""Reference networks cover a space."""

from __future__ import annotations

from collections import Counter

import pytest

from orchestrator.config.runtimes import Runtime
from orchestrator.measure.features import latency_features
from orchestrator.measure.references import reference_architectures
from search_spaces.parameters import FloatParameter, IntParameter
from search_spaces.registry import get_family
from search_spaces.space import SearchSpace
from tests.measure.spaces import DIGITS, FAMILIES, default_space


@pytest.mark.parametrize("n", [3, 16, 18])
def test_families_share_the_references_as_evenly_as_they_divide(n: int) -> None:
    counts = Counter(network.family for network in reference_architectures(default_space(), DIGITS, seed=0, n=n))
    assert sum(counts.values()) == n
    assert set(counts) == set(FAMILIES)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_references_differ_from_one_another() -> None:
    references = reference_architectures(default_space(), DIGITS, seed=0)
    assert len({network.architecture_id for network in references}) == len(references)


def test_no_reference_comes_twice_where_networks_differ_in_nothing_that_takes_time() -> None:
    axes = {"drop_rate": FloatParameter(name="drop_rate", low=0.0, high=0.9)}
    space = SearchSpace(families=(get_family("densenet").space(axes, DIGITS),))
    references = reference_architectures(space, DIGITS, seed=0, n=6)
    assert len({network.architecture_id for network in references}) == len(references) == 6


def test_equal_seeds_give_equal_references() -> None:
    space = default_space()
    assert reference_architectures(space, DIGITS, seed=5) == reference_architectures(space, DIGITS, seed=5)
    assert reference_architectures(space, DIGITS, seed=5) != reference_architectures(space, DIGITS, seed=6)


def test_every_kind_of_layer_of_the_space_is_in_some_reference() -> None:
    def kinds(seed: int, n: int) -> set[str]:
        networks = reference_architectures(default_space(), DIGITS, seed=seed, n=n)
        return {name for one in networks for name in latency_features(one.layers(8), Runtime.EAGER)}

    assert kinds(seed=0, n=18) == kinds(seed=1, n=200)


def test_references_span_the_costs_of_a_family() -> None:
    space = SearchSpace(families=(get_family("resnet").default_space(DIGITS),))
    few = [network.macs(8) for network in reference_architectures(space, DIGITS, seed=0, n=6)]
    many = [network.macs(8) for network in reference_architectures(space, DIGITS, seed=1, n=200)]
    assert min(few) < 2 * min(many)
    assert max(few) > max(many) / 2


def test_a_space_of_two_networks_gives_both() -> None:
    axes = {"growth_rate": IntParameter(name="growth_rate", low=8, high=16, step=8)}
    space = SearchSpace(families=(get_family("densenet").space(axes, DIGITS),))
    assert len(reference_architectures(space, DIGITS, seed=0)) == 2
