"""Reads study files written in the tests, on the real families and the real catalogue of data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.config.loading import Loaded, load
from orchestrator.data.catalog import inspect
from orchestrator.errors import ConfigError

Read = Callable[..., Loaded]
Problems = Callable[..., tuple[str, ...]]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads a text as ``study.toml``, with overrides."""
    monkeypatch.chdir(tmp_path)

    def read_text(text: str | bytes, *overrides: str) -> Loaded:
        content = text if isinstance(text, bytes) else text.encode()
        Path("study.toml").write_bytes(content)
        return load("study.toml", overrides, inspect=inspect)

    return read_text


@pytest.fixture
def problems(read: Read) -> Problems:
    """What is wrong with a text; fails where nothing is."""

    def problems_of(text: str | bytes, *overrides: str) -> tuple[str, ...]:
        with pytest.raises(ConfigError) as caught:
            read(text, *overrides)
        return caught.value.problems

    return problems_of
