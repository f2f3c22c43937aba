"""``archfront repair`` and ``archfront sync``: what was lost on the way is made good from what is there."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from orchestrator.cli.choosing import Directory
from orchestrator.cli.printing import console

Takeover = Annotated[bool, typer.Option("--takeover", help="Do it although a driver holds the study that is dead.")]


def repair(directory: Directory, *, takeover: Takeover = False) -> None:
    """Make a lost or damaged study.db anew from the trials' folders; the old file is kept aside."""
    from orchestrator.store.repair import repair as repaired

    done = repaired(directory, takeover=takeover)
    screen = console()
    if done is None:
        screen.print(f"{directory}: study.db is whole and knows all that the trials' folders hold")
        return
    counts = Counter(record.state.lower() for record in done.records)
    told = ", ".join(f"{count} {state}" for state, count in counts.items()) or "none had begun"
    screen.print(f"{done.reason}; made anew with {len(done.records)} trials: {told}", soft_wrap=True)
    if done.kept_aside is not None:
        screen.print(f"  kept    {done.kept_aside}", soft_wrap=True)
    for loss in done.losses:
        screen.print(f"  lost    {loss}", soft_wrap=True)
    screen.print("the same archfront search goes on with it", soft_wrap=True)


def sync(
    directory: Directory,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Send the whole study again: the server was wiped, or is another one.")
    ] = False,
    uri: Annotated[str, typer.Option(help="MLflow's address. Default: the one that the search sent to.")] = "",
    takeover: Takeover = False,
) -> None:
    """Send to MLflow what it does not have of a study yet; twice is harmless."""
    from orchestrator.study.sync import sync as synced

    sent = synced(directory, everything=everything, uri=uri, takeover=takeover)
    screen = console()
    if not sent.num_events:
        screen.print(f"{sent.place} has all that was announced of {directory}", soft_wrap=True)
    else:
        screen.print(f"{sent.num_events:,} events of {directory} sent to {sent.place}", soft_wrap=True)
    for refusal in sent.refusals:
        screen.print(f"  refused by MLflow: {refusal}", soft_wrap=True)
