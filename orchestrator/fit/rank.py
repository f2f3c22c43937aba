"""What each process of a training does: its share of all steps, and by the first one the test score."""

from __future__ import annotations

import functools
import logging
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from orchestrator.config.seeds import derive_seed
from orchestrator.data.dataset import Dataset, load
from orchestrator.errors import ArchfrontError, BadInputError, InterruptedStudyError
from orchestrator.fit.config import FitConfig
from orchestrator.fit.stop import StopPoint
from orchestrator.records import Cause, EpochReport
from orchestrator.scores import ClassificationScore
from orchestrator.storage import read_json, write_json
from orchestrator.training.context import StopTrial, TrialFailure
from orchestrator.training.evaluate import score_classes
from orchestrator.training.loop import MODEL_FOLDER, FinalResult, train
from orchestrator.training.model_files import read_model
from orchestrator.training.ranks import Ranks
from orchestrator.training.reset import reset_global_state, warm_up
from search_spaces.architecture import Architecture
from search_spaces.pretrained import create_pretrained
from search_spaces.registry import build_model

logger = logging.getLogger(__name__)

_FINGERPRINT_FILE = "fingerprint.json"
_HINTS = {
    Cause.DIVERGED: "a lower rate may do: --set recipe.learning_rate=...; or a longer warm-up: recipe.warmup_epochs",
    Cause.OUT_OF_MEMORY: "take smaller batches: --set recipe.batch_size=...; or --set data.image_size=...",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RankWork:
    """What a rank is told.

    Attributes:
        directory: for checkpoints and the final weights.
        parent: process without which this one has no reason to go on; 0 for none.
    """

    config: FitConfig
    directory: Path
    num_threads: int
    parent: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """What a training gave; the first rank alone has scored the test split."""

    final: FinalResult
    test: ClassificationScore | None
    device: str


class RankContext:
    """The training function's view of a rank."""

    def __init__(self, work: RankWork, ranks: Ranks, stop: StopPoint, tell: Callable[[EpochReport], None]) -> None:
        self.rank = ranks.rank
        self.world_size = ranks.world_size
        self.device = ranks.device
        self.seed = work.config.training_seed
        self.directory = work.directory
        self._parent = work.parent
        self._stop = stop
        self._tell = tell

    def report(self, report: EpochReport) -> None:
        if self.rank == 0:
            self._tell(report)

    def stop_requested(self, step: int) -> bool:
        if self._parent and os.getppid() != self._parent:
            raise SystemExit(1)  # whoever started this is gone; the other ranks see the same
        return self._stop.is_reached(step, rank=self.rank, world_size=self.world_size)


def device_of(rank: int) -> torch.device:
    """The rank's own GPU where there are GPUs."""
    return torch.device("cuda", rank) if torch.cuda.is_available() else torch.device("cpu")


def outcome_of(
    work: RankWork, ranks: Ranks, stop: StopPoint, tell: Callable[[EpochReport], None]
) -> Trained | ArchfrontError:
    """Trains, and returns whatever came of it; an exception is a value here, because processes send it."""
    try:
        return _trained(work, ranks, RankContext(work, ranks, stop, tell))
    except StopTrial:
        return InterruptedStudyError("interrupted; the last step that was done is checkpointed")
    except TrialFailure as failure:
        return ArchfrontError(f"training ended: {failure.message}", hint=_HINTS.get(failure.cause, ""))
    except ArchfrontError as error:
        return error
    except Exception as error:
        logger.warning("rank %d failed", ranks.rank, exc_info=True)
        where = traceback.extract_tb(error.__traceback__)[-1]
        return ArchfrontError(f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"[:500])


def _trained(work: RankWork, ranks: Ranks, context: RankContext) -> Trained:
    config = work.config
    reset_global_state(num_threads=work.num_threads)
    originals = config.recipe.min_crop_area > 0
    dataset = load(config.data, seed=derive_seed(config.seed, "split"), originals=originals)
    if ranks.is_first:
        _check_same_data(work.directory, dataset)
    warm_up()
    build = functools.partial(_begun, config) if config.weights else build_model
    final = train(config.architecture, config.recipe, dataset, context, build=build)
    test = _test_score(work.directory, dataset, ranks.device) if ranks.is_first else None
    return Trained(final=final, test=test, device=_device_name(ranks.device))


def _begun(config: FitConfig, architecture: Architecture) -> nn.Module:
    """The network with trained weights."""
    return create_pretrained(architecture, config.weights, freeze=config.freeze)


def _check_same_data(directory: Path, dataset: Dataset) -> None:
    """Refuses to go on with other images than those that training began with."""
    path = directory / _FINGERPRINT_FILE
    if not path.exists():
        write_json(path, dataset.fingerprint)
    elif read_json(path) != dataset.fingerprint:
        raise BadInputError(
            "the images are not those that this training began with",
            hint=f"bring them back, or begin anew: remove {directory}",
        )


def _test_score(directory: Path, dataset: Dataset, device: torch.device) -> ClassificationScore:
    """Alone, so that it is what ``archfront evaluate`` gives."""
    model = read_model(directory / MODEL_FOLDER).to(device)
    return score_classes(model, dataset.test, dataset, ranks=Ranks(rank=0, world_size=1, device=device))


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
