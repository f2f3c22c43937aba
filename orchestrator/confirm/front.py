"""After the search: the finalists' test score on free workers, then their latency while nothing else runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.config.settings import SearchConfig
from orchestrator.confirm.finalists import finalists
from orchestrator.confirm.further import lacks_training, train_further
from orchestrator.confirm.scoring import score, score_further
from orchestrator.confirm.session import Session
from orchestrator.measure.forecast import Forecast
from orchestrator.measure.slot import Slot, is_measured
from orchestrator.objectives import LATENCY_MS, THROUGHPUT_PER_S
from orchestrator.records import TrialRecord
from orchestrator.selector import front
from orchestrator.selector.dominance import LatencyBasis, latency_basis
from orchestrator.store.store import StudyStore
from search_spaces.registry import architecture_from_dict


def confirm(
    store: StudyStore,
    config: SearchConfig,
    forecast: Forecast,
    slot: Slot | None,
    *,
    session: Session,
    before_measuring: Callable[[], object],
) -> None:
    """Scores, trains again and measures what the finalists lack, in that order; what is there already is kept.

    A measured latency may push a finalist over a limit, and so bring another trial to the front: then that one is next.
    A latency that holds under other conditions than today's, as after an upgrade of torch, is measured again.

    Args:
        slot: None where latency is taken elsewhere; then the finalists are scored alone.
        before_measuring: called when the workers are done, to end whatever else would run beside a measurement.
    """
    chosen = finalists(store, config, forecast)
    if slot is None:
        _train(store, config, chosen, session)
        return
    # Each once in a session, whether or not its network is still there, and whatever the slot says of its conditions.
    scored: set[int] = set()
    measured: set[int] = set()
    while chosen:
        scored |= {record.number for record in chosen}
        unmeasured = [record for record in chosen if not is_measured(record, slot)]
        measured |= {record.number for record in unmeasured}
        networks = [architecture_from_dict(record.architecture) for record in unmeasured]
        if networks:
            slot.prepare(networks)  # builds while the test scores are taken
        _train(store, config, chosen, session)
        before_measuring()
        for record, timings in zip(unmeasured, slot.measure(networks), strict=True):
            store.score(record.number, latency=timings[LATENCY_MS], throughput=timings.get(THROUGHPUT_PER_S))
        members = front(store.records.values(), config.objectives, config.constraints)
        chosen = [
            record
            for record in members
            if (record.test_accuracy is None and record.number not in scored)
            or lacks_training(record, config.confirm)
            or not (record.number in measured or is_measured(record, slot))
        ]


def _train(store: StudyStore, config: SearchConfig, chosen: Sequence[TrialRecord], session: Session) -> None:
    """All that the workers do: test scores, further seeds, retraining, and the test scores of these."""
    score(store, config, session.work, [record for record in chosen if record.test_accuracy is None])
    members = _known_front(store, config) or chosen
    train_further(store, config, members, session)
    score_further(store, config, session.work)


def _known_front(store: StudyStore, config: SearchConfig) -> tuple[TrialRecord, ...]:
    """The front where it is known by measured figures: then trainings of other finalists are saved."""
    everything = store.records.values(), config.objectives, config.constraints
    return front(*everything) if latency_basis(*everything) is LatencyBasis.MEASURED else ()
