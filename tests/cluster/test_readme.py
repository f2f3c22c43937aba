"""The commands of cluster/README.md are read by the programs that they call, and name files that are there."""

from __future__ import annotations

import re
import tomllib

import pytest

from orchestrator.config.settings import Resources
from tests.cluster.reading import CHECKOUT, CLUSTER, VERSION, commands_of, parse

README = (CLUSTER / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
SHELL = "\n".join(text for language, text in BLOCKS if not language)
COMMANDS = commands_of(SHELL.replace("<", ""), "archfront", "ray")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_are_known(words: list[str]) -> None:
    parse(words)


def test_there_are_commands_for_every_way() -> None:
    assert {tuple(words[:2]) for words in COMMANDS} >= {("archfront", "submit"), ("ray", "start"), ("ray", "up")}


def test_named_files_are_there() -> None:
    for name in set(re.findall(r"\b(?:cluster|docker)/[\w.-]+\w", README)) - {"docker/.env"}:
        assert (CHECKOUT / name).exists(), name
    for name in re.findall(r"`([\w.-]+\.yaml)`", README):
        assert (CLUSTER / name).exists(), name


def test_images_are_of_this_version() -> None:
    assert set(re.findall(r"archfront:([\d.]+)-", README)) == {VERSION}


def test_the_example_of_resources_is_one() -> None:
    (text,) = (text for language, text in BLOCKS if language == "toml")
    Resources(**tomllib.loads(text)["resources"])


def test_every_anchor_leads_somewhere() -> None:
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
        for line in re.findall(r"^## (.+)$", README, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", README)) <= headings
