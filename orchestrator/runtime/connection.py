"""Joining or starting Ray: quietly, with a token, and never a cluster that nobody named."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from orchestrator.errors import ArchfrontError, BadInputError
from orchestrator.runtime import versions
from orchestrator.runtime.layout import ACCELERATOR, LATENCY_SLOT, NodeResources

LOCAL = "local"
"""The address of a Ray that is started for one study and ends with it."""
IN_A_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""In the environment of a job's program, which runs by what its node has installed."""

# What Ray reads when it is imported or started. A user's own settings win.
ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ROTATION_BACKUP_COUNT": "1",
    "RAY_ROTATION_MAX_BYTES": str(16 << 20),  # of what each worker prints; without it a loop fills the disk
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # signals are the study's own: it checkpoints first
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # results carry messages, not metrics
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # Tune's snapshots are never read
    "TUNE_RESULT_BUFFER_LENGTH": "1",  # a decision belongs to the report that caused it
    "TUNE_WARN_THRESHOLD_S": "5",
}


def prepare_environment(address: str) -> None:
    """Sets what Ray reads at import; call it before the first import of Ray."""
    if address == LOCAL:
        _close_to_others()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in ("ray", "ray.tune", "ray.train", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"ray\..*")


def address_of(given: str | None) -> str:
    """``--address``, else ``$RAY_ADDRESS``, else a Ray of this study's own."""
    return given or os.environ.get("RAY_ADDRESS") or LOCAL


def connect(address: str, *, num_cpus: int | None = None) -> list[NodeResources]:
    """Starts or joins Ray and returns its nodes.

    Raises:
        BadInputError: no Ray answers at the address, or its nodes run different versions.
    """
    import ray
    import ray.tune  # 3 s, which here pass beside the laboratory's import of torch

    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
    if address == LOCAL:
        # The nodes of a study of its own listen on loopback and are gone with it: it needs no dashboard.
        options |= {"include_dashboard": False, "num_cpus": num_cpus, "_node_ip_address": "127.0.0.1"}
    else:
        options["runtime_env"] = {"env_vars": ENVIRONMENT}
    try:
        with _own_signals():
            ray.init(address=address, **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_ray(address, error) from error
    try:
        nodes = [node for node in ray.nodes() if node["Alive"]]
        if len(nodes) > 1 or (address != LOCAL and IN_A_JOB not in os.environ):
            here = versions.Versions(node="this process", **versions.probe()())
            versions.check([*versions.collect(_names(nodes)), here])
        return [_offer(node) for node in nodes]
    except BaseException:
        disconnect()
        raise


def _no_ray(address: str, error: Exception) -> ArchfrontError:
    if address == LOCAL:
        return ArchfrontError(f"Ray can't be started: {error}")
    if "Version mismatch" in str(error):
        lines = "\n".join(f"  {line}" for line in str(error).splitlines()[1:] if line)
        return BadInputError(
            f"the cluster at {address} runs other versions:\n{lines}",
            hint="install the cluster's Python and Ray here, or submit the study as a job: archfront submit",
        )
    return BadInputError(
        f"cannot reach Ray at {address}: {str(error).splitlines()[0]}",
        hint="start it with `ray start --head`, correct --address or $RAY_ADDRESS, or leave both out",
    )


def _names(nodes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What people call the nodes, by Ray's names; hosts of one name are told apart by their addresses."""
    hosts = Counter(node["NodeManagerHostname"] for node in nodes)
    return {
        node["NodeID"]: node["NodeManagerHostname"]
        if hosts[node["NodeManagerHostname"]] == 1
        else node["NodeManagerAddress"]
        for node in nodes
    }


def _offer(node: Mapping[str, Any]) -> NodeResources:
    resources: Mapping[str, float] = node["Resources"]
    types = (name.removeprefix(ACCELERATOR) for name in resources if name.startswith(ACCELERATOR))
    return NodeResources(
        name=node["NodeManagerHostname"],
        num_cpus=resources.get("CPU", 0.0),
        num_gpus=resources.get("GPU", 0.0),
        accelerators=frozenset(types),
        has_latency_slot=resources.get(LATENCY_SLOT, 0.0) > 0,
    )


@contextmanager
def _own_signals() -> Iterator[None]:
    """Puts SIGTERM's handler back, which Ray replaces by one that prints the stacks of C++ and dies."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _close_to_others() -> None:
    """A Ray of the study's own listens on loopback alone, and there nobody gets in without this session's token.

    Ray 2.60 replaces an address of loopback by the machine's own and then listens on all interfaces, unless it believes
    that clusters are switched off, as they are on macOS. It would make a token itself, and leave it in a file that
    every user can read.
    """
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def disconnect() -> None:
    """Ends Ray where this process started it; leaves a cluster alone."""
    import ray

    ray.shutdown()
