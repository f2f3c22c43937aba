"""Files that somebody has changed: read or refused in words, quickly, and never run.

Each case takes good files, changes a few things in them, and reads them as archfront would.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator import studies
from orchestrator.config.loading import TABLES, load
from orchestrator.config.problems import dotted
from orchestrator.data.catalog import inspect
from orchestrator.errors import ArchfrontError, ConfigError
from orchestrator.export.checksums import SUMS, write_sums
from orchestrator.export.loading import load_model
from orchestrator.storage import MANIFEST, broken_files, sha256_of
from orchestrator.store.copies import read_reports, read_trial
from orchestrator.store.identity import read_identity
from orchestrator.store.messages import read_result
from orchestrator.store.reading import read_log, read_snapshot
from orchestrator.training import checkpoint
from search_spaces.errors import ArchitectureError
from search_spaces.registry import get_architecture, list_models, load_architecture
from tests.config.study_files import BASE, to_toml
from tests.faults.changing import WILD, change_file, changed_bytes, changed_json, changed_tree
from tests.faults.watching import watched


@dataclass(frozen=True, kw_only=True)
class Good:
    """Files as archfront writes them."""

    export: Path
    checkpoints: Path
    study: Path


@dataclass(kw_only=True)
class Found:
    """What came of the cases of one kind."""

    num_read: int = 0
    num_refused: int = 0
    slowest_s: float = 0.0
    problems: list[str] = field(default_factory=list)


_MORE = re.compile(r"and \d+ more problems").fullmatch

Case = Callable[[Good, Path, random.Random], None]


def study_file(_good: Good, _folder: Path, rng: random.Random) -> None:
    """A study file: each problem names a key, or a line where it can't be read."""
    if rng.random() < 0.2:
        text = changed_bytes(studies.read("digits").encode(), rng).decode(errors="surrogateescape")
        names: tuple[str, ...] = ("",)
    else:
        tables = changed_tree(BASE, rng, [item for item in WILD if item != "\udcff"])
        text = to_toml(tables) if isinstance(tables, dict) else "x"
        names = tuple(dotted((name,)) for name in {*TABLES, *tables}) if isinstance(tables, dict) and tables else ("",)
    try:
        load("study", inspect=inspect, shipped={"study": text})
    except ConfigError as error:
        for problem in error.problems:
            place = re.match(r"study\.toml(:\d+)*: ", problem)
            if not (place and problem[place.end() :].startswith((*names, "holds no settings"))) and not _MORE(problem):
                raise AssertionError(f"names no key and no line: {problem!r}") from error
        raise


def architecture_file(_good: Good, folder: Path, rng: random.Random) -> None:
    """An ``architecture.json``, read and costed."""
    network = get_architecture(rng.choice(list_models()))
    path = folder / "architecture.json"
    path.write_bytes(changed_json(json.dumps(network.to_dict()).encode(), rng))
    found = load_architecture(path)
    _ = found.num_parameters, found.macs(224), found.architecture_id


def checkpoint_folder(good: Good, folder: Path, rng: random.Random) -> None:
    """Checkpoints of a trial; half of the time the manifest is made to fit what was changed."""
    import torch

    shutil.copytree(good.checkpoints, folder / "checkpoints")
    target = folder / "checkpoints" / "000002"
    name = rng.choice((MANIFEST, "progress.json", "tensors.safetensors"))
    change_file(target / name, rng, poison=folder.parent / "poisoned")
    if name != MANIFEST and rng.random() < 0.5:
        sums = {path.name: sha256_of(path) for path in target.iterdir() if path.name != MANIFEST}
        (target / MANIFEST).write_text(json.dumps({"sha256": sums}))
    broken_files(target)
    progress = checkpoint.load_latest(folder, {"weights": torch.zeros(64)})
    assert progress is not None, "the checkpoint before it was not used"


def export_folder(good: Good, folder: Path, rng: random.Random) -> None:
    """An exported network; half of the time the sums are made to fit what was changed."""
    shutil.copytree(good.export, folder / "export")
    path = rng.choice(sorted((folder / "export").iterdir()))
    change_file(path, rng, poison=folder.parent / "poisoned")
    if path.name != SUMS and rng.random() < 0.5:
        write_sums(folder / "export")
    load_model(folder / "export")


def study_folder(good: Good, folder: Path, rng: random.Random) -> None:
    """A study's directory: its database, and one of the files of a trial."""
    root = folder / "study"
    shutil.copytree(good.study, root)
    change_file(root / "study.db", rng, poison=folder.parent / "poisoned")
    path = rng.choice([*sorted(root.glob("trials/*/*.json*")), root / "constants.json", root / "study.json"])
    change_file(path, rng, poison=folder.parent / "poisoned")
    read_result(path, token="")
    read_trial(path)
    read_reports(path)
    read_identity(path)
    read_snapshot(root)
    read_log(root)


CASES: dict[str, Case] = {
    "study files": study_file,
    "architectures": architecture_file,
    "checkpoints": checkpoint_folder,
    "exports": export_folder,
    "studies": study_folder,
}


def run_cases(kind: str, good: Good, folder: Path, *, count: int, seed: int) -> Found:
    """Reads ``count`` changed files; ``problems`` says what was neither read nor refused in words."""
    found = Found()
    case = CASES[kind]
    for index in range(-min(200, count // 5), count):  # those below 0 let libraries import what they import late
        room = folder / "case"
        room.mkdir()
        began = time.perf_counter()
        with watched(active=index >= 0) as ran:
            problem = _outcome(case, good, room, random.Random(f"{seed} {kind} {index}"), found)
        if index >= 0:
            found.slowest_s = max(found.slowest_s, time.perf_counter() - began)
            found.problems += [f"{kind} {index}: {text}" for text in (problem, *ran) if text]
        if (folder / "poisoned").exists():
            found.problems.append(f"{kind} {index}: a pickle was loaded")
            (folder / "poisoned").unlink()
        shutil.rmtree(room)
    return found


def _outcome(case: Case, good: Good, room: Path, rng: random.Random, found: Found) -> str:
    try:
        case(good, room, rng)
    except (ArchfrontError, ArchitectureError) as error:
        found.num_refused += 1
        return "" if str(error).strip() else f"{type(error).__name__} says nothing"
    except BaseException as error:  # noqa: BLE001 - anything else is a crash
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
        return f"{type(error).__name__}: {error} at {where}"[:300]
    found.num_read += 1
    return ""


def good_files(folder: Path) -> Good:
    """A small export, two checkpoints and a finished study."""
    import torch

    from orchestrator.export.trial import export_trial
    from orchestrator.records import EpochReport
    from orchestrator.store.paths import TrialPaths
    from tests.export.studies import trained_trial
    from tests.faults import toy
    from tests.faults.studies import toy_config

    trial = trained_trial(folder / "trained")
    export_trial(trial.snapshot, trial.record, TrialPaths(trial.model_folder.parent), folder / "export")
    for epoch in (1, 2):
        report = EpochReport(epoch=epoch, accuracy=0.5, loss=1.0, train_loss=1.0, wall_time_s=1.0)
        progress = checkpoint.Progress(step=epoch, report=report)
        checkpoint.save(folder / "trial", progress, {"weights": torch.full((64,), float(epoch))})
    (folder / "toy").mkdir()
    toy.run(folder / "toy", toy_config("budget.trials=3"))
    return Good(export=folder / "export", checkpoints=folder / "trial" / "checkpoints", study=folder / "toy" / "study")
