"""What becomes of a front after the search: test scores, further seeds, retraining, then latency; in that order."""

from orchestrator.confirm.finalists import finalists
from orchestrator.confirm.front import confirm
from orchestrator.confirm.session import Session

__all__ = ["Session", "confirm", "finalists"]
