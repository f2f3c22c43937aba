"""A Ray cluster whose nodes are hosts of their own, closed to whoever lacks its token."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.hosts import INTERFACE, Host

TOKEN = "a-token-of-the-cluster-tests-0123456789abcdef"
CHECKOUT = Path(__file__).parents[2]
_PORT = 6379
_DASHBOARD_PORT = 8265
_TO_START_S = 240.0


@dataclass(kw_only=True)
class RayCluster:
    """A head without trials, and nodes that train.

    Attributes:
        folder: logs and Ray's sockets; its path is short.
    """

    head: Host
    folder: Path
    environment: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    commands: dict[Host, tuple[str, ...]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where jobs are submitted."""
        return f"http://{self.head.address}:{_DASHBOARD_PORT}"

    def start_head(self) -> None:
        self._start(self.head, "--head", f"--port={_PORT}", "--num-cpus=0", f"--dashboard-host={self.head.address}")
        self.wait_for(1)

    def start_worker(self, host: Host, *, resources: Mapping[str, int] | None = None) -> None:
        """A node with one CPU."""
        self._start(
            host,
            f"--address={self.head.address}:{_PORT}",
            "--num-cpus=1",
            f"--resources={json.dumps(resources or {})}",
        )

    def wait_for(self, num_nodes: int) -> None:
        """Until so many nodes are alive.

        Raises:
            TimeoutError: they are not.
        """
        deadline_s = time.monotonic() + _TO_START_S
        while (found := self.num_alive()) != num_nodes:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{found} nodes are alive, and not {num_nodes}; see {self.folder}")
            self._start_again()
            time.sleep(0.5)

    def num_alive(self) -> int:
        """Nodes that the head hears of; 0 while it does not answer."""
        request = urllib.request.Request(
            f"{self.address}/api/v0/nodes?detail=0", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                nodes = json.load(answer)["data"]["result"]["result"]
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return sum(node["state"] == "ALIVE" for node in nodes)

    def kill(self, host: Host) -> None:
        """Ends all that runs on a host, as a loss of power does."""
        found = subprocess.run(["ip", "netns", "pids", host.name], check=False, capture_output=True, text=True)
        for pid in map(int, found.stdout.split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.processes.pop(host.name).wait()

    def _start_again(self) -> None:
        """Ray gives a node up that has not started within 30 seconds, which a busy machine may need."""
        for host, words in self.commands.items():
            process = self.processes.get(host.name)
            if process is not None and process.poll() is not None:
                self.kill(host)
                self._start(host, *words)

    def _start(self, host: Host, *words: str) -> None:
        self.commands[host] = words
        # Ray puts a session under the same path on all nodes; each sees a folder of its own there.
        session, own_folder = self.folder / "ray", self.folder / host.name
        session.mkdir(exist_ok=True)
        (own_folder / "home").mkdir(parents=True, exist_ok=True)
        mounting = ("sh", "-c", 'mount --bind "$1" "$2" && shift 2 && exec "$@"', "sh", str(own_folder), str(session))
        ray = str(Path(sys.executable).with_name("ray"))
        own = (f"--node-ip-address={host.address}", "--disable-usage-stats", "--object-store-memory=200000000")
        with (self.folder / f"{host.name}.log").open("ab") as log:
            self.processes[host.name] = subprocess.Popen(
                host.command(*mounting, ray, "start", "--block", *own, *words),
                env=dict(self.environment),
                stdout=log,
                stderr=log,
            )


@contextmanager
def ray_cluster(head: Host, workers: tuple[Host, ...], environment: Mapping[str, str]) -> Iterator[RayCluster]:
    """Starts a head and its nodes, with the checkout on all of them; kills all that is left."""
    folder = Path(tempfile.mkdtemp(prefix="afc"))
    own = {
        "RAY_TMPDIR": str(folder),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": TOKEN,
        "RAY_health_check_period_ms": "2000",  # a node that is cut off is dead after twenty seconds, not thirty
        "RAY_health_check_failure_threshold": "10",
        "RAY_health_check_timeout_ms": "5000",
        "GLOO_SOCKET_IFNAME": INTERFACE,
        "NCCL_SOCKET_IFNAME": INTERFACE,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # jobs begin with ``python``
        "PYTHONPATH": str(CHECKOUT),
        "OMP_NUM_THREADS": "1",
        "HOME": str(folder / "ray" / "home"),
    }
    cluster = RayCluster(head=head, folder=folder, environment={**os.environ, **own, **environment})
    try:
        cluster.start_head()
        for host in workers:
            cluster.start_worker(host)
        cluster.wait_for(1 + len(workers))
        yield cluster
    finally:
        for host in (*workers, head):
            if host.name in cluster.processes:
                cluster.kill(host)
        shutil.rmtree(folder, ignore_errors=True)
