"""The process that talks to MLflow: reads batches of events as lines of JSON, and answers each with one line.

``python -m orchestrator.tracking.sender`` is started by ``process.SenderProcess``; MLflow is imported here and nowhere
else in a study.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, TextIO

from orchestrator.store.events import Event, event_from
from orchestrator.tracking.changes import collect
from orchestrator.tracking.failures import explain

if TYPE_CHECKING:
    from orchestrator.tracking.client import Client

# Of a core that is wanted by trials this takes a quarter; at 10 the import of MLflow alone lasts for minutes there.
NICENESS = 5


def main() -> None:
    os.nice(NICENESS)
    replies = _own_stdout()
    lines = _lines_of_stdin()
    settings = json.loads(lines.get())
    client: Client | None = None
    while True:
        entries = json.loads(lines.get())
        try:
            client = client or _connect(settings)
            answer: dict[str, Any] = {"refusals": apply_entries(client, entries)}
        except Exception as error:  # noqa: BLE001 - MLflow's client raises anything; all of it is answered
            answer = {"error": explain(error, settings["uri"])}
        replies.write(json.dumps(answer) + "\n")
        replies.flush()


def apply_entries(client: Client, entries: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """Applies kinds with their payloads; returns what is refused for good: by us, or by MLflow."""
    events: list[Event] = []
    refusals: list[str] = []
    for kind, payload in entries:
        try:
            event = event_from(kind, payload)
            collect([event])  # what this can't take would keep all later events back
        except (ValueError, TypeError, AttributeError) as error:
            refusals.append(str(error))
        else:
            events.append(event)
    return refusals + client.apply(events)


def _connect(settings: dict[str, Any]) -> Client:
    from orchestrator.tracking.client import Client

    return Client(**{**settings, "directory": Path(settings["directory"])})


def _own_stdout() -> TextIO:
    """Keeps the pipe for answers; whatever MLflow prints, logs or warns of goes nowhere."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    return answers


def _lines_of_stdin() -> SimpleQueue[str]:
    """Reads on while MLflow is slow, so that this process ends when its driver does, even in a hanging call."""
    lines: SimpleQueue[str] = SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    Thread(target=read, daemon=True).start()
    return lines


if __name__ == "__main__":
    main()
