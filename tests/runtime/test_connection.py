"""What Ray is told before it is imported: closed to others, quiet, and with logs that end."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

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
