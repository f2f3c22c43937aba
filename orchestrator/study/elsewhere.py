"""A study whose latency is taken on a device of its own: what is to be measured there, and how figures come back."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from orchestrator.config.settings import SearchConfig
from orchestrator.confirm import finalists
from orchestrator.errors import BadInputError
from orchestrator.measure.conditions import Setup, is_same_but_versions
from orchestrator.measure.exchange import REQUEST_FILE, Figures, Request
from orchestrator.measure.predictor import LatencyPredictor
from orchestrator.records import LatencyConditions, TrialRecord, TrialState
from orchestrator.selector import front
from orchestrator.store.store import StudyStore
from search_spaces.registry import architecture_from_dict


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What came of a figures file.

    Attributes:
        trials: that have a measured latency now, by their numbers.
        num_unknown: networks of the file that are no COMPLETED trial of the study.
    """

    trials: tuple[int, ...]
    num_unknown: int


def unmeasured(store: StudyStore, config: SearchConfig, predictor: LatencyPredictor) -> list[TrialRecord]:
    """Finalists and members of the front that the device has yet to measure, all under the same conditions."""
    members = front(store.records.values(), config.objectives, config.constraints)
    wanted = {record.number: record for record in (*finalists(store, config, predictor), *members)}
    found = {record.latency.conditions for record in wanted.values() if record.latency is not None}
    # Software that was renewed between two files makes figures that can't be compared: then all are taken again.
    return [record for record in wanted.values() if record.latency is None or len(found) > 1]


def write_request(store: StudyStore, config: SearchConfig, predictor: LatencyPredictor) -> Path | None:
    """Says in the study's directory what its device is to measure; None, and no such file, where nothing is left."""
    path = store.paths.root / REQUEST_FILE
    networks = [architecture_from_dict(record.architecture) for record in unmeasured(store, config, predictor)]
    if not networks:
        path.unlink(missing_ok=True)
        return None
    setup = Setup.of(config.latency, config.task)
    Request(setup=setup, architectures=tuple(networks), reference_ms=predictor.reference_ms).write(path)
    return path


def take_in(store: StudyStore, predictor: LatencyPredictor, figures: Figures, *, source: Path) -> Imported:
    """Gives the study's COMPLETED trials the latencies of a figures file, in place of older ones.

    Raises:
        BadInputError: the figures hold under other conditions than the study's, or for none of its trials.
    """
    if not is_same_but_versions(figures.conditions, predictor.conditions):
        raise BadInputError(
            f"{source}: measured under other conditions than the study's: "
            f"{_differences(predictor.conditions, figures.conditions)}",
            hint=f"measure what {REQUEST_FILE} in the study's directory asks for, on the device that its profile is of",
        )
    latencies = {architecture.architecture_id: latency for architecture, latency in figures.networks}
    completed = [record for record in store.records.values() if record.state is TrialState.COMPLETED]
    trials = [record for record in completed if record.architecture_id in latencies]
    if not trials:
        raise BadInputError(f"{source}: none of its {len(latencies)} networks is a COMPLETED trial of this study")
    for record in trials:
        store.score(record.number, latency=latencies[record.architecture_id])
    num_unknown = len(latencies.keys() - {record.architecture_id for record in trials})
    return Imported(trials=tuple(record.number for record in trials), num_unknown=num_unknown)


def _differences(expected: LatencyConditions, found: LatencyConditions) -> str:
    names = [field.name for field in fields(LatencyConditions) if not field.name.endswith("_version")]
    pairs = ((name, getattr(expected, name), getattr(found, name)) for name in names if name != "num_cores")
    return "; ".join(f"{name} {after}, not {before}" for name, before, after in pairs if before != after)
