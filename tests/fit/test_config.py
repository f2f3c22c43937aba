"""A request becomes a training that can begin, or is refused with a way out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.config.settings import OptimizerName, Recipe, ScheduleName
from orchestrator.errors import BadInputError, ConfigError
from orchestrator.fit.config import parse_data, stored_data
from search_spaces.architecture import Task
from search_spaces.errors import ArchitectureError
from search_spaces.registry import get_architecture
from tests.fit.requests import config_of, write_tiny


def test_the_shipped_study_of_the_datas_name_gives_the_recipe() -> None:
    config = config_of("resnet20_cifar")
    assert (config.study, config.recipe.epochs, config.recipe.weight_decay) == ("digits.toml", 16, 2e-3)


def test_data_without_a_study_of_their_name_get_the_default_recipe() -> None:
    config = config_of("resnet20_cifar", "synthetic")
    assert (config.study, config.recipe) == ("the default recipe", Recipe())


def test_another_study_gives_recipe_and_data_settings_but_neither_name_nor_path() -> None:
    config = config_of("resnet18", "synthetic", study="imagenet")
    assert (config.recipe.min_crop_area, config.recipe.epochs) == (0.08, 30)
    assert (config.data.name, config.data.path, config.data.image_size) == ("synthetic", "", 224)


def test_a_study_alone_gives_its_own_data() -> None:
    config = config_of("densenet_bc100_k12_cifar", "", study="cifar10-paper")
    assert (config.data.name, config.recipe.schedule) == ("cifar10", ScheduleName.STEPS)
    assert config.num_images == (45_000, 5_000, 10_000)


def test_a_path_or_an_address_stands_behind_the_first_colon() -> None:
    assert parse_data("parquet:s3://bucket/images") == ("parquet", "s3://bucket/images")
    assert config_of("resnet18", "cifar10:/data/cifar").data.path == "/data/cifar"


def test_the_network_gets_a_head_for_the_data() -> None:
    config = config_of("resnet18", "cifar10")
    assert config.task == Task(in_channels=3, num_classes=10, image_size=32)
    assert config.architecture == get_architecture("resnet18", num_classes=10)


def test_settings_of_recipe_data_and_architecture_can_be_overridden(tmp_path: Path) -> None:
    overrides = ["recipe.optimizer=adamw", "data.test_share=0.1", "architecture.widths=[4, 6]", "recipe.epochs=7"]
    config = config_of(write_tiny(tmp_path), overrides=overrides, epochs=3)
    assert (config.recipe.optimizer, config.recipe.epochs) == (OptimizerName.ADAMW, 3)
    assert config.data.test_share == 0.1
    assert config.architecture.to_dict()["widths"] == [4, 6]


def test_an_exported_folder_is_a_network(tmp_path: Path) -> None:
    write_tiny(tmp_path).rename(tmp_path / "architecture.json")
    assert config_of(tmp_path).architecture.num_classes == 10


def test_the_seed_is_the_studys_unless_it_is_given(tmp_path: Path) -> None:
    study = tmp_path / "mine.toml"
    study.write_text("[study]\nseed = 7\n[recipe]\nepochs = 2\n")
    assert config_of("resnet20_cifar", study=str(study)).seed == 7
    assert config_of("resnet20_cifar", study=str(study), seed=3).seed == 3


def test_a_study_whose_seed_is_none_is_refused(tmp_path: Path) -> None:
    study = tmp_path / "mine.toml"
    study.write_text("[study]\nseed = -1\n")
    with pytest.raises(ConfigError, match="seed = -1: must be at least 0"):
        config_of("resnet20_cifar", study=str(study))


def test_frozen_settings_are_json_and_differ_where_the_result_may() -> None:
    one = config_of("resnet20_cifar").frozen()
    assert json.loads(json.dumps(one)) == one
    others = [
        config_of("resnet32_cifar"),
        config_of("resnet20_cifar", epochs=1),
        config_of("resnet20_cifar", seed=1),
        config_of("resnet20_cifar", num_workers=2),
        config_of("resnet20_cifar", weights="x.pth"),
        config_of("resnet20_cifar", overrides=["data.test_share=0.1"]),
    ]
    assert all(other.frozen() != one for other in others)


def test_stored_data_settings_are_read_back() -> None:
    data = config_of("resnet20_cifar", overrides=["data.test_share=0.1"]).data
    assert stored_data(json.loads(json.dumps(config_of("resnet20_cifar").frozen()["data"])), test_share=0.1) == data
    assert stored_data({"name": "folder", "path": "images"}, name="cifar10").path == ""


@pytest.mark.parametrize(
    ("network", "data", "fields", "words"),
    [
        ("resnet20_cifar", "", {}, "nothing to train on"),
        ("resnet20_cifar", ":x", {}, "--data :x: must be NAME or NAME:PATH"),
        ("resnet20_cifar", "cifar1", {}, '--data cifar1: no data set is called "cifar1"; did you mean "cifar10"'),
        ("resnet20_cifar", "folder:absent", {}, "absent"),
        ("resnet20_cifar", "digits", {"study": "absent.toml"}, "absent.toml: no such file"),
        ("resnet20_cifar", "digits", {"freeze": True}, "--freeze"),
        ("resnet20_cifar", "digits", {"num_workers": 40}, "at least 2 images a worker"),
        ("resnet20_cifar", "digits", {"overrides": ["budget.trials=3"]}, "--set budget.trials=3: has no effect on one"),
        ("resnet20_cifar", "digits", {"overrides": ["recipe.epoch=3"]}, 'did you mean "epochs"'),
        ("resnet20_cifar", "digits", {"overrides": ["recipe.batch_size=5000"]}, "is larger than the"),
        ("resnet20_cifar", "digits", {"overrides": ["architecture.num_classes=3"]}, "the data decide it"),
        ("resnet20_cifar", "digits", {"overrides": ["architecture=3"]}, "must name a field"),
        ("resnet20_cifar", "digits", {"overrides": ["nonsense"]}, "must be KEY=VALUE"),
    ],
)
def test_what_cannot_be_trained_is_refused(network: str, data: str, fields: dict[str, object], words: str) -> None:
    with pytest.raises(BadInputError) as caught:
        config_of(network, data, **fields)
    assert words in caught.value.message


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        config_of("resnet20_cifar", overrides=["recipe.epochs=0", "recipe.learning_rate=-1", "budget.trials=3"])
    assert len(caught.value.problems) == 3


def test_a_network_that_is_too_deep_for_the_images_is_refused_in_terms_of_the_command() -> None:
    with pytest.raises(ArchitectureError, match="densenet121") as caught:
        config_of("densenet121")
    assert "--set architecture.stem=cifar" in caught.value.hint


def test_an_unknown_network_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ArchitectureError) as caught:
        config_of("densenet12")
    assert "densenet121" in caught.value.hint
