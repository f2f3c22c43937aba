"""What a job runs, and the command of Ray's that submits the same."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence

from orchestrator.submit.address import NAMES_CLUSTER
from orchestrator.submit.upload import Upload

_SEARCH = ("python", "-m", "orchestrator", "search")


def entrypoint(argument: str, options: Sequence[str]) -> tuple[str, ...]:
    """The search as the job's program.

    Args:
        argument: the study as the job names it.
        options: of ``archfront search``.
    """
    return *_SEARCH, argument, *options


def plain_command(address: str, program: Sequence[str], upload: Upload | None, *, follow: bool) -> str:
    """What does the same without archfront."""
    words = ["ray", "job", "submit", "--address", address]
    if any(os.environ.get(name, address) != address for name in NAMES_CLUSTER):
        words = ["env", *(word for name in NAMES_CLUSTER for word in ("-u", name)), *words]
    if not follow:
        words.append("--no-wait")
    if upload is not None:
        words += ["--working-dir", os.path.relpath(upload.folder)]
        if upload.excludes:
            words += ["--runtime-env-json", json.dumps({"excludes": list(upload.excludes)})]
    return shlex.join([*words, "--", *program])
