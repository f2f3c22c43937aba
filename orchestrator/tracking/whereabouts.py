"""Where MLflow has a study, kept beside it by the process that sends, so that links need no server to be known."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.errors import StorageError
from orchestrator.storage import read_json, write_json
from orchestrator.tracking.address import SERVERS, default_uri, redacted

FILE = "tracking.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Whereabouts:
    """Where MLflow's pages show a study.

    Attributes:
        uri: without credentials; empty for the usual one, a file beside the studies, so that they can be moved with it.
        study_id: of the study that was sent there.
        has_views: views were written; not where MLflow is of a version that may keep them in another form.
    """

    uri: str
    experiment_id: str
    study_id: str
    has_views: bool

    @property
    def server(self) -> str:
        """The address of MLflow's pages; empty where a database is all there is."""
        return self.uri.rstrip("/") if urlsplit(self.uri).scheme in SERVERS else ""


def note_whereabouts(root: Path, *, uri: str, experiment_id: str, study_id: str, has_views: bool) -> None:
    """Writes it down, unless it is known already."""
    told = "" if uri == default_uri(root.parent) else redacted(uri, uri)
    found = Whereabouts(uri=told, experiment_id=experiment_id, study_id=study_id, has_views=has_views)
    if read_whereabouts(root) != found:
        write_json(root / FILE, {"schema_version": SCHEMA_VERSION, **asdict(found)})


def read_whereabouts(root: Path) -> Whereabouts | None:
    """None where MLflow has heard nothing of the study yet, or a newer archfront has told it."""
    try:
        fields = read_json(root / FILE)
        if fields.pop("schema_version") != SCHEMA_VERSION:
            return None
        return Whereabouts(**fields)
    except (StorageError, AttributeError, KeyError, TypeError):
        return None


def address_of(whereabouts: Whereabouts, runs: Path) -> str:
    """The address with its credentials, which stand in ``$MLFLOW_TRACKING_URI`` and nowhere else."""
    given = os.environ.get("MLFLOW_TRACKING_URI", "")
    if given and redacted(given, given) == whereabouts.uri:
        return given
    return whereabouts.uri or default_uri(runs)
