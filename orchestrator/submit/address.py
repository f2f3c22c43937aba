"""The address of a cluster's dashboard, which takes jobs."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from orchestrator.config.credentials import has_credentials
from orchestrator.errors import BadInputError

DEFAULT_PORT = 8265
NAMES_CLUSTER = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
"""Variables that Ray's own commands heed before their ``--address``."""
_TIMEOUT_S = 10.0
_FROM_HERE = "from outside, open a way to it first: ssh -L 8265:localhost:8265 HEAD, or kubectl port-forward"


def address_of(given: str | None) -> str:
    """``--address``, else ``$RAY_API_SERVER_ADDRESS``, else ``$RAY_ADDRESS``; with scheme and port.

    Raises:
        BadInputError: there is none, or it is no address of a dashboard.
    """
    address = next(filter(None, (given, *map(os.environ.get, NAMES_CLUSTER))), "")
    if not address:
        raise BadInputError("no cluster is named", hint="give --address http://head:8265, or set RAY_ADDRESS")
    if has_credentials(address):
        raise BadInputError("--address holds a secret, which others see there", hint="set RAY_AUTH_TOKEN instead")
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = parts.port
    except ValueError:
        raise _no_dashboard(address) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 6379:
        raise _no_dashboard(address)
    has_port = port is not None or parts.scheme == "https"
    place = parts.netloc if has_port else f"{parts.netloc}:{DEFAULT_PORT}"
    return f"{parts.scheme}://{place}{parts.path}".rstrip("/")


def check_reachable(address: str) -> None:
    """Looks for somebody at the address, for ten seconds at most; a proxy is left to answer for itself.

    Raises:
        BadInputError: nobody is there.
    """
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or 443
    if parts.scheme in getproxies() and not proxy_bypass(host):
        return
    try:
        socket.create_connection((host, port), timeout=_TIMEOUT_S).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInputError(
            f"nobody answers at {address}: {reason}", hint=f"start the head or correct --address; {_FROM_HERE}"
        ) from error


def _no_dashboard(address: str) -> BadInputError:
    return BadInputError(
        f'--address "{address}": is no address that takes jobs', hint="give the head's dashboard: http://head:8265"
    )
