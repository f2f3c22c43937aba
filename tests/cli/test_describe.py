"""``archfront describe``: figures of networks that nobody has built."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from orchestrator.cli.app import run
from search_spaces import get_architecture
from search_spaces.summary import summarize


@dataclass(frozen=True)
class Done:
    code: int
    output: str
    errors: str


Describe = Callable[..., Done]

BROKEN: dict[str, dict[str, object]] = {
    "block_config.json": {"block_config": []},
    "layers.json": {"block_config": [6, 100_000]},
    "compression.json": {"compression": 0},
    "num_classes.json": {"num_classes": 0},
}
"""DenseNet-121 with a value that no network can have, by file."""


@pytest.fixture
def describe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Describe:
    """Runs ``archfront describe`` in a folder that holds ResNet-20 as a file and as an exported folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    Path("exported").mkdir()
    for path in (Path("network.json"), Path("exported", "architecture.json")):
        path.write_text(json.dumps(get_architecture("resnet20_cifar").to_dict()))

    def described(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["archfront", "describe", *arguments])
        code = run()
        return Done(code, *capfd.readouterr())

    return described


def test_a_network_is_told_stage_by_stage(describe: Describe) -> None:
    done = describe("densenet121", "--image-size", "224", "--batch-size", "8")
    assert done.code == 0
    rows = [line.split("  ") for line in done.output.splitlines()]
    cells = {row[0]: [cell.strip() for cell in row[1:] if cell.strip()] for row in rows}
    assert cells["features.denseblock1"] == ["256 x 56 x 56", "12", "335,040", "1,040 M", "336.9 MiB"]
    assert cells["head"] == ["1000 x 1 x 1", "1", "1,027,048", "1.02 M", "1.6 MiB"]
    assert cells["whole network"] == ["121", "7,978,856", "2,834 M", "990.0 MiB"]
    assert "images of 224 x 224, batch 8; 3 channels, 1,000 classes" in done.output


@pytest.mark.parametrize(
    "arguments", [("densenet121", "resnet50", "mobilenet_v2"), ("densenet121", "--compare", "resnet50", "mobilenet_v2")]
)
def test_several_networks_stand_side_by_side_in_the_order_given(describe: Describe, arguments: tuple[str, ...]) -> None:
    done = describe(*arguments)
    assert done.code == 0
    rows = [line.split() for line in done.output.splitlines()[2:5]]
    assert [row[0] for row in rows] == ["densenet121", "resnet50", "mobilenet_v2"]
    assert rows[1][3:8] == ["25,557,032", "3.20x", "4,089", "M", "1.44x"]
    assert "images of 224 x 224, batch 32; factors are of densenet121" in done.output


def test_a_program_reads_the_same_unrounded(describe: Describe) -> None:
    (found,) = json.loads(describe("densenet121", "--image-size", "64", "--num-classes", "7", "--json").output)
    architecture = get_architecture("densenet121", num_classes=7)
    summary = summarize(architecture, image_size=64, batch_size=32)
    assert found["architecture"] == architecture.to_dict()
    assert found["architecture_id"] == architecture.architecture_id
    for name in ("image_size", "batch_size", "num_parameters", "macs", "activation_bytes", "parameter_bytes"):
        assert found[name] == getattr(summary, name)
    assert found["stages"] == [json.loads(json.dumps(asdict(stage))) for stage in summary.stages]


def test_a_file_and_an_exported_folder_are_described_as_the_preset_is(describe: Describe) -> None:
    done = describe("resnet20_cifar", "network.json", "exported", "--image-size", "32", "--json")
    preset, *others = json.loads(done.output)
    assert [one["name"] for one in others] == ["network.json", "exported"]
    assert all(one | {"name": preset["name"]} == preset for one in others)


def test_an_exported_folder_is_described_for_its_own_images(describe: Describe) -> None:
    Path("exported", "preprocessing.json").write_text(json.dumps({"image_size": 32}))
    assert "images of 32 x 32, batch 32" in describe("exported").output
    assert "images of 64 x 64, batch 32" in describe("exported", "--image-size", "64").output


@pytest.mark.parametrize(
    "content", ["{}", '{"image_size": "x"}', '{"image_size": Infinity}', "[1]", "no json", "[" * 99_999]
)
def test_a_folder_that_does_not_say_its_images_is_refused_with_the_way_out(describe: Describe, content: str) -> None:
    Path("exported", "preprocessing.json").write_text(content)
    done = describe("exported")
    assert done.code == 2
    assert "exported: does not say how large its images are\n  give --image-size" in done.errors


def test_the_name_of_a_file_is_no_markup(describe: Describe) -> None:
    Path("[red]network.json").write_bytes(Path("network.json").read_bytes())
    for arguments in (("[red]network.json",), ("[red]network.json", "resnet18")):
        assert "[red]network.json" in describe(*arguments).output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([""], ['network = "": must be the name of a preset', "densenet121"]),
        (["densnet121"], ["unknown model 'densnet121'", 'did you mean "densenet121"?']),
        (["absent.json"], ["absent.json: No such file"]),
        (["."], ["architecture.json: No such file"]),
        (["block_config.json"], ["block_config.json: block_config = []: needs 1 to 6 blocks", "write it like"]),
        (
            ["layers.json"],
            [
                "block_config = [6, 100000]: needs 1 to 6 blocks of 1 to 64 layers",
                "block 2 has 100,000 layers: give at most 64",
            ],
        ),
        (["compression.json"], ["compression.json: compression = 0: must be in (0, 1]", "write it like 0.5"]),
        (["num_classes.json"], ["num_classes.json: num_classes = 0: must be at least 1", "give at least 1"]),
        (
            ["resnet18", "densenet121", "--image-size", "16"],
            ["densenet121: image_size = 16: stage 'features.transition3' would shrink", "use images of 32 pixels"],
        ),
        (["densenet121", "--image-size", "0"], ["--image-size", "greater than or equal to 1"]),
        (["densenet121", "--batch-size", "0"], ["--batch-size", "greater than or equal to 1"]),
        (["densenet121", "--num-classes", "0"], ["num_classes = 0: must be at least 1"]),
        (["densenet121", "--compare"], ["--compare: there is one network only", "--compare resnet50"]),
        ([], ["Missing argument 'NETWORK"]),
    ],
)
def test_what_cannot_be_described_is_refused_with_the_way_out(
    describe: Describe, arguments: list[str], words: list[str]
) -> None:
    for file, change in BROKEN.items():
        Path(file).write_text(json.dumps(get_architecture("densenet121").to_dict() | change))
    done = describe(*arguments)
    assert (done.code, done.output) == (2, "")
    for word in words:
        assert word in done.errors
