"""The exclusive slot: where a study has its networks timed while nothing else of it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

from orchestrator.measure.conditions import Setup, conditions_of
from orchestrator.measure.forecast import Timings
from orchestrator.measure.laboratory import Laboratory
from orchestrator.measure.predictor import LatencyPredictor
from orchestrator.records import LatencyConditions, TrialRecord
from search_spaces.architecture import Architecture


class Slot(Protocol):
    """A machine that is free while it measures: this one, or a node of a cluster."""

    @property
    def conditions(self) -> tuple[LatencyConditions, ...]:
        """Under which figures are taken there today, in the order of ``TrialRecord.measured_under``."""

    def prepare(self, networks: Sequence[Architecture]) -> None:
        """Has these networks built while the caller does other things, where that disturbs nobody."""

    def stand_at(self, predictors: Mapping[str, LatencyPredictor]) -> None:
        """Has figures stand at the level of the machine at which these were fitted, if it was this one."""

    def measure(self, networks: Sequence[Architecture]) -> tuple[Timings, ...]:
        """What was timed of each network, in the order given."""

    def calibrate(self, networks: Sequence[Architecture], names: Sequence[str]) -> dict[str, LatencyPredictor]:
        """Predictors of these figures, fitted on the networks."""


def is_measured(record: TrialRecord, slot: Slot) -> bool:
    """Whether all that is timed of a trial was measured, under the conditions of today."""
    return record.measured_under == slot.conditions


class LocalSlot:
    """This machine: a fresh process for each figure, which measures when its turn comes."""

    def __init__(self, laboratories: Mapping[str, Laboratory]) -> None:
        self._laboratories = laboratories

    @property
    def conditions(self) -> tuple[LatencyConditions, ...]:
        return tuple(conditions_of(one.setup) for one in self._laboratories.values())

    @property
    def levels(self) -> dict[str, float | None]:
        """What the reference network took at full speed, by figure."""
        return {name: one.reference_ms for name, one in self._laboratories.items()}

    def stand_at(self, predictors: Mapping[str, LatencyPredictor]) -> None:
        for name, predictor in predictors.items():
            laboratory = self._laboratories[name]
            if predictor.conditions == conditions_of(laboratory.setup):
                laboratory.reference_ms = predictor.reference_ms

    def set_levels(self, levels: Mapping[str, float | None]) -> None:
        """What an earlier slot of this machine found."""
        for name, reference_ms in levels.items():
            self._laboratories[name].reference_ms = reference_ms

    def prepare(self, networks: Sequence[Architecture]) -> None:
        for laboratory in self._laboratories.values():
            laboratory.prepare(networks)

    def measure(self, networks: Sequence[Architecture]) -> tuple[Timings, ...]:
        found = {name: one.measure(networks) for name, one in self._laboratories.items()}
        return tuple({name: timed[row] for name, timed in found.items()} for row in range(len(networks)))

    def calibrate(self, networks: Sequence[Architecture], names: Sequence[str]) -> dict[str, LatencyPredictor]:
        return {name: self._laboratories[name].calibrate(networks) for name in names}


@contextmanager
def local_slot(setups: Mapping[str, Setup]) -> Iterator[LocalSlot]:
    """Starts the processes that measure on this machine; they end with it.

    Raises:
        BadInputError: this machine lacks what a setup asks for.
    """
    with ExitStack() as processes:
        yield LocalSlot({name: processes.enter_context(Laboratory.start(setup)) for name, setup in setups.items()})
