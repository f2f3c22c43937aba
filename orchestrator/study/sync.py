"""Brings MLflow up to date with a study that no driver runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config.credentials import has_credentials
from orchestrator.config.settings import Tracking
from orchestrator.errors import BadInputError
from orchestrator.store.opening import take
from orchestrator.store.reading import LoggedEvent, read_log
from orchestrator.store.store import StudyStore
from orchestrator.study.retelling import retold
from orchestrator.tracking.address import checked_uri, default_uri, redacted, resolve_uri
from orchestrator.tracking.process import SenderProcess
from orchestrator.tracking.sending import Announcements, Connect, send_all

_TRACKED = "tracked"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """What a sync did; ``place`` is the address without credentials."""

    num_events: int
    place: str
    refusals: tuple[str, ...]


def note_address(store: StudyStore, *, uri: str, experiment: str, register: str = "") -> None:
    """Remembers how a session sends its events; an address with credentials, or the usual one, is left out."""
    is_told = uri != default_uri(store.paths.root.parent) and not has_credentials(uri)
    store.note(_TRACKED, {"uri": uri if is_told else "", "experiment": experiment, "register": register})


def sync(
    root: Path, *, everything: bool = False, uri: str = "", takeover: bool = False, connect: Connect = SenderProcess
) -> Sent:
    """Sends what waits in the study's outbox, or all that is known of the study.

    Args:
        everything: also what was sent before; what MLflow has of it stays as it is.
        uri: elsewhere than where the search sends to; then everything is needed.

    Raises:
        StudyError: there is no study, or a driver holds it.
        BadInputError: nothing can be sent to that address.
        ArchfrontError: MLflow can't be reached.
    """
    given = checked_uri(uri, "--uri") if uri else ""
    store = take(root, takeover=takeover)
    root = store.paths.root  # of a remote study: where its driver works and keeps the usual database
    try:
        log = read_log(root)
        known = _known(log.events)
        usual = known.uri or resolve_uri(Tracking(), root.parent)
        place = given or usual
        if place != usual and not everything:
            raise BadInputError(
                f'--uri "{redacted(place, place)}": this study was sent to {redacted(usual, usual)} so far',
                hint="give --all as well: then all of it is sent",
            )
        retelling = Announcements(retold(log, store.snapshot(), store.paths)) if everything else None
        source = retelling or store
        num_events = source.num_unacknowledged
        settings = {
            "uri": place,
            "experiment": known.experiment,
            "study_id": store.study_id,
            "directory": str(root.absolute()),
            "register": known.register,
            "tells_again": everything,
        }
        refusals = send_all(source, settings, connect=connect)
        if retelling is not None and place == usual:
            _drop(store)
        return Sent(num_events=num_events, place=redacted(place, place), refusals=tuple(refusals))
    finally:
        store.close()


def _known(events: Sequence[LoggedEvent]) -> Tracking:
    """How the newest session that was tracked has sent."""
    details = [event.detail for event in events if event.kind == _TRACKED]
    return Tracking(**details[-1]) if details else Tracking()


def _drop(store: StudyStore) -> None:
    """What waited is part of all that was sent."""
    while entries := store.pending(10_000):
        store.acknowledge([entry.seq for entry in entries])
