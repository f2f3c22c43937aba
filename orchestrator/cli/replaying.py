"""``archfront replay``."""

from __future__ import annotations

from orchestrator.cli.choosing import Directory, Json
from orchestrator.cli.printing import console, print_json
from orchestrator.errors import ArchfrontError


def replay(directory: Directory, *, json: Json = False) -> None:
    """Derive every suggestion and rung decision again from a study's log, and compare."""
    from orchestrator.replay import replay as replayed

    result = replayed(directory)
    if json:
        print_json(
            {
                "suggestions": result.num_suggestions,
                "decisions": result.num_decisions,
                "differences": list(result.differences),
            }
        )
    else:
        for difference in result.differences:
            console().print(difference)
        console().print(f"{result.num_suggestions} suggestions and {result.num_decisions} rung decisions derived again")
    if result.differences:
        raise ArchfrontError(
            f"{directory}: {len(result.differences)} of them differ from what was recorded",
            hint="another version of archfront or of a library recorded them, or the log was changed",
        )
