"""``archfront data``: what a data set holds, and images turned into shards."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group
from rich.progress import Progress
from rich.table import Table

from orchestrator.cli.choosing import Json
from orchestrator.cli.files import load_study
from orchestrator.cli.printing import console, print_json
from orchestrator.config.settings import CorruptPolicy, DataSettings
from orchestrator.data.catalog import DATA_NAMES, FOLDER, PARQUET, unknown_name
from orchestrator.errors import BadInputError

if TYPE_CHECKING:
    from orchestrator.data.examination import Examination

_MAX_LISTED = 20
_MAX_CLASSES = 200
_SPLITS = ("train", "validation", "test")

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command(name="check", epilog="Example: archfront data check folder:images")
def check(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A data set such as cifar10 or folder:PATH, a path, or a study file.",
            show_default=False,
        ),
    ],
    *,
    json: Json = False,
) -> None:
    """Decode every image of a data set; print classes, splits, sizes and what is corrupt."""
    from orchestrator.data.contents import read_contents
    from orchestrator.data.examination import examine

    settings = data_settings(data)
    contents = read_contents(settings)
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("decoding", total=len(contents.labels_N))
        found = examine(contents, settings, on_progress=lambda done: progress.update(task, completed=done))
    if json:
        print_json(_as_json(settings, found))
    else:
        console().print(_report(settings, found))
    if found.refusal:
        raise BadInputError(found.refusal, hint="add images to the class, leave it out, or change the share")
    if found.corrupt and settings.on_corrupt is CorruptPolicy.REFUSE:
        raise BadInputError(
            f"{data}: {len(found.corrupt):,} of {sum(found.num_images):,} images can't be decoded",
            hint='remove or replace them, or pass them over in a study: [data] on_corrupt = "skip"',
        )


@app.command(name="convert", epilog="Example: archfront data convert images images.parquet")
def convert(
    images: Annotated[Path, typer.Argument(metavar="IMAGES", help="A folder with one sub-folder of images per class.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder of Parquet files to make.")],
    *,
    shard_size: Annotated[int, typer.Option(min=1, metavar="MIB", help="MiB of each file.")] = 256,
) -> None:
    """Pack a folder of images into Parquet files that can be streamed; the images' bytes stay as they are."""
    from orchestrator.data.conversion import write_shards
    from orchestrator.data.listing import list_folder
    from orchestrator.storage import write_folder

    if out.exists():
        raise BadInputError(f"{out}: exists", hint="give another name")
    listing = list_folder(str(images))
    write_folder(out, lambda folder: write_shards(listing, folder, shard_bytes=shard_size * 2**20))
    num_images, num_shards = sum(listing.own_splits.of_class), len(list(out.glob("*.parquet")))
    files = f"{num_shards:,} file{'s' if num_shards > 1 else ''}"
    console().print(f"{out}: {num_images:,} images of {len(listing.class_names):,} classes in {files}", soft_wrap=True)
    console().print(f"archfront data check {PARQUET}:{out}", soft_wrap=True)


def data_settings(text: str) -> DataSettings:
    """The data that a person means: ``NAME``, ``NAME:PATH``, a path or an address, a study file or a shipped study.

    Raises:
        BadInputError: none of these.
    """
    name, _, path = text.partition(":")
    if name in DATA_NAMES:
        return DataSettings(name=name, path=path)
    if "://" in text:
        return DataSettings(name=PARQUET, path=text)
    found = Path(os.path.expanduser(text))  # noqa: PTH111  (Path's own raises where it knows no such user)
    if found.is_dir():
        is_parquet = next(found.rglob("*.parquet"), None) is not None
        return DataSettings(name=PARQUET if is_parquet else FOLDER, path=text)
    if found.suffix == ".parquet":
        return DataSettings(name=PARQUET, path=text)
    if path:
        raise unknown_name(DataSettings(name=name))
    return load_study(text).config.data


def _report(settings: DataSettings, found: Examination) -> Group:
    table = Table(
        title=f"{settings.name} {settings.path}".strip(),
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        header_style="dim",
    )
    table.add_column("class")
    for name in ("images", *_SPLITS):
        table.add_column(name, justify="right")
    for label, class_name in list(enumerate(found.class_names))[:_MAX_CLASSES]:
        table.add_row(class_name, f"{found.num_images[label]:,}", *_split_cells(found, [label]))
    if len(found.class_names) > _MAX_CLASSES:
        table.add_row(f"and {len(found.class_names) - _MAX_CLASSES:,} more; --json has all", style="dim")
    table.add_section()
    everything = _split_cells(found, range(len(found.class_names)))
    table.add_row("in all", f"{sum(found.num_images):,}", *everything, style="bold")
    return Group(table, "", *_remarks(found))


def _split_cells(found: Examination, labels: Sequence[int]) -> list[str]:
    if not found.counts:
        return ["?"] * len(_SPLITS)
    return [f"{sum(getattr(found.counts[label], split) for label in labels):,}" for split in _SPLITS]


def _remarks(found: Examination) -> Iterator[str]:
    if found.own_splits:
        own = " and ".join(found.own_splits)
        yield f"splits     the data come with {own}; which images the others get depends on the study's seed alone"
    else:
        yield "splits     stratified by class; which images they get depends on the study's seed alone"
    yield f"imbalance  the largest class has {found.imbalance:.3g} times the images of the smallest"
    if found.size_range:
        (width, height), (max_width, max_height) = found.size_range
        widths, heights = _range(width, max_width), _range(height, max_height)
        yield f"sizes      {widths} pixels wide, {heights} high"
    yield f"corrupt    {len(found.corrupt):,}"
    for text in found.corrupt[:_MAX_LISTED]:
        yield f"  {text}"
    if len(found.corrupt) > _MAX_LISTED:
        yield f"  and {len(found.corrupt) - _MAX_LISTED:,} more; --json has all"


def _range(least: int, most: int) -> str:
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _as_json(settings: DataSettings, found: Examination) -> dict[str, Any]:
    """All that was found, for a program."""
    return {
        "name": settings.name,
        "path": settings.path,
        "own_splits": list(found.own_splits),
        "classes": [
            {
                "name": name,
                "num_images": found.num_images[label],
                **({split: getattr(found.counts[label], split) for split in _SPLITS} if found.counts else {}),
            }
            for label, name in enumerate(found.class_names)
        ],
        "imbalance": found.imbalance if min(found.num_images) else None,
        "size_range": found.size_range,
        "corrupt": list(found.corrupt),
        "refusal": found.refusal,
    }
