"""Names, files and points lead to one architecture; what does not exist is refused with what does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from search_spaces import (
    ArchitectureError,
    GeometryError,
    Point,
    Task,
    architecture_from_dict,
    create_model,
    get_architecture,
    get_family,
    load_architecture,
    registry,
)
from search_spaces.layers import ImageClassifier


def test_a_preset_may_be_changed_field_by_field() -> None:
    architecture = get_architecture("densenet121", growth_rate=16, num_classes=10)
    assert architecture.to_dict() == get_architecture("densenet121").to_dict() | {"growth_rate": 16, "num_classes": 10}


@pytest.mark.parametrize(
    ("call", "message", "hint"),
    [
        (
            lambda: get_family("vgg"),
            "unknown family 'vgg'",
            "known: densenet, resnet, mobilenet; an installed entry point of archfront.families makes",
        ),
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


@pytest.mark.parametrize("word", ["pretrained", "weights"])
def test_a_network_with_trained_weights_is_asked_for_by_another_function(word: str) -> None:
    with pytest.raises(ArchitectureError, match=r"create_pretrained\("):
        create_model("resnet18", **{word: "IMAGENET1K_V1"})


@pytest.mark.parametrize(
    ("source", "shown"), [("", '""'), (None, "null"), (18, "18"), (["resnet18"], '["resnet18"]'), (b"resnet18", '"b')]
)
def test_what_is_neither_name_nor_path_nor_architecture_is_refused(source: Any, shown: str) -> None:
    with pytest.raises(ArchitectureError) as refusal:
        create_model(source)
    assert refusal.value.message.startswith(f"network = {shown}")
    assert refusal.value.message.endswith(": must be the name of a preset")
    assert "Architecture" in refusal.value.hint


@pytest.mark.parametrize("source", ["x" * 10_000, "x" * 10_000 + ".json", "\0", Path("x" * 10_000)])
def test_a_name_that_no_file_can_have_is_refused(source: str | Path) -> None:
    with pytest.raises(ArchitectureError):
        create_model(source)


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
