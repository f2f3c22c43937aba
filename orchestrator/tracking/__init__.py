"""MLflow shows a study; it is told in the background, and the study never waits for it."""

from orchestrator.tracking.address import resolve_uri
from orchestrator.tracking.tracker import Tracker

__all__ = ["Tracker", "resolve_uri"]
