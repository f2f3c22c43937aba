"""Why a trial was suggested, stopped, refused or is not on the front: from the recorded events alone."""

from orchestrator.explain.answer import Explanation, explain_ask, explain_trial

__all__ = ["Explanation", "explain_ask", "explain_trial"]
