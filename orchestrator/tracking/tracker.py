"""Sends a study to MLflow in the background, from an outbox that loses nothing while MLflow is away."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from threading import Condition, Thread

from orchestrator.errors import ArchfrontError
from orchestrator.failpoints import failpoint
from orchestrator.store.outbox import Outbox
from orchestrator.tracking.process import SenderProcess

_log = logging.getLogger(__name__)

# MLflow's pages look for news every 30 s; a batch costs 10 ms of CPU for each run that it touches.
INTERVAL_S = 5.0
START_S = 60.0
"""Importing MLflow takes 5 s of a core, which workers that start need more; a short study is sent at its end."""
MAX_BATCH = 1000
MAX_BACKOFF_S = 60.0
_GRACE_S = 0.5


class Tracker:
    """Moves events from an outbox to MLflow, in order, batch by batch, never on the path of a trial.

    An event is acknowledged after MLflow has it. So a kill at any point means that it is sent twice, which is
    harmless, and not that it is lost.

    Args:
        uri: as ``resolve_uri`` gives it.
        directory: of the study; artifacts are read from it.
        register: the registered model that the most accurate network becomes a version of; empty for none.
    """

    def __init__(
        self, source: Outbox, *, uri: str, experiment: str, study_id: str, directory: Path, register: str = ""
    ) -> None:
        self._source = source
        settings = {
            "uri": uri,
            "experiment": experiment,
            "study_id": study_id,
            "directory": str(directory.absolute()),
            "register": register,
        }
        self._sender = SenderProcess(settings)
        self._news = Condition()
        self._is_closing = False
        self._is_hurrying = False
        self._num_failures = 0
        self._last_error = ""
        self._thread = Thread(target=self._run, name="tracking", daemon=True)

    def start(self) -> None:
        """Begins to send, after a while or when it is flushed: importing MLflow takes some five seconds of a core."""
        self._thread.start()

    @property
    def num_behind(self) -> int:
        """Events that MLflow does not have yet."""
        return self._source.num_unacknowledged

    @property
    def last_error(self) -> str:
        """Why the last batch was not sent, as one line; empty when all is well."""
        return self._last_error

    def flush(self, timeout_s: float) -> int:
        """Sends what there is without waiting for more; returns how many events are behind after that time."""
        end = time.monotonic() + timeout_s
        with self._news:
            self._is_hurrying = True
            self._news.notify_all()
            while self.num_behind and self._thread.is_alive() and (left := end - time.monotonic()) > 0:
                self._news.wait(left)
            self._is_hurrying = False
        return self.num_behind

    def close(self) -> None:
        """Ends within a second, whatever MLflow does; what was not sent stays in the outbox."""
        with self._news:
            self._is_closing = True
            self._news.notify_all()
        if self._thread.is_alive():
            self._thread.join(_GRACE_S)
        self._sender.end()
        if self._thread.is_alive():
            self._thread.join(_GRACE_S)

    def _run(self) -> None:
        with self._news:
            self._news.wait_for(lambda: self._is_hurrying or self._is_closing, START_S)
        while not self._is_closing:
            pause_s = self._send_all()
            with self._news:
                self._news.notify_all()
                if self._is_hurrying and not self._num_failures:
                    pause_s = 0.05  # flush was called after the outbox was read
                if not self._is_closing:
                    self._news.wait(pause_s)

    def _send_all(self) -> float:
        """Sends until the outbox is short; returns seconds to wait before the next time."""
        try:
            while self._send_batch():
                pass
        except Exception as error:  # noqa: BLE001 - the outbox may be closed or deposed, MLflow may be anything
            return self._fail(error)
        return INTERVAL_S

    def _send_batch(self) -> bool:
        """Sends the oldest events; returns whether there is more to be sent now."""
        entries = self._source.pending(MAX_BATCH)
        if not entries or self._is_closing:
            return False
        failpoint("tracking.before_send")
        refusals = self._sender.send(entries)
        failpoint("tracking.after_send")
        self._source.acknowledge([entry.seq for entry in entries])
        failpoint("tracking.after_acknowledge")
        for refusal in refusals:
            _log.warning("MLflow does not take a part of the study: %s", refusal)
        if self._num_failures:
            _log.info("tracking goes on")
        self._num_failures, self._last_error = 0, ""
        return len(entries) == MAX_BATCH or self._is_hurrying

    def _fail(self, error: Exception) -> float:
        if self._is_closing:
            return 0.0
        message = error.message if isinstance(error, ArchfrontError) else f"{type(error).__name__}: {error}"
        if message != self._last_error:
            _log.warning("tracking is behind: %s", message)
        self._last_error = message
        self._num_failures += 1
        return min(MAX_BACKOFF_S, 2.0 ** min(self._num_failures - 1, 6))
