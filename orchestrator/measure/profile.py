"""A device profile: what the operations of a space take on one device, measured once, read by every study there.

A profile is a predictor fitted on many networks, and tried on others that it has not seen. It lies beside the studies,
in ``device-profiles/`` of their storage, one file for each device, runtime, set of conditions and set of operations.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from orchestrator.config.runtimes import Runtime
from orchestrator.errors import BadInputError
from orchestrator.measure.conditions import Setup, answers
from orchestrator.measure.exchange import Figures
from orchestrator.measure.features import latency_features
from orchestrator.measure.predictor import LatencyPredictor, fit_predictor, tried_on
from orchestrator.measure.references import random_architectures, reference_architectures
from orchestrator.records import LatencyConditions
from orchestrator.storage import write_json
from search_spaces.architecture import Architecture, Task
from search_spaces.space import SearchSpace

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 1
FOLDER = "device-profiles"

NUM_FITTED = 60
"""With 60 networks of a space for 32 x 32 images errors are 3.8 % in the mean, with 18 of them 6.2 %, with 80 no lower.
Two measurements of one network differ by 2.7 % (held-out networks, folded, a loaded machine of two cores)."""

NUM_HELD_OUT = 20

MIN_FITTED = 3
"""Fewer have no rank correlation."""

MAX_MEAN_ERROR = 0.10
MIN_RANK_CORRELATION = 0.98

_FITTED_SEED, _HELD_OUT_SEED = 0, 1


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceProfile:
    """A predictor, and what it was worth on networks that it was not fitted on.

    Attributes:
        predictor: its error figures are those of the held-out networks.
        num_held_out: how many they are; 0 in a space so small that its errors are found by leaving networks out.
        num_contended: of all that were measured.
        created_at: ISO 8601.
    """

    predictor: LatencyPredictor
    num_held_out: int
    num_contended: int
    created_at: str

    @property
    def conditions(self) -> LatencyConditions:
        return self.predictor.conditions

    @property
    def is_good(self) -> bool:
        """Whether predictions are as near as they should be."""
        found = self.predictor
        return found.mean_error <= MAX_MEAN_ERROR and found.rank_correlation >= MIN_RANK_CORRELATION

    def __str__(self) -> str:
        found = self.predictor
        return (
            f"the profile of {self.conditions.device} from {self.created_at[:10]} "
            f"(mean error {found.mean_error:.1%}, rank correlation {found.rank_correlation:.3f})"
        )

    def covers(self, networks: Iterable[Architecture], image_size: int) -> bool:
        """Whether every kind of operation of these networks was measured."""
        runtime, known = Runtime(self.conditions.runtime), set(self.predictor.constants)
        return all(known.issuperset(latency_features(one.layers(image_size), runtime)) for one in networks)

    def to_dict(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            "schema_version": SCHEMA_VERSION,
            "predictor": self.predictor.to_dict(),
            "num_held_out": self.num_held_out,
            "num_contended": self.num_contended,
            "created_at": self.created_at,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """What ``to_dict`` gave.

        Raises:
            ValueError: it is of another schema version.
        """
        if (version := fields["schema_version"]) != SCHEMA_VERSION:
            raise ValueError(f"device profile of schema version {version}: this archfront reads {SCHEMA_VERSION}")
        return cls(
            predictor=LatencyPredictor.from_dict(fields["predictor"]),
            num_held_out=fields["num_held_out"],
            num_contended=fields["num_contended"],
            created_at=fields["created_at"],
        )


def profiled_networks(space: SearchSpace, task: Task) -> tuple[tuple[Architecture, ...], tuple[Architecture, ...]]:
    """What a profile is fitted on, spread over the space, and tried on, drawn from it; the same each time."""
    fitted = reference_architectures(space, task, seed=_FITTED_SEED, n=NUM_FITTED)
    known = {one.architecture_id for one in fitted}
    drawn = random_architectures(space, task, seed=_HELD_OUT_SEED, n=NUM_HELD_OUT + NUM_FITTED)
    return fitted, tuple(one for one in drawn if one.architecture_id not in known)[:NUM_HELD_OUT]


def fit_profile(figures: Figures, space: SearchSpace, task: Task) -> DeviceProfile:
    """The profile that these figures give; networks that are missing among them are done without.

    Raises:
        BadInputError: too few of the networks were measured, or figures are for other images.
    """
    if figures.conditions.input_shape != (task.in_channels, task.image_size, task.image_size):
        raise BadInputError(f"the figures are of images {figures.conditions.input_shape}, which the study has not")
    measured = {architecture.architecture_id: latency for architecture, latency in figures.networks}
    fitted, held_out = (
        [one for one in networks if one.architecture_id in measured] for networks in profiled_networks(space, task)
    )
    if len(fitted) < MIN_FITTED:
        raise BadInputError(
            f"{len(fitted)} of the networks that a profile is fitted on were measured, {MIN_FITTED} are needed",
            hint="measure what archfront profile STUDY --list FILE writes",
        )
    predictor = fit_predictor(fitted, [measured[one.architecture_id] for one in fitted], image_size=task.image_size)
    if len(held_out) >= MIN_FITTED:
        latencies = [measured[one.architecture_id] for one in held_out]
        predictor = tried_on(predictor, held_out, latencies, image_size=task.image_size)
    return DeviceProfile(
        predictor=replace(predictor, reference_ms=figures.reference_ms),
        num_held_out=len(held_out) if len(held_out) >= MIN_FITTED else 0,
        num_contended=sum(latency.is_contended for _, latency in figures.networks),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def write_profile(profile: DeviceProfile, storage: Path) -> Path:
    """Puts it where the studies of this storage find it; an older one of its conditions and operations is replaced."""
    stated = json.dumps([asdict(profile.conditions), sorted(profile.predictor.constants)], sort_keys=True)
    word = re.sub(r"[^A-Za-z0-9]+", "-", profile.conditions.device.partition(":")[0])
    name = f"{word}-{profile.conditions.runtime}-{hashlib.sha256(stated.encode()).hexdigest()[:8]}.json"
    path = storage / FOLDER / name
    write_json(path, profile.to_dict())
    return path


def find_profile(storage: Path, setup: Setup, networks: Iterable[Architecture]) -> DeviceProfile | None:
    """The newest profile of what the setup asks for that has every kind of operation of these networks.

    Files that can't be read are no profiles.
    """
    wanted = list(networks)
    found = [profile for path in (storage / FOLDER).glob("*.json") if (profile := _read(path)) is not None]
    fitting = [one for one in found if answers(one.conditions, setup) and one.covers(wanted, setup.input_shape[1])]
    return max(fitting, key=lambda one: one.created_at, default=None)


def _read(path: Path) -> DeviceProfile | None:
    try:
        return DeviceProfile.from_dict(json.loads(path.read_bytes()))
    except (OSError, KeyError, TypeError, ValueError):
        logger.warning("%s: no device profile that can be read; it is left out", path)
        return None
