"""Hosts with addresses of their own on this machine: network namespaces on a bridge that leads nowhere else."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

INTERFACE = "eth0"
"""As each host calls its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """A namespace and its address."""

    name: str
    address: str

    def command(self, *words: str) -> list[str]:
        """The same command, on this host."""
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, *words: str, environment: Mapping[str, str], timeout_s: float = 120) -> str:
        """Runs a command on this host to its end and returns what it prints.

        Raises:
            AssertionError: it failed.
        """
        done = subprocess.run(
            self.command(*words),
            check=False,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def cut_off(self) -> None:
        """Nothing reaches it any more, and nobody is told."""
        _ip("link", "set", f"{self.name}-up", "down")

    def join(self) -> None:
        """Ends ``cut_off``."""
        _ip("link", "set", f"{self.name}-up", "up")


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """Hosts that reach each other.

    Attributes:
        gateway: this machine's own address among them.
    """

    gateway: str
    hosts: tuple[Host, ...]


def missing() -> str:
    """What keeps this machine from having hosts; empty when nothing does."""
    if shutil.which("ip") is None:
        return "ip (iproute2) is not installed"
    if os.geteuid() != 0:
        return "network namespaces take root"
    probe = f"afprobe{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", probe], check=False, capture_output=True, text=True)
    if done.returncode:
        return f"no network namespace can be made: {done.stderr.strip()}"
    _ip("netns", "delete", probe)
    return ""


@contextmanager
def network(num_hosts: int, *, prefix: str = "af", subnet: str = "10.213.87") -> Iterator[Network]:
    """Makes a bridge with hosts on it, and removes both."""
    bridge, gateway = f"{prefix}-br", f"{subnet}.1"
    with ExitStack() as stack:
        _ip("link", "add", bridge, "type", "bridge")
        stack.callback(_ip, "link", "delete", bridge)
        _ip("address", "add", f"{gateway}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        hosts = [Host(name=f"{prefix}{index}", address=f"{subnet}.{10 + index}") for index in range(num_hosts)]
        for host in hosts:
            _ip("netns", "add", host.name)
            stack.callback(_ip, "netns", "delete", host.name)
            _plug_in(host, bridge)
            # At once; with the namespace it goes some time later.
            stack.callback(_ip, "link", "delete", f"{host.name}-up")
        yield Network(gateway=gateway, hosts=tuple(hosts))


def _plug_in(host: Host, bridge: str) -> None:
    upper, inside = f"{host.name}-up", ("-n", host.name)
    _ip("link", "add", upper, "type", "veth", "peer", "name", INTERFACE, "netns", host.name)
    _ip("link", "set", upper, "master", bridge, "up")
    _ip(*inside, "address", "add", f"{host.address}/24", "dev", INTERFACE)
    _ip(*inside, "link", "set", INTERFACE, "up")
    _ip(*inside, "link", "set", "lo", "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
