"""Files that travel between a study and a device of one's own: what is to be measured, and what came out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from orchestrator.errors import BadInputError
from orchestrator.measure.conditions import Setup, conditions_from_dict
from orchestrator.records import Latency, LatencyConditions
from orchestrator.storage import write_json
from search_spaces.architecture import Architecture
from search_spaces.errors import ArchitectureError
from search_spaces.registry import architecture_from_dict

SCHEMA_VERSION = 1
REQUEST_FILE = "measure.json"

_REQUEST, _FIGURES = "archfront latency request", "archfront latency figures"
_WRITTEN_BY = {_REQUEST: "archfront profile STUDY --list FILE writes one", _FIGURES: "archfront measure writes one"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Networks that a study wants measured, and how.

    Attributes:
        reference_ms: what the device's reference network took when its profile was made, so that figures stand at that
            level; None before there is one.
    """

    setup: Setup
    architectures: tuple[Architecture, ...]
    reference_ms: float | None = None

    def write(self, path: Path) -> None:
        networks = [one.to_dict() for one in self.architectures]
        fields = {"setup": self.setup.to_dict(), "architectures": networks, "reference_ms": self.reference_ms}
        _write(path, _REQUEST, fields)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What ``write`` wrote.

        Raises:
            BadInputError: the file is absent, or no request that this archfront reads.
        """
        fields = _read(path, _REQUEST)
        try:
            networks = tuple(architecture_from_dict(one) for one in fields["architectures"])
            setup = Setup.from_dict(fields["setup"])
            return cls(setup=setup, architectures=networks, reference_ms=fields["reference_ms"])
        except (ArchitectureError, KeyError, TypeError, ValueError) as error:
            raise BadInputError(f"{path}: can't be read: {error}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What was measured on one device, under the same conditions.

    Attributes:
        networks: in the order that they were asked for.
        reference_ms: what the device's reference network took at full speed.
    """

    networks: tuple[tuple[Architecture, Latency], ...]
    reference_ms: float | None

    def __post_init__(self) -> None:
        if len({latency.conditions for _, latency in self.networks}) != 1:
            raise ValueError("figures need networks that were measured under the same conditions")

    @property
    def conditions(self) -> LatencyConditions:
        return self.networks[0][1].conditions

    def write(self, path: Path) -> None:
        figures = [
            {"architecture_id": architecture.architecture_id, "architecture": architecture.to_dict(), **_own(latency)}
            for architecture, latency in self.networks
        ]
        stated = {"conditions": asdict(self.conditions), "reference_ms": self.reference_ms}
        _write(path, _FIGURES, {**stated, "figures": figures})

    @classmethod
    def read(cls, path: Path) -> Self:
        """What ``write`` wrote.

        Raises:
            BadInputError: the file is absent, or no figures that this archfront reads.
        """
        fields = _read(path, _FIGURES)
        try:
            conditions = conditions_from_dict(fields["conditions"])
            networks = tuple(_network(one, conditions) for one in fields["figures"])
            return cls(networks=networks, reference_ms=fields["reference_ms"])
        except (ArchitectureError, KeyError, TypeError, ValueError) as error:
            raise BadInputError(f"{path}: can't be read: {error}") from error


def is_request(path: Path) -> bool:
    """Whether a JSON file holds a request; an architecture does not say what it is."""
    try:
        fields = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(fields, dict) and fields.get("kind") == _REQUEST


def _own(latency: Latency) -> dict[str, Any]:
    return {name: value for name, value in asdict(latency).items() if name != "conditions"}


def _network(fields: Mapping[str, Any], conditions: LatencyConditions) -> tuple[Architecture, Latency]:
    figures = {name: value for name, value in fields.items() if name not in ("architecture", "architecture_id")}
    return architecture_from_dict(fields["architecture"]), Latency(**figures, conditions=conditions)


def _write(path: Path, kind: str, fields: Mapping[str, Any]) -> None:
    write_json(path, {"kind": kind, "schema_version": SCHEMA_VERSION, **fields})


def _read(path: Path, kind: str) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInputError(f"{path}: can't be read: {reason}") from error
    if not isinstance(fields, dict) or fields.get("kind") != kind:
        raise BadInputError(f"{path}: is no {kind.removeprefix('archfront ')} file", hint=_WRITTEN_BY[kind])
    if fields.get("schema_version") != SCHEMA_VERSION:
        version = fields.get("schema_version")
        raise BadInputError(
            f"{path}: schema_version = {version}: this archfront reads {SCHEMA_VERSION}", hint="update archfront"
        )
    return fields
