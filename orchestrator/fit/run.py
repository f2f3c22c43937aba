"""``archfront train``: trains, scores the test split once, exports; the same call again goes on where it stopped."""

from __future__ import annotations

import functools
import shutil
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from orchestrator.errors import ArchfrontError
from orchestrator.export.network import ExportedModel, TrainedNetwork, Verify, export_network
from orchestrator.export.verify import verify_in_fresh_process
from orchestrator.fit.card import trained_card
from orchestrator.fit.config import FitConfig
from orchestrator.fit.folder import add_epoch, claimed, epochs, finished, work_folder
from orchestrator.fit.processes import check_devices, new_stop_point, train_alone, train_together
from orchestrator.fit.rank import RankWork, Trained
from orchestrator.fit.stop import StopPoint
from orchestrator.records import EpochReport
from orchestrator.scores import ClassificationScore
from orchestrator.training.loop import MODEL_FOLDER
from search_spaces.pretrained import create_pretrained


class Listener(ABC):
    """Hears how a training goes."""

    @abstractmethod
    def goes_on(self, last: EpochReport) -> None:
        """A training that stopped earlier is taken up again, after this epoch."""

    @abstractmethod
    def epoch_ended(self, report: EpochReport) -> None:
        """The validation split was scored after an epoch; each epoch is heard of once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """A trained network in its folder.

    Attributes:
        accuracy: on the validation split, after the last epoch.
        exported: None where the folder had been there before.
    """

    accuracy: float
    test: ClassificationScore
    wall_time_s: float
    exported: ExportedModel | None


def fit(config: FitConfig, to: Path, listener: Listener, *, verify: Verify = verify_in_fresh_process) -> Fitted:
    """Trains a network to its last epoch and leaves it in the folder ``to``.

    Args:
        verify: tries the folder before it has its name.

    Raises:
        BadInputError: ``to`` is something else or was begun otherwise, or data, weights or devices can't be used.
        InterruptedStudyError: a signal asked for it, or a process died; the same call goes on.
        ArchfrontError: training diverged, or its memory does not suffice.
    """
    frozen = config.frozen()
    stored = finished(to, frozen)
    if stored is not None:
        return _fitted_earlier(stored["result"])
    check_devices(config.num_workers)
    if config.weights:
        create_pretrained(config.architecture, config.weights)  # a misfit is said before anything is begun
    folder = work_folder(to)
    with claimed(folder, frozen):
        trained = _trained(config, folder, listener)
        fitted = _exported(config, trained, folder, to, verify=verify)
    shutil.rmtree(folder)
    return fitted


def _trained(config: FitConfig, folder: Path, listener: Listener) -> Trained:
    if done := epochs(folder):
        listener.goes_on(done[-1])

    def tell(report: EpochReport) -> None:
        if add_epoch(folder, report):
            listener.epoch_ended(report)

    num_threads = max(1, torch.get_num_threads() // config.num_workers)
    work = RankWork(config=config, directory=folder, num_threads=num_threads)
    stop, train = new_stop_point(), train_alone if config.num_workers == 1 else train_together
    with _stopping_on_signals(stop):
        outcome = train(work, stop, tell)
    if isinstance(outcome, ArchfrontError):
        raise outcome
    return outcome


def _exported(config: FitConfig, trained: Trained, folder: Path, to: Path, *, verify: Verify) -> Fitted:
    reports, test = epochs(folder), trained.test
    assert test is not None
    network = TrainedNetwork(
        name=str(folder),
        model_folder=folder / MODEL_FOLDER,
        architecture_id=config.architecture.architecture_id,
        num_parameters=config.architecture.num_parameters,
        task=config.task,
        training={**config.frozen(), "result": _result(trained, reports, test)},
        card=functools.partial(trained_card, config, reports, test, folder_name=to.name),
    )
    exported = export_network(network, to, verify=verify)
    return Fitted(accuracy=trained.final.accuracy, test=test, wall_time_s=trained.final.wall_time_s, exported=exported)


def _result(trained: Trained, reports: list[EpochReport], test: ClassificationScore) -> dict[str, Any]:
    return {
        "accuracy": trained.final.accuracy,
        "wall_time_s": trained.final.wall_time_s,
        "precision": str(trained.final.precision),
        "device": trained.device,
        "test": test.to_dict(),
        "epochs": [report.to_dict() for report in reports],
    }


def _fitted_earlier(result: dict[str, Any]) -> Fitted:
    return Fitted(
        accuracy=result["accuracy"],
        test=ClassificationScore.from_dict(result["test"]),
        wall_time_s=result["wall_time_s"],
        exported=None,
    )


@contextmanager
def _stopping_on_signals(stop: StopPoint) -> Iterator[None]:
    """The first SIGINT or SIGTERM asks for a checkpoint, the second ends at once; both leave it resumable."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stop.is_requested:
            raise KeyboardInterrupt
        stop.request()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
