"""``archfront`` and ``python -m orchestrator``: a search gets a supervisor, every other command runs as it is."""

from __future__ import annotations

import os
import sys

INTERRUPTED, RESUMABLE = 130, 4
"""130 is what a shell says of a command that SIGINT ended; a search can be resumed."""


def main() -> None:
    """Runs the command line and exits with its code."""
    from orchestrator.runtime.supervisor import SUPERVISED, supervise

    if sys.argv[1:2] == ["search"] and SUPERVISED not in os.environ and not {"--help", "-h"} & set(sys.argv):
        sys.exit(supervise([sys.executable, "-m", "orchestrator", *sys.argv[1:]]))
    try:
        from orchestrator.cli.app import run

        code = run()
    except KeyboardInterrupt:  # while modules are still being imported
        code = RESUMABLE if SUPERVISED in os.environ else INTERRUPTED
    sys.exit(code)


if __name__ == "__main__":
    main()
