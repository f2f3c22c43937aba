"""A study in a notebook: one line, the front in its planes, the front as a table."""

from __future__ import annotations

from collections import Counter
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.records import StudySnapshot
from orchestrator.report import wording

if TYPE_CHECKING:
    from pandas import DataFrame


def shown(snapshot: StudySnapshot, front: DataFrame, directory: Path) -> str:
    """HTML that needs no script and no network."""
    from orchestrator.report import to_svg

    place = f"<code>{escape(str(directory))}</code>"
    head = f"<p><b>{escape(snapshot.name)}</b>: {escape(_summary(snapshot))} · {place}</p>"
    if front.empty:
        return f"{head}<p>No trial stands on the front yet.</p>"
    table = front.rename_axis(index=None, columns="trial").to_html(border=0, float_format="{:.4f}".format, na_rep="")
    return f"{head}{to_svg(snapshot)}{table}"


def _summary(snapshot: StudySnapshot) -> str:
    states = Counter(record.state for record in snapshot.records)
    told = ", ".join(f"{count:,} {state.lower()}" for state, count in states.items())
    return f"{wording.count(len(snapshot.records), 'trial')} ({told})" if told else "no trials yet"
