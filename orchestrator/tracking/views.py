"""The two views of a study that are written into MLflow, and the links that open them. MLflow is not imported."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlencode

from orchestrator.tracking.presentation import FRONT_TAG, STUDY_TAG, key
from orchestrator.tracking.whereabouts import Whereabouts, read_whereabouts

LOCAL_PORT = 5000
"""Where `archfront ui` serves a database's pages unless it is told otherwise."""


class View(StrEnum):
    """What is shown of a study, by its name in MLflow."""

    FRONT = "Pareto front"
    TRIALS = "All trials"

    def key(self, study_id: str) -> str:
        """Its name in links; an experiment holds the views of all its studies."""
        return key(f"{study_id}-{self.name.lower()}")

    def condition(self, study_id: str) -> str:
        """Which runs it shows, as MLflow searches for them."""
        chosen = f"tags.{FRONT_TAG} = 'true'" if self is View.FRONT else "tags.kind = 'trial'"
        return f"tags.`{STUDY_TAG}` = '{study_id}' and {chosen}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A page of MLflow; ``title`` is the view's name."""

    title: str
    url: str


def links(root: Path, *, server: str = "") -> tuple[Link, ...]:
    """The pages of a study in its directory ``root``; none while MLflow has heard nothing of it.

    Those of a study that was sent to a database work while `archfront ui` serves it.

    Args:
        server: the address of MLflow's pages; by default where the study was sent to, else that of `archfront ui`.
    """
    found = read_whereabouts(root)
    return () if found is None else links_to(found, server=server)


def links_to(whereabouts: Whereabouts, *, server: str = "") -> tuple[Link, ...]:
    """The pages of the study that is there."""
    base = server or whereabouts.server or f"http://127.0.0.1:{LOCAL_PORT}"
    return tuple(Link(title=view.value, url=_url(base, whereabouts, view)) for view in View)


def needs_ui(root: Path) -> bool:
    """Whether its links work only while `archfront ui` runs."""
    found = read_whereabouts(root)
    return found is not None and not found.server


def _url(base: str, whereabouts: Whereabouts, view: View) -> str:
    # Without the first the pages open for language models, and show no run.
    query = {"workflowType": "machine_learning", "compareRunsMode": "CHART"}
    if whereabouts.has_views:
        query["viewStateShareKey"] = view.key(whereabouts.study_id)
    else:
        query["searchFilter"] = view.condition(whereabouts.study_id)
    return f"{base}/#/experiments/{whereabouts.experiment_id}/runs?{urlencode(query)}"
