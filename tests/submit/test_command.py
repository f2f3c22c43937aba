from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from orchestrator.submit.command import entrypoint, plain_command
from orchestrator.submit.upload import Upload

HEAD = "http://head:8265"


def test_from_a_checkout_it_is_the_command_of_the_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
    command = plain_command(HEAD, entrypoint("study.toml", ()), Upload(folder=Path()), follow=True)
    assert command == f"ray job submit --address {HEAD} --working-dir . -- python -m orchestrator search study.toml"


def test_a_lone_study_file_travels_alone_in_the_plain_command_too(tmp_path: Path) -> None:
    chosen = Upload(folder=tmp_path, excludes=("/*", "!.", "!/a b.toml"))
    words = shlex.split(plain_command(HEAD, entrypoint("a b.toml", ("--set", "budget.trials=3")), chosen, follow=False))
    assert json.loads(words[words.index("--runtime-env-json") + 1]) == {"excludes": ["/*", "!.", "!/a b.toml"]}
    assert "--no-wait" in words[: words.index("--")]
    assert words[words.index("--") + 1 :][3:] == ["search", "a b.toml", "--set", "budget.trials=3"]


def test_a_variable_that_would_win_over_the_address_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://other:8265")
    command = plain_command(HEAD, entrypoint("digits", ()), None, follow=True)
    assert command.startswith("env -u RAY_API_SERVER_ADDRESS -u RAY_ADDRESS ray job submit")


def test_a_token_is_never_part_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a-token-that-nobody-should-see")
    assert "nobody-should-see" not in plain_command(HEAD, entrypoint("digits", ()), None, follow=True)
