"""Commands beyond the search: ``train`` one network on the full budget, ``evaluate`` an exported folder."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator import studies
from orchestrator.cli.choosing import Json
from orchestrator.cli.exporting import print_checks
from orchestrator.cli.printing import console, print_json, print_warnings
from orchestrator.data.catalog import inspect
from orchestrator.errors import InterruptedStudyError
from orchestrator.fit.config import FitConfig, Request, SplitName, read_config

if TYPE_CHECKING:
    from orchestrator.fit.run import Fitted
    from orchestrator.fit.scoring import FolderScore
    from orchestrator.records import EpochReport
    from orchestrator.scores import ClassificationScore

_DATA_HELP = "NAME or NAME:PATH, such as cifar10:data, folder:images or parquet:s3://bucket/images."


def train(
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK",
            help="A preset such as densenet121, an architecture.json, or an exported folder.",
            show_default=False,
        ),
    ],
    *,
    data: Annotated[str, typer.Option(help=f"{_DATA_HELP} Default: the data of --recipe.")] = "",
    recipe: Annotated[
        str,
        typer.Option(
            metavar="STUDY",
            help="A study file or a shipped study, for its recipe. Default: the shipped study named like the data.",
        ),
    ] = "",
    pretrained: Annotated[
        str,
        typer.Option(metavar="WEIGHTS", help="First weights: torchvision's, such as IMAGENET1K_V1, or a file."),
    ] = "",
    freeze: Annotated[
        bool, typer.Option("--freeze", help="Train the last linear layer alone; with --pretrained.")
    ] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of the recipe's.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Processes, each with a GPU where there are GPUs.")] = 1,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the weights, the order and the split. Default: the study's.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="The folder to write. Default: trained/NETWORK-DATA.")] = None,
    overrides: Annotated[
        list[str],
        typer.Option("--set", metavar="TABLE.KEY=VALUE", help="Override recipe.*, data.* or architecture.*."),
    ] = [],  # noqa: B006 - typer reads it
) -> None:
    """Train one network outside of a study; the same command again goes on where it stopped."""
    request = Request(
        network=network,
        data=data,
        study=recipe,
        overrides=overrides,
        epochs=epochs or 0,
        seed=seed,
        weights=pretrained,
        freeze=freeze,
        num_workers=workers,
    )
    config = read_config(request, inspect=inspect, shipped={name: studies.read(name) for name in studies.names()})
    print_warnings(config.warnings)
    target = to or Path("trained") / f"{_name(network, config)}-{config.data.name}"
    _print_config(config, target)
    try:
        fitted = _fit(config, target)
    except InterruptedStudyError as error:
        error.hint = f"resume with: archfront {shlex.join(sys.argv[1:])}"
        raise
    _print_fitted(fitted, target)


def evaluate(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder that train or export wrote.", show_default=False)
    ],
    *,
    data: Annotated[str, typer.Option(help=f"{_DATA_HELP} Default: what it was trained on.")] = "",
    split: Annotated[SplitName, typer.Option(help="Of the data.")] = SplitName.TEST,
    json: Json = False,
) -> None:
    """Score the network of an exported folder on a split of some data."""
    from orchestrator.fit.scoring import score_folder

    found = score_folder(folder, data, split=split)
    if json:
        print_json(_score_json(found))
        return
    screen = console()
    screen.print(f"{folder} on {found.score.num_images:,} images of the {found.split} split of {found.data.name}")
    for name, text in _score_rows(found.score):
        screen.print(f"  {name:<28} {text}")
    screen.print(f"  {'images per second':<28} {found.images_per_s:,.0f}")
    if not found.is_as_trained:
        print_warnings(["these data are not split as for its training: it may have been trained on some of the images"])


def _fit(config: FitConfig, to: Path) -> Fitted:
    from orchestrator.fit.run import Listener, fit

    screen = console()

    class Lines(Listener):
        """One line an epoch."""

        seconds_before = 0.0

        def goes_on(self, last: EpochReport) -> None:
            self.seconds_before = last.wall_time_s
            screen.print(f"goes on after epoch {last.epoch}")

        def epoch_ended(self, report: EpochReport) -> None:
            seconds, self.seconds_before = report.wall_time_s - self.seconds_before, report.wall_time_s
            screen.print(
                f"epoch {report.epoch:>{len(str(config.recipe.epochs))}}/{config.recipe.epochs}"
                f"  train loss {report.train_loss:.4f}  validation accuracy {report.accuracy:.4f}"
                f"  loss {report.loss:.4f}  {seconds:.1f} s"
            )

    return fit(config, to, Lines())


def _name(network: str, config: FitConfig) -> str:
    """Of the folder: the preset's, or the architecture's where it comes from a file."""
    is_file = network.endswith(".json") or os.path.isdir(network)  # noqa: PTH112 - long names
    return f"{config.architecture.family}-{config.architecture.architecture_id}" if is_file else network


def _print_config(config: FitConfig, to: Path) -> None:
    architecture, recipe = config.architecture, config.recipe
    train, validation, test = config.num_images
    begun = (
        f"from {config.weights}{', features frozen' if config.freeze else ''}" if config.weights else "fresh weights"
    )
    screen = console()
    screen.print(
        f"{architecture.family} {architecture.architecture_id}, {architecture.num_parameters:,} parameters, {begun}"
    )
    screen.print(
        f"{config.data.name}: {train:,} images to train on, {validation:,} to validate, {test:,} to test, "
        f"{config.task.num_classes:,} classes, {config.task.image_size} x {config.task.image_size}"
    )
    screen.print(
        f"{recipe.epochs} epochs of batches of {recipe.batch_size} ({config.study}), "
        f"{config.num_workers} worker{'s' if config.num_workers > 1 else ''}, seed {config.seed}; writes {to}"
    )


def _print_fitted(fitted: Fitted, to: Path) -> None:
    screen = console()
    if fitted.exported is None:
        screen.print(f"{to} was trained by this very command before")
    screen.print(f"validation accuracy {fitted.accuracy:.4f}; on the test split, {fitted.test.num_images:,} images:")
    for name, text in _score_rows(fitted.test):
        screen.print(f"  {name:<28} {text}")
    if fitted.exported is not None:
        screen.print(f"{to}: {', '.join(fitted.exported.files)}")
        print_checks(screen, fitted.exported.checks)
    screen.print(f"archfront evaluate {shlex.quote(str(to))}", style="dim")


def _score_rows(score: ClassificationScore) -> list[tuple[str, str]]:
    from orchestrator.export.card import accuracy_text

    rows = [("accuracy", accuracy_text(score.accuracy, score.num_images)), ("loss", f"{score.loss:.4f}")]
    if score.top5_accuracy is not None:
        rows.append(("top-5 accuracy", f"{score.top5_accuracy:.4f}"))
    return [
        *rows,
        ("precision, mean over classes", f"{score.precision_macro:.4f}"),
        ("recall, mean over classes", f"{score.recall_macro:.4f}"),
    ]


def _score_json(found: FolderScore) -> dict[str, Any]:
    score = found.score
    return {
        "data": found.data.name,
        "split": found.split,
        "num_images": score.num_images,
        "accuracy": score.accuracy,
        "top5_accuracy": score.top5_accuracy,
        "loss": score.loss,
        "precision_macro": score.precision_macro,
        "recall_macro": score.recall_macro,
        "images_per_s": found.images_per_s,
        "is_as_trained": found.is_as_trained,
    }
