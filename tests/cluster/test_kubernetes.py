"""The manifests, against the schemas of Kubernetes and KubeRay, against each other, and against the plan of a study."""

from __future__ import annotations

import copy
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from orchestrator import studies
from orchestrator.config.loading import load
from orchestrator.data.catalog import inspect
from orchestrator.runtime.layout import LATENCY_SLOT, NodeResources, plan
from tests.cluster.reading import CLUSTER, OUR_IMAGES, commands_of, documents, locked, parse

KUBERAY = json.loads((Path(__file__).parent / "schemas" / "kuberay.json").read_text())
KUBERNETES = "1.31"
FILES = ("ray-job.search.yaml", "ray-cluster.gpu.yaml", "mlflow.yaml")
OF_THE_JOB_ALONE = {"study", "search"}


def named(file: str, kind: str) -> dict[str, Any]:
    found = [document for document in documents(CLUSTER / file) if document["kind"] == kind]
    assert len(found) == 1
    return found[0]


JOB = named("ray-job.search.yaml", "RayJob")["spec"]
CLUSTERS = {
    "ray-job.search.yaml": JOB["rayClusterSpec"],
    "ray-cluster.gpu.yaml": named("ray-cluster.gpu.yaml", "RayCluster")["spec"],
}
SCRIPT = named("ray-job.search.yaml", "ConfigMap")["data"]["search"]


def groups(cluster: dict[str, Any]) -> list[dict[str, Any]]:
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


def pods(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every pod template below."""
    found = []
    for key, value in document.items():
        if key in ("template", "submitterPodTemplate"):
            found.append(value)
        elif isinstance(value, dict):
            found += pods(value)
        elif isinstance(value, list):
            found += [pod for item in value if isinstance(item, dict) for pod in pods(item)]
    return found


@pytest.mark.parametrize("file", FILES)
def test_every_document_is_of_its_schema(file: str) -> None:
    for document in documents(CLUSTER / file):
        kind = document["kind"]
        if kind in KUBERAY["$defs"]:
            jsonschema.validate(document, {"$ref": f"#/$defs/{kind}", "$defs": KUBERAY["$defs"]})
        else:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
        for pod in pods(document):
            head = {"apiVersion": "v1", "kind": "Pod", "metadata": {**pod.get("metadata", {}), "name": "pod"}}
            kubernetes_validate.validate({**head, "spec": pod["spec"]}, KUBERNETES, strict=True)


@pytest.mark.parametrize("file", FILES)
def test_pods_have_no_rights_and_known_images(file: str) -> None:
    for pod in (pod for document in documents(CLUSTER / file) for pod in pods(document)):
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        for container in pod["spec"]["containers"]:
            assert container["image"] in OUR_IMAGES | {"postgres:17-bookworm"}
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]


def test_a_job_brings_the_cluster_that_stays_with_its_study_in_it() -> None:
    cluster = copy.deepcopy(CLUSTERS["ray-job.search.yaml"])
    spec = cluster["headGroupSpec"]["template"]["spec"]
    spec["volumes"] = [volume for volume in spec["volumes"] if volume["name"] not in OF_THE_JOB_ALONE]
    container = spec["containers"][0]
    container["volumeMounts"] = [one for one in container["volumeMounts"] if one["name"] not in OF_THE_JOB_ALONE]
    assert cluster == CLUSTERS["ray-cluster.gpu.yaml"]


@pytest.mark.parametrize("file", CLUSTERS)
def test_versions_tokens_and_storage(file: str) -> None:
    cluster = CLUSTERS[file]
    assert cluster["rayVersion"] == locked("ray")
    assert cluster["authOptions"] == {"mode": "token", "secretName": "archfront-token"}
    for group in groups(cluster):
        spec = group["template"]["spec"]
        sources = spec["containers"][0]["envFrom"]
        assert sources == [{"configMapRef": {"name": "archfront"}}, {"secretRef": {"name": "archfront-store"}}]
        shared = next(volume for volume in spec["volumes"] if volume["name"] == "shm")
        assert shared["emptyDir"]["medium"] == "Memory"
        assert {"name": "shm", "mountPath": "/dev/shm"} in spec["containers"][0]["volumeMounts"]


@pytest.mark.parametrize("file", CLUSTERS)
def test_the_head_runs_no_trial_and_gpus_come_on_demand(file: str) -> None:
    cluster = CLUSTERS[file]
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert cluster["enableInTreeAutoscaling"]
    latency, gpu = cluster["workerGroupSpecs"]
    assert (gpu["replicas"], gpu["minReplicas"]) == (0, 0)
    assert (latency["replicas"], latency["minReplicas"], latency["maxReplicas"]) == (1, 1, 1)
    assert json.loads(json.loads(latency["rayStartParams"]["resources"])) == {LATENCY_SLOT: 1}
    assert gpu["template"]["spec"]["containers"][0]["image"].endswith("-cuda")


@pytest.mark.parametrize("file", CLUSTERS)
def test_rays_autoscaler_reads_the_groups_as_they_are_meant(file: str) -> None:
    from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr as read

    types = read({"metadata": {"name": "archfront", "namespace": "default"}, "spec": CLUSTERS[file]})[
        "available_node_types"
    ]
    found = {name: (kind["resources"], kind["min_workers"], kind["max_workers"]) for name, kind in types.items()}
    assert found["headgroup"][0]["CPU"] == 0
    assert found["latency"] == ({"CPU": 4, "memory": 8 << 30, LATENCY_SLOT: 1}, 1, 1)
    assert found["gpu"] == ({"CPU": 8, "GPU": 1, "memory": 32 << 30}, 0, 8)


@pytest.mark.parametrize("file", CLUSTERS)
def test_nodes_hear_each_other_and_those_who_may_submit(file: str) -> None:
    policy = named(file, "NetworkPolicy")["spec"]
    labels = policy["podSelector"]["matchLabels"]
    for group in groups(CLUSTERS[file]):
        assert labels.items() <= group["template"]["metadata"]["labels"].items()
    among, submitting = policy["ingress"]
    assert among == {"from": [{"podSelector": {"matchLabels": labels}}]}
    assert submitting["ports"] == [{"port": 8265}]
    wanted = submitting["from"][0]["podSelector"]["matchLabels"]
    assert wanted.items() <= JOB["submitterPodTemplate"]["metadata"]["labels"].items()


def offer(group: dict[str, Any]) -> NodeResources:
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    num_gpus = float(limits.get("nvidia.com/gpu", 0))
    return NodeResources(name=group["groupName"], num_cpus=float(limits["cpu"]), num_gpus=num_gpus)


def search_words() -> list[str]:
    (words,) = commands_of(SCRIPT, "python")
    return words


def test_the_search_of_the_job_is_one_that_our_command_line_knows() -> None:
    understood = parse(search_words())
    mounts = JOB["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    paths = {mount["name"]: mount["mountPath"] for mount in mounts}
    assert understood["study"] == f"{paths['study']}/study.toml"
    assert JOB["entrypoint"] == f"sh {paths['search']}/search"
    assert understood["takeover"]


def test_the_search_fills_the_gpu_nodes_at_their_most() -> None:
    config = load(
        "digits", parse(search_words())["overrides"], inspect=inspect, shipped={"digits": studies.read("digits")}
    )
    latency, gpu = (offer(group) for group in JOB["rayClusterSpec"]["workerGroupSpecs"])
    num_nodes = JOB["rayClusterSpec"]["workerGroupSpecs"][1]["maxReplicas"]
    always = [NodeResources(name="head", num_cpus=0, num_gpus=0), latency]
    at_first = plan(config.config.resources, always)
    at_most = plan(config.config.resources, [*always, *[gpu] * num_nodes])
    assert (at_first.num_slots, at_first.num_waiting) == (8, 8)
    assert (at_most.num_slots, at_most.num_waiting) == (8, 0)


@pytest.mark.parametrize(
    ("code", "is_tried_again"), [(0, False), (1, True), (2, False), (3, False), (4, True), (137, True), (143, True)]
)
def test_crashes_and_interruptions_are_tried_again_and_bad_input_is_not(
    tmp_path: Path, code: int, is_tried_again: bool
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nexit {code}\n")
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == is_tried_again
    assert ("no" in done.stdout) == (code in (2, 3))
    assert JOB["backoffLimit"] > 0
    assert JOB["shutdownAfterJobFinishes"]


def test_what_the_manifests_refer_to_is_made_by_the_readme() -> None:
    text = "".join((CLUSTER / file).read_text() for file in FILES)
    referred = set(re.findall(r"secretName: ([\w-]+)|(?:secretRef|secretKeyRef): \{name: ([\w-]+)", text))
    secrets = {name for pair in referred for name in pair if name}
    maps = set(re.findall(r"(?:configMapRef|configMapKeyRef): \{name: ([\w-]+)", text)) | {"archfront-study"}
    made = {(words[2], words[4] if words[2] == "secret" else words[3]) for words in created()}
    assert {("secret", name) for name in secrets} | {("configmap", name) for name in maps} == made


def test_the_readme_gives_each_secret_the_keys_that_are_read() -> None:
    keys = {
        words[3 + (words[2] == "secret")]: set(re.findall(r"--from-literal=(\w+)=", shlex.join(words)))
        for words in created()
    }
    assert keys["archfront-token"] == {"auth_token"}
    assert keys["archfront-mlflow"] == {"password"}
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= keys["archfront-store"]
    assert keys["archfront"] == {"ARCHFRONT_STORAGE", "MLFLOW_TRACKING_URI", "MLFLOW_ARTIFACTS_DESTINATION"}


def created() -> list[list[str]]:
    readme = (CLUSTER / "README.md").read_text()
    return [words for words in commands_of(blocks(readme), "kubectl") if words[1] == "create"]


def blocks(readme: str) -> str:
    """The text between fences."""
    return "\n".join(readme.split("```")[1::2])
