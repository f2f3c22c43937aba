"""``archfront ui``: MLflow's pages of one study or of all that lie in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.choosing import complete_study_directory
from orchestrator.cli.printing import console
from orchestrator.cli.searching import STORAGE, storage_of
from orchestrator.errors import BadInputError
from orchestrator.store.paths import StudyPaths
from orchestrator.tracking.address import redacted
from orchestrator.tracking.views import LOCAL_PORT, links_to
from orchestrator.tracking.whereabouts import Whereabouts, address_of, read_whereabouts

Folder = Annotated[
    Path | None,
    typer.Argument(
        metavar="DIR",
        help=f"A study's directory, or the folder of several. Default: ${STORAGE}, else runs/ here.",
        show_default=False,
        autocompletion=complete_study_directory,
    ),
]
Port = Annotated[int, typer.Option(min=1, max=65_535, help="Where to serve the pages, to this machine.")]


def ui(directory: Folder = None, *, port: Port = LOCAL_PORT) -> None:
    """Show studies in MLflow: serves its pages, and prints the links of each study. Ctrl-C ends it."""
    places = _places(directory or storage_of(None))
    _print_links({root: place for root, place in places.items() if place.server})
    here = {root: place for root, place in places.items() if not place.server}
    if here:
        _serve(here, port)


def _serve(places: Mapping[Path, Whereabouts], port: int) -> None:
    from orchestrator.tracking.serving import HOST, listen, pages, serve

    first = next(iter(places))
    uri = address_of(places[first], first.parent)
    shown = {root: place for root, place in places.items() if address_of(place, root.parent) == uri}
    screen = console()
    for root in places.keys() - shown.keys():
        screen.print(f"{root.name} is in another database: archfront ui {root}", soft_wrap=True)
    with suppress(KeyboardInterrupt), listen(port) as listener:
        screen.print(f"starting MLflow's pages of {redacted(uri, uri)}", soft_wrap=True)
        application = pages(uri, first.parent)
        _print_links(shown, server=f"http://{HOST}:{port}")
        screen.print("Ctrl-C ends it")
        serve(application, listener)


def _print_links(places: Mapping[Path, Whereabouts], *, server: str = "") -> None:
    screen = console()
    for root, place in places.items():
        screen.print(root.name, style="bold")
        for link in links_to(place, server=server):
            screen.print(f"  {link.title:<12}  {link.url}", soft_wrap=True)


def _places(directory: Path) -> dict[Path, Whereabouts]:
    """Studies that MLflow has heard of, by their directories.

    Raises:
        BadInputError: there is none.
    """
    roots = _studies(directory)
    found = {root: place for root in roots if (place := read_whereabouts(root)) is not None}
    unknown = [root for root in roots if root not in found]
    if not found:
        raise BadInputError(
            f"{directory}: MLflow has heard of no study here",
            hint=f"archfront sync {unknown[0]} --all sends one" if unknown else "archfront search STUDY makes one",
        )
    for root in unknown:
        console().print(f"{root.name} is not in MLflow; archfront sync {root} --all sends it", soft_wrap=True)
    return found


def _studies(directory: Path) -> Sequence[Path]:
    if not directory.is_dir():
        raise BadInputError(f"{directory}: no such folder", hint="give a study's directory, such as runs/digits")
    if StudyPaths(directory).database.exists():
        return [directory]
    return sorted(path.parent for path in directory.glob("*/study.db"))
