"""How many trials run at once, on this machine or on a cluster."""

from __future__ import annotations

from orchestrator.config.settings import SearchConfig
from orchestrator.runtime import connection, layout


def layout_of(config: SearchConfig, address: str | None) -> layout.Layout:
    """On this machine, or on the cluster at ``address``.

    Raises:
        BadInputError: it has no room for a trial, or no Ray answers.
    """
    if address is None:
        return layout.plan(config.resources, [layout.this_machine()], may_grow=False)
    connection.prepare_environment(address)
    try:
        return layout.plan(config.resources, connection.connect(address))
    finally:
        connection.disconnect()
