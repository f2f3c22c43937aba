"""What comes of trials: the front as it changes, a study that fails, the files at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from orchestrator import results
from orchestrator.config.settings import SearchConfig
from orchestrator.errors import ArchfrontError, NothingFeasibleError
from orchestrator.records import TrialState
from orchestrator.report import render, to_markdown
from orchestrator.selector import front
from orchestrator.store.announcements import artifact_written, front_changed, study_ended
from orchestrator.store.events import StudyEnd
from orchestrator.store.store import StudyStore
from orchestrator.suggest.proposals import Proposals


def front_watcher(store: StudyStore, config: SearchConfig) -> Callable[[], None]:
    """Announces the front whenever another set of trials stands on it."""
    last: tuple[int, ...] | None = None

    def watch() -> None:
        nonlocal last
        snapshot = store.snapshot()
        members = front(snapshot.records, config.objectives, config.constraints)
        numbers = tuple(record.number for record in members)
        if numbers != last:
            last = numbers
            store.announce([front_changed(members, to_markdown(snapshot))])

    return watch


def has_failed_too_often(store: StudyStore, config: SearchConfig) -> bool:
    ended = [record for record in store.records.values() if record.state.is_end]
    failed = [record for record in ended if record.state is TrialState.FAILED]
    return len(ended) >= 10 and len(failed) / len(ended) > config.budget.max_failed_share


def check_outcome(store: StudyStore, config: SearchConfig, proposals: Proposals) -> None:
    records = store.records.values()
    if has_failed_too_often(store, config) or (records and all(item.state is TrialState.FAILED for item in records)):
        failed = [record for record in records if record.state is TrialState.FAILED]
        (cause, message), count = Counter((record.cause, record.message) for record in failed).most_common(1)[0]
        raise ArchfrontError(
            f"{len(failed)} of {len(records)} trials failed; the commonest cause ({count}): {cause}: {message}",
            hint="mend the cause and give the command again; raise budget.max_failed_share to go on regardless",
        )
    if not records and proposals.is_exhausted:
        limits = " and ".join(str(item) for item in config.constraints)
        raise NothingFeasibleError(
            f"no architecture was found with {limits}", hint="relax the constraints or widen the space"
        )


def publish(store: StudyStore) -> None:
    """The report, the front and the tables, in the study's directory and announced to tracking."""
    snapshot = store.snapshot()
    store.paths.report.write_text(render(snapshot), encoding="utf-8")
    results.write_tables(snapshot, store.paths.root)
    store.paths.front.write_text(to_markdown(snapshot), encoding="utf-8")
    names = (store.paths.report.name, store.paths.front.name, "trials.csv", "trials.parquet")
    store.announce([*(artifact_written(name) for name in names), study_ended(StudyEnd.COMPLETED)])
