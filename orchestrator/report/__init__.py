"""A study as one HTML page that needs nothing else, and its front as Markdown."""

from orchestrator.report.markdown import to_markdown
from orchestrator.report.page import render

__all__ = ["render", "to_markdown"]
