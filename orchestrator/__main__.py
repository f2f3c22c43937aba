"""``archfront`` and ``python -m orchestrator``: a search gets a supervisor, every other command runs as it is."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Runs the command line and exits with its code."""
    from orchestrator.runtime.supervisor import SUPERVISED, supervise

    if sys.argv[1:2] == ["search"] and SUPERVISED not in os.environ and not {"--help", "-h"} & set(sys.argv):
        sys.exit(supervise([sys.executable, "-m", "orchestrator", *sys.argv[1:]]))
    from orchestrator.cli.app import run

    sys.exit(run())


if __name__ == "__main__":
    main()
