"""What comes of trials: the front as it changes, a study that fails, the files at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from orchestrator import results
from orchestrator.config.settings import SearchConfig
from orchestrator.errors import ArchfrontError, NothingFeasibleError
from orchestrator.failpoints import failpoint
from orchestrator.records import TrialRecord, TrialState
from orchestrator.report import render, to_markdown
from orchestrator.schedule.growth import Archive, search_point
from orchestrator.selector import front, is_feasible
from orchestrator.storage import write_bytes
from orchestrator.store.announcements import artifact_written, front_changed, study_ended
from orchestrator.store.events import StudyEnd
from orchestrator.store.store import StudyStore
from orchestrator.suggest.proposals import Proposals
from orchestrator.tracking.views import links

PUBLISHED = ("report.html", "front.md", "trials.csv", "trials.parquet")
"""Files in the study's directory that ``publish`` writes and tracking keeps."""


def front_watcher(store: StudyStore, config: SearchConfig) -> Callable[[], None]:
    """Announces the front whenever another set of trials stands on it, and with the first COMPLETED trial it hears of.

    A trial that is dominated by predicted latency changes no front, also not one that compares measured latency: there
    it has none. So the front is computed only after a trial that nobody dominates, which is rare in a long study.
    """
    watch = _FrontWatch(store, config)
    watch.take_newcomers()
    return watch.look


class _FrontWatch:
    def __init__(self, store: StudyStore, config: SearchConfig) -> None:
        self._store = store
        self._config = config
        self._archive = Archive(len(config.objectives))
        self._seen: set[int] = set()
        self._last: tuple[int, ...] | None = None

    def look(self) -> None:
        """A trial has ended."""
        moves = self.take_newcomers()
        if not (any(moves) or (moves and self._last is None)):
            return
        members = front(self._store.records.values(), self._config.objectives, self._config.constraints)
        numbers = tuple(record.number for record in members)
        if numbers != self._last:
            self._last = numbers
            self._store.announce([front_changed(members, to_markdown(self._store.snapshot()))])

    def take_newcomers(self) -> list[bool]:
        """For each trial that has COMPLETED since the last call, whether it stands on the front."""
        return [
            self._archive.add(search_point(record, self._config.objectives))
            for record in self._newcomers()
            if is_feasible(record, self._config.constraints)
        ]

    def _newcomers(self) -> list[TrialRecord]:
        records = self._store.records.values()
        new = [one for one in records if one.state is TrialState.COMPLETED and one.number not in self._seen]
        self._seen.update(one.number for one in new)
        return new


def has_failed_too_often(store: StudyStore, config: SearchConfig) -> bool:
    states = Counter(record.state for record in store.records.values())
    num_ended = sum(count for state, count in states.items() if state.is_end)
    return num_ended >= 10 and states[TrialState.FAILED] / num_ended > config.budget.max_failed_share


def check_outcome(store: StudyStore, config: SearchConfig, proposals: Proposals) -> None:
    records = store.records.values()
    if has_failed_too_often(store, config) or (records and all(item.state is TrialState.FAILED for item in records)):
        failed = [record for record in records if record.state is TrialState.FAILED]
        raise ArchfrontError(
            f"{len(failed)} of {len(records)} trials failed; {_commonest_cause(failed)}",
            hint="mend the cause and give the command again; raise budget.max_failed_share to go on regardless",
        )
    if not records and proposals.is_exhausted:
        limits = " and ".join(str(item) for item in config.constraints)
        raise NothingFeasibleError(
            f"no architecture was found with {limits}", hint="relax the constraints or widen the space"
        )


def _commonest_cause(failed: Sequence[TrialRecord]) -> str:
    """By cause and not by message: messages name steps, files and processes, and few are alike."""
    cause, count = Counter(record.cause for record in failed).most_common(1)[0]
    messages = Counter(record.message for record in failed if record.cause is cause)
    return f"the commonest cause ({count}): {cause}: {messages.most_common(1)[0][0]}"


def publish(store: StudyStore) -> None:
    """The report, the front and the tables, in the study's directory and announced to tracking."""
    snapshot = store.snapshot()
    markdown = to_markdown(snapshot)
    failpoint("publish.before_report")
    addresses = {f"{link.title} in MLflow": link.url for link in links(store.paths.root)}
    write_bytes(store.paths.report, render(snapshot, addresses).encode())
    failpoint("publish.before_tables")
    results.write_tables(snapshot, store.paths.root)
    failpoint("publish.before_front")
    write_bytes(store.paths.front, markdown.encode())
    for name in PUBLISHED:
        store.put(store.paths.root / name)
    failpoint("publish.before_announce")
    members = front(snapshot.records, snapshot.objectives, snapshot.constraints)
    announcements = [*(artifact_written(name) for name in PUBLISHED), study_ended(StudyEnd.COMPLETED)]
    if members:  # as confirmed: what was told while trials ended had predicted latencies
        announcements.insert(0, front_changed(members, markdown))
    store.announce(announcements)
