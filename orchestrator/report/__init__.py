"""A study as one HTML page that needs nothing else, its planes as a picture, and its front as Markdown."""

from orchestrator.report.markdown import to_markdown
from orchestrator.report.page import render
from orchestrator.report.png import to_png
from orchestrator.report.saving import save
from orchestrator.report.svg import to_svg

__all__ = ["render", "save", "to_markdown", "to_png", "to_svg"]
