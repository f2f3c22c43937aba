"""What other studies found out that this one can use: results that it takes as they are, and others that inform it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from orchestrator.records import Cause, EpochReport, TrialRecord, TrialState
from search_spaces.space import Point


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredResult:
    """A COMPLETED trial of a study with the same recipe, data and seed.

    Attributes:
        source: the study and the trial, in words.
        model: the folder of the trained network.
    """

    source: str
    model: str
    accuracy: float
    loss: float
    wall_time_s: float
    reports: tuple[EpochReport, ...]

    def taken_for(self, record: TrialRecord) -> TrialRecord:
        """A trial of the same network as if it had been trained here."""
        return replace(
            record,
            state=TrialState.COMPLETED,
            cause=Cause.REUSED,
            message=f"taken from {self.source}",
            accuracy=self.accuracy,
            loss=self.loss,
            wall_time_s=self.wall_time_s,
            reports=self.reports,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PriorResult:
    """A network that was trained otherwise; ``source`` counts from 1."""

    source: int
    point: Point
    accuracy: float


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredResults:
    """Results to take, by ``architecture_id``, and results to learn from."""

    results: Mapping[str, StoredResult] = field(default_factory=dict)
    priors: Sequence[PriorResult] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON values, to be frozen with the study's constants: a source may be gone later."""
        return {
            "results": {name: asdict(result) for name, result in self.results.items()},
            "priors": [asdict(prior) for prior in self.priors],
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """What ``to_json`` gave; nothing where there is nothing."""
        return cls(
            results={name: _result(result) for name, result in fields.get("results", {}).items()},
            priors=[_prior(prior) for prior in fields.get("priors", [])],
        )


def _result(fields: Mapping[str, Any]) -> StoredResult:
    return StoredResult(**{**fields, "reports": tuple(map(EpochReport.from_dict, fields["reports"]))})


def _prior(fields: Mapping[str, Any]) -> PriorResult:
    lists: Mapping[str, Any] = fields["point"]["values"]
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in lists.items()}
    point = Point(family=fields["point"]["family"], values=values)
    return PriorResult(source=fields["source"], point=point, accuracy=fields["accuracy"])
