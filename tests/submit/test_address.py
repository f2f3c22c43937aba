from __future__ import annotations

import socket

import pytest

from orchestrator.errors import BadInputError
from orchestrator.submit.address import address_of, check_reachable


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://head:8265", "http://head:8265"),
        ("http://head:8265/", "http://head:8265"),
        ("head", "http://head:8265"),
        ("head:8000", "http://head:8000"),
        ("https://ray.example.com/cluster", "https://ray.example.com/cluster"),
        ("http://[::1]", "http://[::1]:8265"),
    ],
)
def test_scheme_and_port_are_filled_in(given: str, address: str) -> None:
    assert address_of(given) == address


def test_what_was_given_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://other:1")
    assert address_of("http://head:2") == "http://head:2"
    assert address_of(None) == "http://other:1"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "no cluster is named"),
        ("head:6379", "no address that takes jobs"),
        ("ray://head:10001", "no address that takes jobs"),
        ("http://head:port", "no address that takes jobs"),
        ("http://", "no address that takes jobs"),
        ("http://user:word@head:8265", "holds a secret"),
        ("http://head:8265?token=abc", "holds a secret"),
    ],
)
def test_other_addresses_are_refused_without_showing_secrets(given: str | None, message: str) -> None:
    with pytest.raises(BadInputError, match=message) as refusal:
        address_of(given)
    assert refusal.value.hint
    assert "word" not in str(refusal.value)
    assert "abc" not in str(refusal.value)


def test_nobody_at_the_address_is_told_at_once() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(BadInputError, match="nobody answers at http://127"):
            check_reachable(f"http://127.0.0.1:{closed.getsockname()[1]}")


def test_somebody_at_the_address_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_reachable(f"http://127.0.0.1:{server.getsockname()[1]}")
