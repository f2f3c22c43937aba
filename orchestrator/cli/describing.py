"""``archfront describe``: what is known of networks before they are built, stage by stage or side by side."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.cli.choosing import Json
from orchestrator.cli.printing import console, print_json
from orchestrator.errors import BadInputError
from orchestrator.export.names import PREPROCESSING_FILE
from orchestrator.report.wording import macs as macs_text
from search_spaces.errors import ArchitectureError
from search_spaces.registry import find_architecture
from search_spaces.summary import Summary, summarize

Networks = Annotated[
    list[str],
    typer.Argument(
        metavar="NETWORK",
        help="A preset such as densenet121, an architecture.json, or an exported folder.",
        show_default=False,
    ),
]

IMAGENET_PIXELS = 224

_LEGEND = Text(
    "layers: convolutions and linear ones; MACs: of one image; memory: of the whole batch, in float32", "dim"
)


def describe(
    networks: Networks,
    *,
    image_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=4096,
            help="Side of the square images, in pixels. Default: an exported folder's own, else 224.",
            show_default=False,
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images of a training step; its memory depends on them.")] = 32,
    num_classes: Annotated[int | None, typer.Option(help="In place of each network's own number.")] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Put the networks side by side, as several names do by themselves.")
    ] = False,
    json: Json = False,
) -> None:
    """Print shapes, parameters, MACs and memory of a network, or of several side by side; nothing is built."""
    if compare and len(networks) == 1:
        raise BadInputError(
            "--compare: there is one network only", hint=f"archfront describe {networks[0]} --compare resnet50"
        )
    overrides = {} if num_classes is None else {"num_classes": num_classes}
    side = image_size or _own_image_size(networks[0])
    described = [(name, _summary(name, overrides, image_size=side, batch_size=batch_size)) for name in networks]
    if json:
        print_json([_summary_json(name, summary) for name, summary in described])
        return
    console().print(_side_by_side(described) if len(described) > 1 else _stage_by_stage(*described[0]))


def _summary(name: str, overrides: dict[str, int], *, image_size: int, batch_size: int) -> Summary:
    architecture = find_architecture(name, **overrides)
    try:
        return summarize(architecture, image_size=image_size, batch_size=batch_size)
    except ArchitectureError as error:
        raise ArchitectureError(f"{name}: {error.message}", hint=error.hint) from error


def _own_image_size(name: str) -> int:
    """That of the images which an exported network takes; presets are made for ImageNet's."""
    from orchestrator.measure.elsewhere import image_size_of

    folder = Path(name).expanduser()
    return image_size_of(folder) if (folder / PREPROCESSING_FILE).is_file() else IMAGENET_PIXELS


def _stage_by_stage(name: str, summary: Summary) -> RenderableType:
    architecture = summary.architecture
    table = _table(
        f"{name}: {architecture.family} {architecture.architecture_id}",
        ("stage", "output", "layers", "parameters", "MACs", "activations"),
    )
    for stage in summary.stages:
        table.add_row(
            stage.name,
            _shape(stage.output_shape),
            str(stage.num_convs),
            f"{stage.num_parameters:,}",
            macs_text(stage.macs),
            _mib(stage.activation_bytes),
        )
    table.add_section()
    table.add_row(
        "whole network",
        "",
        str(_num_convs(summary)),
        f"{summary.num_parameters:,}",
        macs_text(summary.macs),
        _mib(sum(stage.activation_bytes for stage in summary.stages)),
        style="bold",
    )
    return Group(
        table,
        "",
        f"{_conditions(summary)}; {architecture.in_channels} channels, {architecture.num_classes:,} classes",
        f"training step   {_mib(summary.activation_bytes)} at its peak for activations and their gradients",
        f"weights         {_mib(summary.parameter_bytes)}, as much for their gradients, and what the optimizer keeps",
        _LEGEND,
    )


def _side_by_side(described: list[tuple[str, Summary]]) -> RenderableType:
    """One row a network; factors are of the first."""
    first_name, first = described[0]
    table = _table(
        f"{_conditions(first)}; factors are of {first_name}",
        ("network", "classes", "layers", "parameters", "", "MACs", "", "training step", "", "weights"),
    )
    for name, summary in described:
        table.add_row(
            name,
            f"{summary.architecture.num_classes:,}",
            str(_num_convs(summary)),
            f"{summary.num_parameters:,}",
            _factor(summary.num_parameters, first.num_parameters),
            macs_text(summary.macs),
            _factor(summary.macs, first.macs),
            _mib(summary.activation_bytes),
            _factor(summary.activation_bytes, first.activation_bytes),
            _mib(summary.parameter_bytes),
        )
    return Group(table, "", "training step: activations and their gradients at the peak", _LEGEND)


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left", no_wrap=index > 0)
    return table


def _conditions(summary: Summary) -> str:
    return f"images of {summary.image_size} x {summary.image_size}, batch {summary.batch_size:,}"


def _num_convs(summary: Summary) -> int:
    return sum(stage.num_convs for stage in summary.stages)


def _shape(shape: tuple[int, int, int]) -> str:
    return " x ".join(map(str, shape))


def _mib(num_bytes: int) -> str:
    """In one unit at every size, so that a column can be compared at a glance."""
    return f"{num_bytes / 2**20:,.1f} MiB"


def _factor(figure: float, of: float) -> str:
    return f"{figure / of:.2f}x"


def _summary_json(name: str, summary: Summary) -> dict[str, Any]:
    """A network for a program: what the tables show, unrounded."""
    figures = {
        field.name: getattr(summary, field.name)
        for field in dataclasses.fields(summary)
        if field.name not in ("architecture", "stages")
    }
    return {
        "name": name,
        "architecture_id": summary.architecture.architecture_id,
        "architecture": summary.architecture.to_dict(),
        **figures,
        "stages": [dataclasses.asdict(stage) for stage in summary.stages],
    }
