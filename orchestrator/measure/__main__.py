"""The process that measures: builds while others work, says ``ready``, waits for ``go``, answers with one line.

Requests come on standard input, answers go to standard output, each one line of JSON; whatever else is printed goes to
standard error. The process ends when its input does, also in the middle of a measurement.
"""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from orchestrator.measure.conditions import Setup, conditions_of


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what ends
    answers = _own_standard_output()
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    setup = Setup.from_dict(json.loads(sys.argv[1]))
    from orchestrator.measure.bench import Bench  # numpy: after the thread that notices an end of input

    networks = Bench(setup)
    while True:
        request = requests.get()
        if "build" in request:
            networks.build([Path(one) if isinstance(one, str) else one for one in request["build"]])
            _answer(answers, {"ready": dataclasses.asdict(conditions_of(setup))})
        else:
            estimates, reference_ms = networks.measure(**request["go"])
            found = [dataclasses.asdict(estimate) for estimate in estimates]
            _answer(answers, {"estimates": found, "reference_ms": reference_ms})


def _own_standard_output() -> TextIO:
    """Standard output for answers alone: what libraries print there goes to standard error from now on."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _listen(requests: queue.Queue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        requests.put(json.loads(line))
    os._exit(0)


def _answer(answers: TextIO, value: Mapping[str, Any]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
