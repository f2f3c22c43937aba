"""``archfront`` for as long as another program lives: it ends in order when its standard input is closed.

A notebook's kernel that is killed closes it too, so that no search goes on without anybody who could stop it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading


def main() -> None:
    """Runs the command line of ``sys.argv``; SIGTERM once standard input ends."""
    threading.Thread(target=_wait_for_end, name="leash", daemon=True).start()
    from orchestrator.__main__ import main as archfront

    archfront()


def _wait_for_end() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
