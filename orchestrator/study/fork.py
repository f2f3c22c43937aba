"""A new study from a changed file, which takes over what the study of that file has found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.config.consistency import MAX_NAME_LENGTH, is_study_name
from orchestrator.config.settings import SearchConfig
from orchestrator.errors import BadInputError


def forked(config: SearchConfig, name: str, runs: Path | str) -> SearchConfig:
    """The config under another name, with the study that lies in ``runs`` under its own name as its first source.

    Results are taken as they are where data, recipe and seed are the same; others only inform the sampler.

    Raises:
        BadInputError: the name is none, or the study's own.
    """
    if not is_study_name(name):
        raise BadInputError(f'--fork "{name}": must be letters, digits, . _ -, at most {MAX_NAME_LENGTH} of them')
    if name == config.study.name:
        raise BadInputError(f'--fork "{name}": is the name of the study itself', hint="give the new study another one")
    source = str(runs / config.study.name) if isinstance(runs, Path) else f"{runs}/{config.study.name}"
    others = (other for other in config.study.warm_start if other != source)
    return replace(config, study=replace(config.study, name=name, warm_start=(source, *others)))
