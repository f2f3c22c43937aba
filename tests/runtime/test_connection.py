"""What Ray is told before it is imported: closed to others, quiet, and with logs that end."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from orchestrator.errors import BadInputError
from orchestrator.runtime.connection import _names, _no_ray, _offer

_PROGRAM = """
import json, os, sys
before = dict(os.environ)
from orchestrator.runtime.connection import prepare_environment
prepare_environment(sys.argv[1])
print(json.dumps({name: value for name, value in os.environ.items() if before.get(name) != value}))
"""


def prepared(address: str, **given: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TUNE_"))}
    command = [sys.executable, "-c", _PROGRAM, address]
    done = subprocess.run(command, env=kept | given, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_a_ray_of_the_studys_own_is_closed_to_others() -> None:
    one, other = prepared("local"), prepared("local")
    assert one["RAY_AUTH_MODE"] == "token"
    assert one["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"  # loopback alone; see connection._close_to_others
    assert len(one["RAY_AUTH_TOKEN"]) == 64
    assert one["RAY_AUTH_TOKEN"] != other["RAY_AUTH_TOKEN"]


def test_a_cluster_keeps_its_addresses_and_its_token() -> None:
    assert not {"RAY_AUTH_TOKEN", "RAY_AUTH_MODE", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"} & set(prepared("10.0.0.1:6379"))


def test_a_token_that_was_given_is_used() -> None:
    assert "RAY_AUTH_TOKEN" not in prepared("local", RAY_AUTH_TOKEN="mine")
    assert "RAY_AUTH_TOKEN" not in prepared("local", RAY_AUTH_TOKEN_PATH="/my/token")


@pytest.mark.parametrize("address", ["local", "10.0.0.1:6379"])
def test_what_a_worker_prints_ends_somewhere(address: str) -> None:
    """A gigabyte is kept as its last 32 MiB at most, and is forwarded to nobody (``log_to_driver=False``)."""
    environment = prepared(address)
    assert int(environment["RAY_ROTATION_MAX_BYTES"]) * (1 + int(environment["RAY_ROTATION_BACKUP_COUNT"])) == 32 << 20


def node(name: str, address: str, **resources: float) -> dict[str, object]:
    """As ``ray.nodes()`` tells of one."""
    return {"NodeID": address, "NodeManagerHostname": name, "NodeManagerAddress": address, "Resources": resources}


def test_what_a_node_offers_is_read_from_its_resources() -> None:
    offer = _offer(node("gpu-0", "10.0.0.7", CPU=96.0, GPU=8.0, **{"accelerator_type:A100": 1.0, "latency_slot": 1.0}))
    assert (offer.name, offer.num_cpus, offer.num_gpus) == ("gpu-0", 96.0, 8.0)
    assert offer.accelerators == {"A100"}
    assert offer.has_latency_slot
    head = _offer(node("head", "10.0.0.1", memory=1e9))
    assert (head.num_cpus, head.num_gpus, head.accelerators, head.has_latency_slot) == (0.0, 0.0, frozenset(), False)


def test_nodes_are_called_by_their_hosts_and_by_their_addresses_where_hosts_are_equal() -> None:
    nodes = [node("head", "10.0.0.1"), node("pod", "10.0.0.2"), node("pod", "10.0.0.3")]
    assert list(_names(nodes).values()) == ["head", "10.0.0.2", "10.0.0.3"]


def test_a_cluster_of_other_versions_is_told_apart_from_one_that_does_not_answer() -> None:
    mismatch = RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.59.0\n    Python: 3.12.1\n")
    error = _no_ray("10.0.0.1:6379", mismatch)
    assert isinstance(error, BadInputError)
    assert "runs other versions" in error.message
    assert "Ray: 2.59.0" in error.message
    assert "cannot reach Ray" in _no_ray("10.0.0.1:6379", ConnectionError("no route")).message
