"""The study store: the one truth of a study. Everything is committed before it is acknowledged."""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.errors import StorageError, StudyError
from orchestrator.failpoints import failpoint
from orchestrator.records import (
    Cause,
    EpochReport,
    Latency,
    Retraining,
    SeedResult,
    StudySnapshot,
    TrialRecord,
    TrialState,
)
from orchestrator.scores import ClassificationScore
from orchestrator.storage import broken_files, clone_folder
from orchestrator.store.announcements import Announcement, epoch_reported, trial_ended, trial_started
from orchestrator.store.copies import Copies
from orchestrator.store.database import Database
from orchestrator.store.home import Home, LocalHome
from orchestrator.store.messages import WorkerResult, is_end_of, read_result
from orchestrator.store.outbox import OutboxEntry
from orchestrator.store.paths import StudyPaths
from orchestrator.store.rows import DEATHS, Ask, Attempt, read_asks, read_records
from orchestrator.store.snapshot import snapshot_of
from orchestrator.store.statements import (
    end_running_attempt,
    insert_announcements,
    insert_ask,
    insert_attempt,
    insert_event,
    insert_trial,
    replace_report,
    update_trial,
)


class StudyStore:
    """A study that this process owns: reads come from memory, writes are transactions.

    Records are replaced, never changed; ``records`` may be read from any thread.
    """

    def __init__(self, paths: StudyPaths, database: Database, home: Home | None = None) -> None:
        self.paths = paths
        self._database = database
        self._home = home or LocalHome(paths, database)
        self._told: dict[int, int] = {}  # by trial: how many transactions there were after its last report
        self.records: dict[int, TrialRecord] = read_records(database)
        self.asks: list[Ask] = read_asks(database)
        row = database.rows("SELECT * FROM study")[0]
        self.study_id: str = row["study_id"]
        self.name: str = row["name"]
        self.frozen: dict[str, Any] = json.loads(row["frozen"])
        self.constants: dict[str, Any] = json.loads(row["constants"])
        self.wall_time_s: float = row["wall_time_s"]
        asks = {row["number"]: row["ask"] for row in database.rows("SELECT number, ask FROM trial")}
        self._trial_of_ask: dict[int, int] = {ask: number for number, ask in asks.items()}
        self._running = {one: ask for one, ask in asks.items() if self.records[one].state is TrialState.RUNNING}
        self.running_asks: set[int] = set(self._running.values())
        self._lost: set[int] = set(self._running)  # nobody works on them in this session
        self._num_left: int | None = None
        attempts = database.rows("SELECT trial, token FROM attempt ORDER BY trial, number")
        self._tokens: dict[int, str] = dict.fromkeys(self.records, "")
        self._tokens |= {attempt["trial"]: attempt["token"] for attempt in attempts}
        self._copies = Copies(paths, database)

    @property
    def owner_epoch(self) -> int:
        return self._database.owner_epoch

    def complete_files(self) -> None:
        """Writes what an earlier driver was killed before it could write."""
        self._copies.complete(self.records, self._tokens)

    def set_constants(self, constants: Mapping[str, Any]) -> None:
        """Freezes what was measured before the first ask; it is measured once in the life of a study."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE study SET constants = ?", (json.dumps(constants),))
            self._log(connection, "constants_frozen", None, {})
            failpoint("store.before_constants_commit")
        self.constants = dict(constants)
        self._copies.write_constants(constants, wall_time_s=self.wall_time_s)

    def refuse(self, ask: Ask) -> None:
        """Records a suggestion that becomes no trial; it costs no budget and teaches the sampler."""
        assert ask.refusal is not None
        with self._database.transaction(waits=False) as connection:
            insert_ask(connection, ask)
            self._log(connection, "ask_refused", None, {"ask": ask.number, "reason": ask.refusal})
            failpoint("store.before_refuse_commit")
        failpoint("store.after_refuse_commit")
        self.asks.append(ask)

    def start(self, ask: Ask, record: TrialRecord) -> Attempt:
        """Records a new trial and its first attempt, then writes ``trial.json``."""
        attempt = Attempt(trial=record.number, number=1, token=secrets.token_hex(8))
        with self._database.transaction() as connection:
            insert_ask(connection, ask)
            insert_trial(connection, ask, record)
            insert_attempt(connection, attempt, owner_epoch=self.owner_epoch)
            insert_announcements(connection, [trial_started(record)])
            self._log(connection, "trial_started", record.number, {"ask": ask.number, "token": attempt.token})
            failpoint("store.before_start_commit")
        failpoint("store.after_start_commit")
        shutil.rmtree(self.paths.trial(record.number).model, ignore_errors=True)  # see reuse
        self.asks.append(ask)
        self._trial_of_ask[ask.number] = record.number
        self._running[record.number] = ask.number
        self.running_asks.add(ask.number)
        self._begin(replace(record, num_attempts=1), attempt)
        failpoint("store.after_trial_json")
        return attempt

    def reuse(self, ask: Ask, record: TrialRecord, *, model: Path) -> None:
        """Records a trial that is COMPLETED from the start, because its result was there already.

        Its network is there before it is committed: a session that is killed in between leaves one without a trial.

        Args:
            model: the folder of its trained network, which is copied; where it is gone or damaged, the trial can be
                neither tested nor exported.
        """
        assert record.cause is Cause.REUSED
        self._database.check_owned()  # a successor may have trained another network under this number
        own = self.paths.trial(record.number).model
        if broken_files(model):
            shutil.rmtree(own, ignore_errors=True)  # another network's
        else:
            clone_folder(model, own)
            self._home.keep(own)
        with self._database.transaction() as connection:
            insert_ask(connection, ask)
            insert_trial(connection, ask, record)
            for report in record.reports:
                replace_report(connection, record.number, report, attempt=0)
            insert_announcements(connection, [trial_started(record), trial_ended(record)])
            update_trial(connection, record)
            event = self._log(connection, "trial_reused", record.number, {"ask": ask.number, "source": record.message})
            failpoint("store.before_reuse_commit")
        failpoint("store.after_reuse_commit")
        self.asks.append(ask)
        self._trial_of_ask[ask.number] = record.number
        self._tokens[record.number] = ""
        self._copies.write_start(record)
        self._after_end(record, event)

    def restart(self, trial: int) -> Attempt:
        """Commits the next attempt of a trial whose workers are gone; results of older attempts are void."""
        record = self.records[trial]
        attempt = Attempt(trial=trial, number=record.num_attempts + 1, token=secrets.token_hex(8))
        with self._database.transaction() as connection:
            end_running_attempt(connection, trial, "driver_died")
            insert_attempt(connection, attempt, owner_epoch=self.owner_epoch)
            self._log(connection, "trial_restarted", trial, {"attempt": attempt.number, "token": attempt.token})
            failpoint("store.before_restart_commit")
        failpoint("store.after_restart_commit")
        self._begin(replace(record, num_attempts=attempt.number), attempt)
        return attempt

    def is_current(self, trial: int, token: str) -> bool:
        """Whether a message comes from the newest attempt of a trial that still runs."""
        return trial in self.records and not self.records[trial].state.is_end and self._tokens[trial] == token

    def end_attempt(self, trial: int, how: str) -> None:
        """Notes that an attempt is over while its trial goes on later (``interrupted``, or the cause of its death)."""
        with self._database.transaction() as connection:
            end_running_attempt(connection, trial, how)
            self._log(connection, "attempt_ended", trial, {"how": how})
            failpoint("store.before_attempt_end_commit")
        failpoint("store.after_attempt_end_commit")
        self._copies.write_start(self.records[trial])
        self._lost.add(trial)

    def report(self, trial: int, report: EpochReport, *, prune: str | None, decision: Mapping[str, Any]) -> None:
        """Records an epoch together with what the scheduler decided on it: one transaction.

        Args:
            prune: why the trial is PRUNED; None where it goes on.
            decision: the figures that decided, for the event log.
        """
        record = self.records[trial]
        reports = (*(earlier for earlier in record.reports if earlier.epoch < report.epoch), report)
        changed = replace(record, reports=reports, wall_time_s=report.wall_time_s)
        # A driver that is lost may take one report of a trial along, which its checkpoint tells again; no decision.
        waits = prune is not None or bool(decision) or not self._database.is_safe(self._told.get(trial, 0))
        with self._database.transaction(waits=waits) as connection:
            replace_report(connection, trial, report, attempt=record.num_attempts)
            update_trial(connection, changed)
            insert_announcements(connection, [epoch_reported(trial, report)])
            self._log(connection, "epoch_reported", trial, {**report.to_dict(), "decision": decision})
            if prune is not None:
                predicted = decision.get("predicted")
                changed = replace(changed, state=TrialState.PRUNED, message=prune, predicted_accuracy=predicted)
                event = self._end(connection, changed, kind="trial_ended")
            failpoint("store.before_report_commit")
        failpoint("store.after_report_commit")
        self._told[trial] = self._database.num_committed
        if prune is None:
            self.records[trial] = changed
        else:
            self._after_end(changed, event)
        self._copies.append_report(trial, report)

    def end(self, changed: TrialRecord) -> None:
        """Commits the end of a trial, then writes ``final.json``."""
        with self._database.transaction() as connection:
            event = self._end(connection, changed, kind="trial_ended")
            failpoint("store.before_end_commit")
        failpoint("store.after_end_commit")
        self._after_end(changed, event)

    def score(
        self,
        trial: int,
        *,
        latency: Latency | None = None,
        throughput: Latency | None = None,
        test_score: ClassificationScore | None = None,
    ) -> None:
        """Adds what confirm measured to a COMPLETED trial; what is None stays as it is."""
        changed = self.records[trial]
        if latency is not None:
            changed = replace(changed, latency=latency)
        if throughput is not None:
            changed = replace(changed, throughput=throughput)
        if test_score is not None:
            changed = replace(changed, test_score=test_score, test_accuracy=test_score.accuracy)
        self._confirm(changed, kind="trial_confirmed", detail={})

    def add_seed(self, trial: int, result: SeedResult) -> None:
        """Adds how a further training of a COMPLETED trial ended, or its score, in place of what was known of it."""
        record = self.records[trial]
        others = [one for one in record.seeds if one.seed != result.seed]
        seeds = tuple(sorted((*others, result), key=lambda one: one.seed))
        self._confirm(replace(record, seeds=seeds), kind="seed_trained", detail={"seed": result.seed})

    def set_retrained(self, trial: int, result: Retraining) -> None:
        """The same of the training on the training and the validation split together."""
        self._confirm(replace(self.records[trial], retrained=result), kind="trial_retrained", detail={})

    def lost_trials(self) -> list[int]:
        """Trials that are RUNNING while nobody works on them: interrupted, or their workers or driver died."""
        return sorted(self._lost)

    def record_of_ask(self, ask: int) -> TrialRecord | None:
        """The trial that a suggestion became; None where it was refused."""
        trial = self._trial_of_ask.get(ask)
        return None if trial is None else self.records[trial]

    @property
    def num_live(self) -> int:
        """Trials that workers of this session have in hand."""
        return len(self._running) - len(self._lost)

    def deaths(self, trial: int) -> list[Cause]:
        """What the workers of a trial died of since an attempt last got further, the newest first.

        An attempt got further whose reports still hold two epochs, or one where it was the first: another begins with
        the last epoch of the one before it, told again. Interruptions are no deaths.
        """
        epochs = "(SELECT count(*) FROM report WHERE trial = ?1 AND report.attempt = attempt.number)"
        sql = f"SELECT number, ended, {epochs} AS epochs FROM attempt WHERE trial = ?1 ORDER BY number DESC"  # noqa: S608
        found = []
        for row in self._database.rows(sql, trial):
            if row["ended"] in DEATHS:
                found.append(Cause(row["ended"]))
            if row["epochs"] >= (1 if row["number"] == 1 else 2):
                break
        return found

    def unheard_results(self) -> list[tuple[int, WorkerResult]]:
        """Results on disk of trials that are still RUNNING here, written by their newest attempt.

        One that makes no end is as good as none: its trial goes on from its checkpoint.
        """
        found = []
        for number in self.lost_trials():
            result = read_result(self.paths.trial(number).result, token=self._tokens[number])
            if result is not None and is_end_of(self.records[number], result):
                found.append((number, result))
        return found

    def snapshot(self) -> StudySnapshot:
        """The study as one value."""
        return snapshot_of(self._database, tuple(self.records.values()))

    def announce(self, announcements: Sequence[Announcement]) -> None:
        """Queues rows for tracking that belong to no change of a trial."""
        with self._database.transaction(waits=False) as connection:
            insert_announcements(connection, announcements)
            failpoint("store.before_announce_commit")

    def pending(self, limit: int) -> list[OutboxEntry]:
        """The oldest rows that tracking has not acknowledged."""
        rows = self._database.rows("SELECT * FROM outbox ORDER BY seq LIMIT ?", limit)
        return [OutboxEntry(seq=row["seq"], kind=row["kind"], payload=json.loads(row["payload"])) for row in rows]

    def acknowledge(self, seqs: Sequence[int]) -> None:
        """Drops rows that tracking has; sending one twice is harmless, so this may come late."""
        with self._database.transaction(waits=False) as connection:
            connection.executemany("DELETE FROM outbox WHERE seq = ?", [(seq,) for seq in seqs])
            failpoint("store.before_acknowledge_commit")

    @property
    def num_unacknowledged(self) -> int:
        """Rows that tracking has not acknowledged; after ``close``, those that were left."""
        with self._database.lock:
            if self._num_left is None:
                return int(self._database.rows("SELECT count(*) AS n FROM outbox")[0]["n"])
            return self._num_left

    def put(self, path: Path) -> None:
        """A file in the study's directory is whole, and belongs to the study."""
        self._home.put(path)

    def note(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Appends an event that changes no trial."""
        with self._database.transaction(waits=False) as connection:
            self._log(connection, kind, None, detail)

    def add_wall_time(self, seconds: float) -> None:
        """Counts a session's time into the study's."""
        with self._database.transaction(waits=False) as connection:
            connection.execute("UPDATE study SET wall_time_s = wall_time_s + ?", (seconds,))
        self.wall_time_s += seconds
        self._copies.write_constants(self.constants, wall_time_s=self.wall_time_s)

    def close(self) -> None:
        """Gives the study back, so that the next driver need not ask whether this one is alive."""
        self._home.stop()
        with self._database.lock:
            try:
                self._num_left = self.num_unacknowledged
                with self._database.transaction() as connection:
                    connection.execute("UPDATE study SET owner = NULL")
                    failpoint("store.before_release_commit")
                self._home.release()
            except StudyError:
                pass  # deposed: the owner that stands there is somebody else's
            except StorageError:
                pass  # no room for it: the next driver finds that this one is dead, and the first error is told
            finally:
                self._database.close()

    def _log(self, connection: sqlite3.Connection, kind: str, trial: int | None, detail: Mapping[str, Any]) -> int:
        return insert_event(connection, kind, trial=trial, owner_epoch=self.owner_epoch, detail=detail)

    def _begin(self, record: TrialRecord, attempt: Attempt) -> None:
        self.records[record.number] = record
        self._tokens[record.number] = attempt.token
        self._lost.discard(record.number)
        self._copies.write_start(record)

    def _confirm(self, changed: TrialRecord, *, kind: str, detail: Mapping[str, Any]) -> None:
        with self._database.transaction() as connection:
            event = self._end(connection, changed, kind=kind, detail=detail)
            failpoint("store.before_score_commit")
        failpoint("store.after_score_commit")
        self._after_end(changed, event)

    def _end(
        self, connection: sqlite3.Connection, record: TrialRecord, *, kind: str, detail: Mapping[str, Any] | None = None
    ) -> int:
        assert record.state.is_end
        update_trial(connection, record)
        end_running_attempt(connection, record.number, record.state.value.lower())
        insert_announcements(connection, [trial_ended(record)])
        return self._log(
            connection, kind, record.number, {"state": record.state, "cause": record.cause, **(detail or {})}
        )

    def _after_end(self, record: TrialRecord, event: int) -> None:
        self.records[record.number] = record
        self.running_asks.discard(self._running.pop(record.number, -1))
        self._lost.discard(record.number)
        self._copies.write_end(record, token=self._tokens[record.number], event=event)
        failpoint("store.after_final_json")
        shutil.rmtree(self.paths.trial(record.number).checkpoints, ignore_errors=True)  # nothing resumes from them now
        self._home.forget_checkpoints(record.number)
