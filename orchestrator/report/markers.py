"""The shapes that stand for families."""

from __future__ import annotations

from orchestrator.report.markup import Html, tag

_MARKERS = (
    "M5,0A5,5 0 1 1 -5,0A5,5 0 1 1 5,0Z",
    "M-4.4,-4.4H4.4V4.4H-4.4Z",
    "M0,-5.6L5.4,3.9H-5.4Z",
    "M0,-6L6,0L0,6L-6,0Z",
    "M0,5.6L5.4,-3.9H-5.4Z",
    "M-2,-5.5H2V-2H5.5V2H2V5.5H-2V2H-5.5V-2H-2Z",
)


def marker_shapes() -> Html:
    """Definitions that ``use`` elements refer to: ``#m0`` of a family on the front, ``#s0`` smaller, off it."""
    shapes = [tag("path", d=path, id=f"m{index}") for index, path in enumerate(_MARKERS)]
    small = [tag("path", d=path, id=f"s{index}", transform="scale(0.7)") for index, path in enumerate(_MARKERS)]
    return tag("defs", *shapes, *small)


def marker(style: int) -> Html:
    """A marker in a line of text."""
    return tag("svg", tag("use", href=f"#m{style}"), class_=f"k f{style}", viewBox="-7 -7 14 14", aria_hidden="true")
