"""A report as a file, in the form that the file's name asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from orchestrator.errors import BadInputError
from orchestrator.records import StudySnapshot
from orchestrator.report.markdown import to_markdown
from orchestrator.report.page import render
from orchestrator.report.png import to_png
from orchestrator.report.svg import to_svg
from orchestrator.storage import write_bytes

SUFFIXES = (".html", ".svg", ".png", ".md")


def save(snapshot: StudySnapshot, path: Path, links: Mapping[str, str] = MappingProxyType({})) -> None:
    """Writes the page (.html), the planes (.svg, .png) or the front as a table (.md).

    Args:
        links: as ``render`` takes them; for the page alone.

    Raises:
        BadInputError: the name has another suffix.
        StorageError: the file can't be written.
    """
    match path.suffix.lower():
        case ".html":
            content = render(snapshot, links).encode()
        case ".svg":
            content = to_svg(snapshot).encode()
        case ".png":
            content = to_png(snapshot)
        case ".md":
            content = to_markdown(snapshot).encode()
        case other:
            raise BadInputError(
                f'{path}: a report has no form "{other}"', hint=f"give a name that ends in {', '.join(SUFFIXES)}"
            )
    write_bytes(path, content)
