"""The image and the compose file, as far as they can be checked without an engine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cluster.reading import CHECKOUT, CLUSTER, DOCKER, EXTRAS, OUR_IMAGES, compose, documents, locked, parse

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "compose.json").read_text())
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
SERVICES: dict[str, dict[str, Any]] = compose("compose.yaml")["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] in OUR_IMAGES}


@dataclass(frozen=True)
class Engine:
    """Stands where Docker would, because there is none."""

    folder: Path
    calls: Path
    environment: dict[str, str]

    def run(self, script: str, *arguments: str, folder: Path) -> None:
        command = ["sh", str(self.folder / script), *arguments]
        subprocess.run(command, cwd=folder, env=self.environment, check=True, capture_output=True)

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines()


def test_the_dockerfile_has_no_complaint_of_hadolint() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([str(hadolint), str(DOCKER / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_nobody_special() -> None:
    assert DOCKERFILE.rindex("USER 1000") > DOCKERFILE.rindex("\nRUN ")


def test_dependencies_are_a_layer_below_the_code() -> None:
    final = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert final.index("COPY --from=dependencies") < final.index("source=/wheel")
    before = DOCKERFILE[: DOCKERFILE.index("AS package")]
    assert "COPY orchestrator" not in before


def test_all_that_the_dockerfile_copies_is_there_and_not_ignored() -> None:
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    copied = [
        word for words in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE) for word in words.split()
    ]
    assert len(copied) == 6
    for name in copied:
        assert (CHECKOUT / name).exists()
        assert {f"!{name}", f"!{name}/**"} & set(ignored), name


def test_versions_are_those_of_the_lock_file() -> None:
    assert DOCKERFILE.count("--constraint requirements.lock") == 3
    assert set(re.findall(r"--extra ([\w-]+)", DOCKERFILE)) <= EXTRAS
    for package in ("torch", "torchvision", "ray", "mlflow", "psycopg2-binary", "boto3", "obstore"):
        assert locked(package)


def test_the_lock_file_pins_every_dependency_and_names_no_host() -> None:
    lock = (DOCKER / "requirements.lock").read_text()
    assert "://" not in lock + DOCKERFILE.replace("http://127.0.0.1", "")
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        assert locked(re.split(r"[\[>=<]", requirement)[0])


@pytest.mark.parametrize("name", ["compose.yaml", "compose.cuda.yaml"])
def test_the_compose_files_are_of_the_format(name: str) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(compose(name))


def test_a_cluster_is_head_workers_tracking_and_storage() -> None:
    assert set(SERVICES) == {"head", "worker", "mlflow", "database", "store", "buckets", "submit"}
    assert set(OURS) == {"head", "worker", "mlflow", "submit"}
    assert set(compose("compose.cuda.yaml")["services"]) <= set(SERVICES)


def test_ray_knows_the_commands_of_its_nodes() -> None:
    head, worker = (parse(SERVICES[name]["command"]) for name in ("head", "worker"))
    assert head["head"]
    assert head["num_cpus"] == 0
    assert worker["address"] == "head:6379"


def test_submit_knows_its_command() -> None:
    understood = parse([*SERVICES["submit"]["entrypoint"], "study.toml", "--trials", "3"])
    assert understood["address"] == "http://head:8265"
    assert understood["follow"]
    assert understood["study"] == "study.toml"


@pytest.mark.parametrize("name", ["head", "worker"])
def test_every_node_asks_for_the_token(name: str) -> None:
    assert SERVICES[name]["environment"]["RAY_AUTH_MODE"] == "token"
    text = (DOCKER / "compose.yaml").read_text()
    assert "RAY_AUTH_TOKEN: ${RAY_AUTH_TOKEN:?" in text  # and there is no default


def test_what_runs_on_is_watched_and_waited_for() -> None:
    for name, service in SERVICES.items():
        for other, wanted in service.get("depends_on", {}).items():
            assert other in SERVICES
            has_check = "healthcheck" in SERVICES[other] or SERVICES[other]["image"] in OUR_IMAGES
            assert wanted["condition"] != "service_healthy" or has_check, (name, other)


def test_nodes_have_room_for_shared_data() -> None:
    assert all("shm_size" in SERVICES[name] for name in ("head", "worker"))


def test_the_tracking_server_names_the_driver_of_its_database_that_the_image_has() -> None:
    server = documents(CLUSTER / "mlflow.yaml")[1]["spec"]["template"]["spec"]["containers"][0]["env"]
    addresses = [next(one["value"] for one in server if one["name"] == "MLFLOW_BACKEND_STORE_URI")]
    addresses.append(SERVICES["mlflow"]["environment"]["MLFLOW_BACKEND_STORE_URI"])
    assert all(address.startswith("postgresql+psycopg2://mlflow:") for address in addresses)
    assert "psycopg2-binary" in DOCKERFILE


def test_studies_and_artifacts_have_a_bucket_each() -> None:
    made = SERVICES["buckets"]["command"][0]
    assert SERVICES["head"]["environment"]["ARCHFRONT_STORAGE"] == "s3://archfront/runs"
    assert SERVICES["mlflow"]["environment"]["MLFLOW_ARTIFACTS_DESTINATION"] == "s3://mlflow"
    assert "store/archfront" in made
    assert "store/mlflow" in made


@pytest.mark.parametrize("script", ["up", "submit"])
def test_scripts_are_programs_and_of_sound_shell(script: str) -> None:
    assert (DOCKER / script).stat().st_mode & 0o111
    subprocess.run(["sh", "-n", str(DOCKER / script)], check=True)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A copy of docker/ beside a program in the engine's place that writes down how it was called."""
    (tmp_path / "docker").mkdir()
    for name in ("up", "submit", "compose.yaml"):
        (tmp_path / "docker" / name).write_bytes((DOCKER / name).read_bytes())
    program, calls = tmp_path / "bin" / "docker", tmp_path / "calls"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "${{STUDY_FOLDER:-}} $@" >> {calls}\n')
    program.chmod(0o755)
    return Engine(tmp_path / "docker", calls, {"PATH": f"{program.parent}:/usr/bin:/bin"})


def test_secrets_are_made_once_and_for_their_owner_alone(engine: Engine, tmp_path: Path) -> None:
    for _ in range(2):
        engine.run("up", folder=tmp_path)
    secrets = engine.folder / ".env"
    values = dict(line.split("=") for line in secrets.read_text().splitlines())
    assert set(values) == set(re.findall(r"\$\{(\w+):\?", (DOCKER / "compose.yaml").read_text()))
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in values.values())
    assert len(set(values.values())) == len(values)
    assert secrets.stat().st_mode & 0o077 == 0
    assert engine.called() == [" compose -f compose.yaml up --build --detach --wait"] * 2


def test_a_study_of_any_folder_is_submitted_with_its_options(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    engine.run("submit", "study.toml", "--trials", "3", folder=tmp_path / "elsewhere")
    (call,) = engine.called()
    assert call.startswith(f"{tmp_path / 'elsewhere'} compose --env-file {engine.folder}/.env")
    assert call.endswith("run --rm submit study.toml --trials 3")
