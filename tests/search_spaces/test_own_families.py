"""Families of one's own, registered or installed, stand beside the built-in ones; a broken one is in nobody's way."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from search_spaces import (
    Architecture,
    ArchitectureError,
    Point,
    SearchSpace,
    Task,
    architecture_from_dict,
    create_model,
    get_architecture,
    get_family,
    list_families,
    list_models,
    register_family,
    registry,
)
from tests.search_spaces.stack_family import Stack, StackArchitecture, StackFamily, install

pytestmark = pytest.mark.usefixtures("own_registry")


def test_a_family_of_ones_own_is_searched_and_built_like_any_other(digits: Task) -> None:
    register_family(StackFamily())
    space = SearchSpace(families=(get_family("stack").default_space(digits),))
    assert space.num_points == 4
    architecture = registry.architecture(Point(family="stack", values={"width": 16}), digits)
    model = create_model(architecture)
    assert sum(parameter.numel() for parameter in model.parameters()) == architecture.num_parameters
    assert architecture_from_dict(architecture.to_dict()) == architecture
    assert "stack8" in list_models()
    assert isinstance(create_model("stack8"), Stack)


def test_a_name_is_given_to_one_family() -> None:
    class OtherStack(StackFamily):
        presets: ClassVar[Mapping[str, Architecture]] = {}

    class Resnet18(StackFamily):
        name = "other"
        presets: ClassVar[Mapping[str, Architecture]] = {"resnet18": StackArchitecture()}

    register_family(StackFamily())
    with pytest.raises(ArchitectureError, match="there is a family 'stack' already"):
        register_family(OtherStack())
    with pytest.raises(ArchitectureError, match="there is a model 'resnet18' already"):
        register_family(Resnet18())


def test_an_installed_family_is_loaded_when_it_is_first_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "stack = own_families:family")
    assert list_families() == ["densenet", "resnet", "mobilenet", "stack"]
    get_architecture("resnet18")
    assert "own_families" not in sys.modules
    assert get_family("stack").name == "stack"
    assert "own_families" in sys.modules


def test_a_model_of_an_installed_family_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "stack = own_families:family")
    assert get_architecture("stack8", width=4).to_dict()["width"] == 4


@pytest.mark.parametrize(
    ("entry_point", "message"),
    [
        ("stack = own_families:StackFamily", "entry point 'stack' of archfront.families is no family of that name"),
        ("other = own_families:family", "entry point 'other' of archfront.families is no family of that name"),
        ("stack = absent_module:family", "entry point 'stack' of archfront.families can't be loaded"),
    ],
)
def test_an_entry_point_that_names_no_family_is_refused(
    entry_point: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, entry_point)
    with pytest.raises(ArchitectureError) as refusal:
        get_family(entry_point.partition(" ")[0])
    assert refusal.value.message.startswith(message)


def test_presets_are_listed_whether_or_not_their_family_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "stack = own_families:family")
    before = list_models()
    get_family("stack")
    assert before == list_models()
    assert before[-1] == "stack8"


@pytest.fixture
def _broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "stack = absent_module:family")


@pytest.mark.usefixtures("_broken")
def test_a_broken_entry_point_leaves_names_and_hints_as_they_are() -> None:
    assert get_architecture("resnet18").family == "resnet"
    with pytest.raises(ArchitectureError, match="unknown model 'densnet121'") as refusal:
        get_architecture("densnet121")
    assert refusal.value.hint.startswith("did you mean \"densenet121\"?; entry point 'stack'")


@pytest.mark.usefixtures("_broken")
def test_a_broken_entry_point_is_left_out_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="entry point 'stack' of archfront.families can't be loaded: No module named"):
        assert [family.name for family in registry.usable_families()] == ["densenet", "resnet", "mobilenet"]
    with pytest.warns(UserWarning, match="entry point 'stack'"):
        assert "densenet121" in list_models()
