"""Names, files and points lead to one architecture; families of one's own stand beside the built-in ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from torch import nn

from search_spaces import (
    Architecture,
    ArchitectureError,
    Family,
    GeometryError,
    Point,
    SearchSpace,
    Task,
    architecture_from_dict,
    create_model,
    get_architecture,
    get_family,
    list_families,
    list_models,
    load_architecture,
    register_family,
    registry,
)
from search_spaces.axes import Axis, Entry
from search_spaces.costs import Layer, LayerPlan
from search_spaces.layers import ImageClassifier, mean_over_pixels
from search_spaces.parameters import IntParameter, Value
from search_spaces.rules import Rule, WholeNumber


@dataclass(frozen=True, kw_only=True)
class StackArchitecture(Architecture):
    """A family of one's own, in full: a few equal convolutions."""

    family: ClassVar[str] = "stack"
    rules: ClassVar[Mapping[str, Rule]] = {
        **Architecture.rules,
        "width": WholeNumber(1, 64),
        "depth": WholeNumber(1, 8),
    }

    width: int = 8
    depth: int = 2

    def layers(self, image_size: int) -> tuple[Layer, ...]:
        plan = LayerPlan(in_channels=self.in_channels, image_size=image_size)
        for index in range(self.depth):
            plan.conv(f"convs.{2 * index}", self.width, kernel_size=3)
            plan.activation(f"convs.{2 * index + 1}")
        plan.global_pool("convs")
        plan.linear("fc", self.num_classes)
        return tuple(plan.layers)


class Stack(nn.Module):
    def __init__(self, architecture: StackArchitecture) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(architecture.depth):
            in_channels = architecture.width if index else architecture.in_channels
            layers += [nn.Conv2d(in_channels, architecture.width, 3, padding=1, bias=False), nn.ReLU()]
        self.convs = nn.Sequential(*layers)
        self.fc = nn.Linear(architecture.width, architecture.num_classes)

    def forward(self, image_BCHW: Any) -> Any:
        return self.fc(mean_over_pixels(self.convs(image_BCHW)))


class StackFamily(Family):
    name = "stack"
    architecture_type = StackArchitecture
    presets: ClassVar[Mapping[str, Architecture]] = {"stack8": StackArchitecture()}
    axes: ClassVar[Mapping[str, Axis]] = {
        "width": Axis(rule=WholeNumber(1, 64), meaning="channels"),
        "depth": Axis(rule=WholeNumber(1, 8), meaning="convolutions"),
    }

    def defaults(self, task: Task) -> Mapping[str, Value]:
        return {"width": 8, "depth": 2}

    def default_entries(self, task: Task) -> Mapping[str, Entry]:
        return {"width": IntParameter(name="width", low=8, high=32, step=8)}

    def fields(self, values: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
        return values

    def build(self, architecture: Architecture) -> nn.Module:
        assert isinstance(architecture, StackArchitecture)
        return Stack(architecture)


def test_a_preset_may_be_changed_field_by_field() -> None:
    architecture = get_architecture("densenet121", growth_rate=16, num_classes=10)
    assert architecture.to_dict() == get_architecture("densenet121").to_dict() | {"growth_rate": 16, "num_classes": 10}


@pytest.mark.parametrize(
    ("call", "message", "hint"),
    [
        (lambda: get_family("vgg"), "unknown family 'vgg'. Available: densenet, resnet, mobilenet", ""),
        (lambda: get_architecture("densnet121"), "unknown model 'densnet121'", 'did you mean "densenet121"?'),
        (lambda: create_model("densenet121", num_classes=0), "num_classes = 0: must be at least 1", ""),
        (lambda: get_architecture("resnet18", growht=1), "resnet has no field 'growht'", "known: "),
        (
            lambda: get_architecture("densenet121", grwoth_rate=1),
            "densenet has no field 'grwoth_rate'",
            'did you mean "growth_rate"?',
        ),
        (
            lambda: create_model("densenet121", growth_rate=512, block_config=(64,) * 6, compression=1.0),
            "this densenet has ",
            "make it narrower or shallower",
        ),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(call: Any, message: str, hint: str) -> None:
    with pytest.raises(ArchitectureError) as refusal:
        call()
    assert refusal.value.message.startswith(message)
    assert refusal.value.hint.startswith(hint)


def test_a_point_becomes_the_architecture_of_its_values(digits: Task) -> None:
    point = Point(family="densenet", values={"growth_rate": 8, "num_blocks": 2, "num_layers_1": 1, "num_layers_2": 3})
    fields = registry.architecture(point, digits).to_dict()
    assert (fields["growth_rate"], fields["block_config"], fields["stem"]) == (8, [1, 3], "cifar")
    assert (fields["in_channels"], fields["num_classes"]) == (1, 10)


def test_a_point_that_shrinks_the_image_away_is_refused_with_the_way_out(digits: Task) -> None:
    point = Point(family="densenet", values={"block_config": (1,) * 6})
    with pytest.raises(GeometryError) as refusal:
        registry.architecture(point, digits)
    assert refusal.value.message == ("image_size = 8: stage 'features.transition4' would shrink 1x1 below one pixel")
    assert refusal.value.hint == "use images of 32 pixels and more, or fewer than 6 blocks"
    registry.architecture(point, Task(in_channels=1, num_classes=10, image_size=32))


@pytest.mark.parametrize("name", ["densenet_bc100_k12_cifar", "resnet20_cifar", "mobilenet_v3_small"])
def test_an_architecture_is_read_from_a_file_or_an_exported_folder(name: str, tmp_path: Path) -> None:
    architecture = get_architecture(name)
    file = tmp_path / "architecture.json"
    file.write_text(json.dumps(architecture.to_dict()))
    assert load_architecture(file) == load_architecture(tmp_path) == load_architecture(str(file)) == architecture
    for source in (architecture, file, tmp_path, str(file), str(tmp_path)):
        model = create_model(source, num_classes=7)
        assert isinstance(model, ImageClassifier)
        assert model.architecture == architecture.replace(num_classes=7)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([1, 2], "an architecture is a table of fields"),
        ({"family": "densenet"}, "schema_version = null: this archfront reads 1"),
        ({"schema_version": 2, "family": "densenet"}, "schema_version = 2: this archfront reads 1"),
        ({"schema_version": 1}, "family = null: must be one of densenet, resnet, mobilenet"),
        ({"schema_version": 1, "family": "vgg"}, "unknown family 'vgg'"),
        ({"schema_version": 1, "family": "densenet", "depth": 3}, "densenet has no field 'depth'"),
        (
            {"schema_version": 1, "family": "densenet", "growth_rate": "32"},
            'growth_rate = "32": must be a whole number',
        ),
        (
            {"schema_version": 1, "family": "densenet", "block_config": [[6]]},
            "block_config = [[6]]: needs 1 to 6 blocks",
        ),
    ],
)
def test_a_file_that_holds_no_architecture_is_refused(fields: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ArchitectureError) as refusal:
        architecture_from_dict(fields)
    assert refusal.value.message.startswith(message)
    file = tmp_path / "a.json"
    file.write_text(json.dumps(fields))
    with pytest.raises(ArchitectureError) as refusal:
        load_architecture(file)
    assert refusal.value.message.startswith(f"{file}: {message}")


def test_a_file_that_is_absent_or_no_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchitectureError, match="No such file or directory"):
        load_architecture(tmp_path / "absent.json")
    (tmp_path / "architecture.json").write_text("{")
    with pytest.raises(ArchitectureError, match="is no JSON"):
        load_architecture(tmp_path)


@pytest.mark.usefixtures("own_registry")
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


@pytest.mark.usefixtures("own_registry")
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


@pytest.mark.usefixtures("own_registry")
def test_an_installed_family_is_loaded_when_it_is_first_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "stack = own_families:family")
    assert list_families() == ["densenet", "resnet", "mobilenet", "stack"]
    get_architecture("resnet18")
    assert "own_families" not in sys.modules
    assert get_family("stack").name == "stack"
    assert "own_families" in sys.modules


@pytest.mark.usefixtures("own_registry")
def test_a_model_of_an_installed_family_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "stack = own_families:family")
    assert get_architecture("stack8", width=4).to_dict()["width"] == 4


@pytest.mark.usefixtures("own_registry")
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


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, entry_point: str) -> None:
    """Puts a distribution with one entry point on the path, as an installer would."""
    metadata = folder / "own_families-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: own-families\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[archfront.families]\n{entry_point}\n")
    (folder / "own_families.py").write_text(f"from {__name__} import StackFamily\nfamily = StackFamily()\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "own_families", raising=False)
