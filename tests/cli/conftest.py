"""The command line, called in the tests' own process: to start Python for each call takes most of a second."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.app import run


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        return " ".join(self.out.split())

    @property
    def fields(self) -> Any:
        return json.loads(self.out)


Archfront = Callable[..., Done]


@pytest.fixture
def archfront(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Archfront:
    """Runs a command in the ``folder`` of the tests' own file."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["archfront", *arguments])
        code = run()
        return Done(code, *capfd.readouterr())

    return call
