"""A study whose latency is taken on a device of its own: what is to be measured there, and how figures come back."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from orchestrator.config.settings import SearchConfig
from orchestrator.confirm import finalists
from orchestrator.errors import BadInputError
from orchestrator.measure.conditions import is_same_but_versions
from orchestrator.measure.exchange import REQUEST_FILE, Figures, Request
from orchestrator.measure.forecast import Forecast, setups_of
from orchestrator.measure.predictor import LatencyPredictor
from orchestrator.objectives import LATENCY_MS, THROUGHPUT_PER_S
from orchestrator.records import LatencyConditions, TrialRecord, TrialState
from orchestrator.selector import front
from orchestrator.store.store import StudyStore
from search_spaces.registry import architecture_from_dict

REQUEST_FILES = {LATENCY_MS: REQUEST_FILE, THROUGHPUT_PER_S: "measure-throughput.json"}
"""What a device is asked for, by figure: one file has one batch size."""


MAX_SPEED_DIFFERENCE = 0.1
"""Of the reference network, between a file's figures and the study's; two idle moments of a machine differ by less."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What came of a figures file.

    Attributes:
        trials: that have a measured latency now, by their numbers.
        num_unknown: networks of the file that are no COMPLETED trial of the study.
    """

    trials: tuple[int, ...]
    num_unknown: int


def unmeasured(store: StudyStore, config: SearchConfig, forecast: Forecast, name: str) -> list[TrialRecord]:
    """Finalists and members of the front that the device has yet to time, all under the same conditions."""
    members = front(store.records.values(), config.objectives, config.constraints)
    wanted = {record.number: record for record in (*finalists(store, config, forecast), *members)}
    timed = {number: record.timed(name) for number, record in wanted.items()}
    found = {one.conditions for one in timed.values() if one is not None}
    # Software that was renewed between two files makes figures that can't be compared: then all are taken again.
    return [record for number, record in wanted.items() if timed[number] is None or len(found) > 1]


def write_requests(store: StudyStore, config: SearchConfig, forecast: Forecast) -> list[Path]:
    """Says in the study's directory what its device is to measure, a file for each figure; none where nothing is."""
    written = []
    for name, setup in setups_of(config).items():
        path = store.paths.root / REQUEST_FILES[name]
        records = unmeasured(store, config, forecast, name)
        if not records:
            path.unlink(missing_ok=True)
            continue
        networks = tuple(architecture_from_dict(record.architecture) for record in records)
        reference_ms = forecast.predictors[name].reference_ms
        Request(setup=setup, architectures=networks, reference_ms=reference_ms).write(path)
        written.append(path)
    return written


def take_in(store: StudyStore, forecast: Forecast, figures: Figures, *, source: Path) -> Imported:
    """Gives the study's COMPLETED trials what a figures file says of them, in place of older figures.

    Raises:
        BadInputError: the figures hold under other conditions than the study's, at another speed of the device, or
            for none of its trials.
    """
    known = {name: one.conditions for name, one in forecast.predictors.items()}
    fitting = [name for name, conditions in known.items() if is_same_but_versions(figures.conditions, conditions)]
    if not fitting:
        raise BadInputError(
            f"{source}: measured under other conditions than the study's: "
            f"{_differences(forecast.latency.conditions, figures.conditions)}",
            hint=f"measure what {REQUEST_FILE} in the study's directory asks for, on the device that its profile is of",
        )
    for name in fitting:
        _check_speed(figures, forecast.predictors[name], source=source)
    timed = {architecture.architecture_id: latency for architecture, latency in figures.networks}
    completed = [record for record in store.records.values() if record.state is TrialState.COMPLETED]
    trials = [record for record in completed if record.architecture_id in timed]
    if not trials:
        raise BadInputError(f"{source}: none of its {len(timed)} networks is a COMPLETED trial of this study")
    for record in trials:
        found = dict.fromkeys(fitting, timed[record.architecture_id])
        store.score(record.number, latency=found.get(LATENCY_MS), throughput=found.get(THROUGHPUT_PER_S))
    num_unknown = len(timed.keys() - {record.architecture_id for record in trials})
    return Imported(trials=tuple(record.number for record in trials), num_unknown=num_unknown)


def _check_speed(figures: Figures, predictor: LatencyPredictor, *, source: Path) -> None:
    """Refuses what was taken while the device was slower or faster; what runs there tells by the reference network."""
    here_ms, known_ms = figures.reference_ms, predictor.reference_ms
    if here_ms is None or known_ms is None or figures.conditions != predictor.conditions:
        return
    if abs(here_ms - known_ms) > MAX_SPEED_DIFFERENCE * known_ms:
        raise BadInputError(
            f"{source}: the device ran at another speed: its reference network took {here_ms:.3g} ms, "
            f"and {known_ms:.3g} ms for the study's other figures",
            hint="measure again while nothing else runs there",
        )


def _differences(expected: LatencyConditions, found: LatencyConditions) -> str:
    names = [field.name for field in fields(LatencyConditions) if not field.name.endswith("_version")]
    pairs = ((name, getattr(expected, name), getattr(found, name)) for name in names if name != "num_cores")
    return "; ".join(f"{name} {after}, not {before}" for name, before, after in pairs if before != after)
