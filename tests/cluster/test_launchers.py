"""What `ray up` is given, by Ray's own reading of it."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config.settings import Resources
from orchestrator.runtime.layout import ACCELERATOR, LATENCY_SLOT, NodeResources, plan
from tests.cluster.reading import CLUSTER, OUR_IMAGES, commands_of, documents, parse

CLOUDS = ("aws", "gcp")
PLACES = (*CLOUDS, "local")


def launcher(place: str) -> dict[str, Any]:
    return documents(CLUSTER / f"launcher.{place}.yaml")[0]


@pytest.mark.parametrize("place", PLACES)
def test_ray_takes_it_with_its_defaults(place: str) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(launcher(place))
    validate_config(prepared)
    if place in CLOUDS:  # what is in the image is not installed over
        assert prepared["setup_commands"] == prepared["head_setup_commands"] == prepared["worker_setup_commands"] == []


@pytest.mark.parametrize("place", PLACES)
def test_ray_knows_the_commands_of_its_nodes(place: str) -> None:
    config = launcher(place)
    (head,) = started(config["head_start_ray_commands"])
    (worker,) = started(config["worker_start_ray_commands"])
    assert head["head"]
    assert head["num_cpus"] == 0
    assert head["dashboard_host"] == "127.0.0.1"  # `ray dashboard` comes through ssh
    assert worker["address"] == "$RAY_HEAD_IP:6379"


def started(commands: list[str]) -> list[dict[str, Any]]:
    words = [one for command in commands for one in commands_of(command, "ray")]
    return [parse(one) for one in words if one[1] == "start"]


@pytest.mark.parametrize("place", PLACES)
def test_every_node_asks_for_the_token(place: str) -> None:
    config = launcher(place)
    assert "~/.ray/auth_token" in config["file_mounts"].values()
    if place in CLOUDS:
        assert "--env RAY_AUTH_MODE=token" in config["docker"]["run_options"]
    else:
        for commands in (config["head_start_ray_commands"], config["worker_start_ray_commands"]):
            assert all("RAY_AUTH_MODE=token" in command for command in commands if "ray start" in command)


@pytest.mark.parametrize("place", CLOUDS)
def test_clouds_run_the_images_of_this_version(place: str) -> None:
    docker = launcher(place)["docker"]
    assert {docker["head_image"], docker["worker_image"]} == OUR_IMAGES


@pytest.mark.parametrize("place", PLACES)
def test_studies_have_a_place_that_all_nodes_reach(place: str) -> None:
    text = (CLUSTER / f"launcher.{place}.yaml").read_text()
    assert any(f"ARCHFRONT_STORAGE={start}" in text for start in ("s3://", "gs://", "/shared/"))


@pytest.mark.parametrize("place", CLOUDS)
def test_the_head_runs_no_trial_and_gpus_come_on_demand(place: str) -> None:
    types = launcher(place)["available_node_types"]
    assert types["head"]["resources"] == {"CPU": 0}
    assert types["latency"]["resources"][LATENCY_SLOT] == 1
    assert (types["latency"]["min_workers"], types["latency"]["max_workers"]) == (1, 1)
    gpu = types["gpu"]
    assert gpu["min_workers"] == 0
    offered = gpu["resources"]
    kinds = frozenset(name.removeprefix(ACCELERATOR) for name in offered if name.startswith(ACCELERATOR))
    node = NodeResources(name="gpu", num_cpus=offered["CPU"], num_gpus=offered["GPU"], accelerators=kinds)
    asked = Resources(gpus_per_worker=1, cpus_per_worker=8, accelerator=next(iter(kinds)), max_concurrent_trials=8)
    assert plan(asked, [node] * gpu["max_workers"]).num_slots == 8
