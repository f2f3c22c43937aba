from __future__ import annotations

import dataclasses
import json
import tomllib

import jsonschema
import pytest

from orchestrator import studies
from orchestrator.config.document import SMALLEST_FILE
from orchestrator.config.loading import TABLES
from orchestrator.config.schema import json_schema
from orchestrator.config.tables import SETTINGS
from search_spaces.registry import get_family, list_families

SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def test_the_schema_is_a_schema_and_json() -> None:
    VALIDATOR.check_schema(json.loads(json.dumps(SCHEMA, allow_nan=False)))


def test_every_table_every_setting_and_every_axis_is_in_the_schema() -> None:
    assert tuple(sorted(SCHEMA["properties"])) == tuple(sorted(TABLES))
    for name, settings in SETTINGS.items():
        fields = {field.name for field in dataclasses.fields(settings)}
        assert SCHEMA["properties"][name]["properties"].keys() == fields
    families = SCHEMA["properties"]["space"]["properties"]
    assert {name: set(families[name]["properties"]) for name in families} == {
        name: set(get_family(name).axes) for name in list_families()
    }


@pytest.mark.parametrize("name", studies.names())
def test_shipped_studies_fit_the_schema(name: str) -> None:
    VALIDATOR.validate(tomllib.loads(studies.read(name)))


@pytest.mark.parametrize(
    "text",
    [
        SMALLEST_FILE,
        "[space.densenet]\nblock_config = [2, 3]",
        "[space.densenet]\nblock_config = [[2, 3], [3]]",
        "[space.densenet]\nnum_blocks = 2\nnum_layers_1 = 3\nnum_layers_2 = {low = 1, high = 4}",
        "[space.densenet]\ncompression = {low = 0.5, high = 1, step = 0.25}",
        "[space.mobilenet]\nsqueeze_excite = [true, false]\nkernel_size = 3",
        '[constraints]\nnum_parameters = 1e6\nmacs = "1.5G"\nlatency_ms = "<= 5ms"\naccuracy = ">= 97 %"',
        "[objectives]\nminimize = []",
        '[study]\nscheduler = "asha"\n[budget]\nwall_time = "1.5 h"\ngpu_hours = 8\npatience = 50',
        '[budget]\nwall_time = ""\ngpu_hours = 0',
    ],
)
def test_what_can_be_written_fits_the_schema(text: str) -> None:
    VALIDATOR.validate(tomllib.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "[recip]",
        "[recipe]\nepoch = 3",
        "[recipe]\nepochs = 0",
        '[recipe]\noptimizer = "adam"',
        '[recipe]\nlearning_rate = "fast"',
        "[recipe]\nflip = 1",
        "[space.vgg]",
        "[space.densenet]\ngrwoth_rate = 3",
        "[space.densenet]\ngrowth_rate = {low = 3}",
        "[space.densenet]\ngrowth_rate = {low = 3, high = 9, setp = 2}",
        "[space.densenet]\ngrowth_rate = 0",
        "[space.densenet]\nbn_size = []",
        "[space.densenet]\nbn_size = [4, 4]",
        "[space.densenet]\nblock_config = []",
        "[space.densenet]\nnum_layers_0 = 3",
        '[space.resnet]\nblock = "basc"',
        "[constraints]\nlatency_ms = 5",
        '[constraints]\nlatency_ms = "5 parsecs"',
        '[constraints]\naccuracy = "<= 0.9"',
        "[constraints]\nlatency = 5",
        '[objectives]\nmaximize = ["acuracy"]',
        '[objectives]\nminimize = ["accuracy"]',
        '[objectives]\nminimize = ["macs", "macs"]',
        "[objectives]\nmaximize = []",
        '[study]\nname = "../../x"',
        "[study]\nseed = -1",
        '[budget]\nwall_time = "two hours"',
        "[budget]\nwall_time = 90",
        "[budget]\ngpu_hours = -1",
        "[budget]\npatience = 1.5",
        "recipe = 3",
    ],
)
def test_typical_mistakes_do_not_fit_the_schema(text: str) -> None:
    assert list(VALIDATOR.iter_errors(tomllib.loads(text)))


def test_editors_are_told_what_a_setting_means() -> None:
    recipe = SCHEMA["properties"]["recipe"]["properties"]
    assert recipe["batch_size"]["description"] == "images per step over all workers."
    shares = SCHEMA["properties"]["data"]["properties"]
    assert shares["test_share"]["description"].startswith("of all images, stratified by class")
    assert recipe["optimizer"] == {
        "type": "string",
        "enum": ["sgd", "adamw"],
        "title": "optimizer",
        "default": "sgd",
        "description": "sgd with Nesterov's momentum, or adamw.",
    }
