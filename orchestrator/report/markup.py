"""HTML and SVG elements as text, in which whatever is not markup already is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable
from importlib import resources


class Html(str):
    """Markup. A plain ``str`` is text, and is escaped where it enters an element."""

    __slots__ = ()


_CHILDLESS = frozenset({"meta", "input", "use", "path", "line", "rect"})


def tag(name: str, /, *children: str, **attributes: object) -> Html:
    """An element; ``class_`` is written class, ``data_trial`` data-trial, and what is None is left out."""
    inside = "".join(f' {_name(key)}="{_value(value)}"' for key, value in attributes.items() if value is not None)
    if name in _CHILDLESS:
        return Html(f"<{name}{inside}/>")
    return Html(f"<{name}{inside}>{joined(children)}</{name}>")


def joined(parts: Iterable[str]) -> Html:
    """Parts one after the other, text among them escaped."""
    return Html("".join(part if isinstance(part, Html) else html.escape(part) for part in parts))


def asset(name: str) -> Html:
    """A file beside these modules, which is markup of our own."""
    return Html(resources.files("orchestrator.report").joinpath(name).read_text(encoding="utf-8"))


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: object) -> str:
    # A pixel has one decimal: the page of a thousand trials is half as long.
    return f"{round(value, 1):g}" if isinstance(value, float) else html.escape(str(value))
