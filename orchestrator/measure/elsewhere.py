"""Measures networks on a machine that has only torch, or only onnxruntime: no study, no Ray, no command line of ours.

``python -m orchestrator.measure.elsewhere PATH... --to figures.json`` is what ``archfront measure`` does. A path is a
request that a study wrote (``measure.json``), an exported folder or an ``architecture.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.config.runtimes import Runtime
from orchestrator.errors import ArchfrontError, BadInputError
from orchestrator.measure.conditions import Setup
from orchestrator.measure.exchange import Figures, Request, is_request
from orchestrator.measure.laboratory import Laboratory, Network
from search_spaces.architecture import Architecture
from search_spaces.errors import ArchitectureError
from search_spaces.registry import ARCHITECTURE_FILE, load_architecture

DEFAULT_TARGET = Path("figures.json")

_ONNX_FILE = "model.onnx"
_PREPROCESSING_FILE = "preprocessing.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """How networks are to be measured that no request asks for.

    Attributes:
        image_size: None where exported folders say it.
    """

    device: str = "cpu"
    runtime: Runtime = Runtime.FOLDED
    num_threads: int = 1
    batch_size: int = 1
    image_size: int | None = None


def take_figures(paths: Sequence[Path], wish: Wish) -> Figures:
    """Measures what the paths stand for, all under the same conditions.

    Raises:
        BadInputError: a path can't be read, asks for other conditions than the first, or this machine lacks something.
    """
    setup, networks, reference_ms = _read(paths, wish)
    sources: list[Network] = [onnx or architecture for architecture, onnx in networks]
    is_exported = all(isinstance(one, Path) for one in sources)
    with Laboratory.start(setup, is_exported=is_exported) as laboratory:
        laboratory.reference_ms = reference_ms
        latencies = laboratory.measure(sources)
        measured = tuple(zip([one for one, _ in networks], latencies, strict=True))
        return Figures(networks=measured, reference_ms=laboratory.reference_ms)


def _read(paths: Sequence[Path], wish: Wish) -> tuple[Setup, list[tuple[Architecture, Path | None]], float | None]:
    """The networks, each with its ONNX file where the runtime takes that, and the level that figures stand at."""
    reference_ms: float | None = None
    networks: dict[str, tuple[Architecture, Path | None]] = {}
    setups: dict[Setup, Path] = {}
    for path in paths:
        if is_request(path):
            if wish != Wish():
                raise BadInputError(f"{path}: says itself how it is measured", hint="leave the options away")
            request = Request.read(path)
            setups.setdefault(request.setup, path)
            reference_ms = request.reference_ms
            networks |= {one.architecture_id: (one, None) for one in request.architectures}
        else:
            architecture = load_architecture(path)
            setups.setdefault(_setup(path, architecture, wish), path)
            networks[architecture.architecture_id] = (architecture, _onnx_of(path, wish.runtime))
    if len(setups) > 1:
        first, second, *_ = setups.values()
        raise BadInputError(f"{second}: is measured under other conditions than {first}", hint="measure them apart")
    if not networks:
        raise BadInputError("there is nothing to measure")
    return next(iter(setups)), list(networks.values()), reference_ms


def _setup(path: Path, architecture: Architecture, wish: Wish) -> Setup:
    side = wish.image_size or image_size_of(path)
    return Setup(
        device=wish.device,
        num_threads=wish.num_threads,
        batch_size=wish.batch_size,
        runtime=wish.runtime,
        input_shape=(architecture.in_channels, side, side),
    )


def image_size_of(path: Path) -> int:
    """Side of the images that an exported network takes, by its folder or its ``architecture.json``.

    Raises:
        BadInputError: the folder does not say it.
    """
    folder = path.parent if path.name == ARCHITECTURE_FILE else path
    try:
        return int(json.loads((folder / _PREPROCESSING_FILE).read_bytes())["image_size"])
    except (OSError, KeyError, OverflowError, RecursionError, TypeError, ValueError):
        raise BadInputError(f"{path}: does not say how large its images are", hint="give --image-size") from None


def _onnx_of(path: Path, runtime: Runtime) -> Path | None:
    file = path / _ONNX_FILE
    return file if runtime is Runtime.ONNXRUNTIME and file.is_file() else None


def summary(figures: Figures) -> list[str]:
    """One line a network, for a person."""
    return [
        f"{architecture.architecture_id}  {architecture.family:<10} {latency.median_ms:9.3f} ms  "
        f"({latency.low_ms:.3f} to {latency.high_ms:.3f}{', contended' if latency.is_contended else ''})"
        for architecture, latency in figures.networks
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m orchestrator.measure.elsewhere", description=main.__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="measure.json, FOLDER or architecture.json")
    parser.add_argument("--to", type=Path, default=DEFAULT_TARGET, help="the file to write; default %(default)s")
    parser.add_argument("--device", default=Wish().device, help="what the study calls this machine")
    parser.add_argument("--runtime", choices=[str(one) for one in Runtime], default=str(Wish().runtime))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--image-size", type=int)
    given = parser.parse_args(arguments)
    wish = replace(
        Wish(),
        device=given.device,
        runtime=Runtime(given.runtime),
        num_threads=given.threads,
        batch_size=given.batch_size,
        image_size=given.image_size,
    )
    try:
        figures = take_figures(given.paths, wish)
        figures.write(given.to)
    except (ArchfrontError, ArchitectureError) as error:
        sys.stderr.write(f"{error}\n{error.hint}\n" if error.hint else f"{error}\n")
        return error.exit_code if isinstance(error, ArchfrontError) else BadInputError.exit_code
    sys.stdout.write("\n".join([*summary(figures), str(given.to), ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
