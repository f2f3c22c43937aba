"""Trained networks as models of MLflow: a folder that ``mlflow.pyfunc.load_model`` reads, without a pickle in it."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import search_spaces
from orchestrator.errors import StorageError
from orchestrator.storage import MANIFEST, broken_files, read_json
from search_spaces.registry import ENTRY_POINT_GROUP

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

LOADER = "archfront_network"
SOURCES = "search_spaces.zip"
PACKAGES = ("numpy", "safetensors", "torch")

_WEIGHTS = "model.safetensors"
_FILES = ("architecture.json", _WEIGHTS, "dataset.json")
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def write_model(
    folder: Path, source: Path, *, image_size: int, about: Mapping[str, Any], run_id: str, model_id: str
) -> None:
    """Writes the model of a trial to ``folder``, which is not there yet; ``network`` beside it is taken, too.

    Args:
        source: where training left the network; its manifest is checked.
        image_size: side of the square input, in pixels.
        about: what the model says of itself.

    Raises:
        StorageError: training's files are gone or were changed.
    """
    if broken := broken_files(source):
        raise StorageError(f"{source / broken[0]} is not what training wrote")
    import mlflow.pyfunc  # 0.1 s, and a warning about types that are none of ours
    from mlflow.models import Model

    architecture = json.loads((source / _FILES[0]).read_bytes())
    shape = (architecture["in_channels"], image_size, image_size)
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.pyfunc.save_model(
        path=folder,
        loader_module=LOADER,
        data_path=str(_gather(source, folder.with_name("network"))),
        code_paths=[str(Path(__file__).with_name(f"{LOADER}.py"))],
        mlflow_model=Model(run_id=run_id, model_id=model_id),
        signature=_signature(shape, architecture["num_classes"]),
        input_example=np.zeros((1, *shape), dtype=np.float32),
        pip_requirements=list(requirements(architecture["family"])),
        metadata=dict(about),
    )


def sha256_of_weights(source: Path) -> str:
    """What training noted of the weights.

    Raises:
        StorageError: training's files are gone.
    """
    try:
        found: str = read_json(source / MANIFEST)["sha256"][_WEIGHTS]
    except (KeyError, TypeError) as error:
        raise StorageError(f"{source / MANIFEST} is not what training wrote") from error
    return found


@cache
def requirements(family: str) -> tuple[str, ...]:
    """What a model needs beside MLflow, at the versions it was made with."""
    # A local version such as 2.15.0+cpu is on no index.
    needed = [f"{name}=={metadata.version(name).partition('+')[0]}" for name in PACKAGES]
    points = metadata.entry_points(group=ENTRY_POINT_GROUP, name=family)
    of_family = [f"{point.dist.name}=={point.dist.version}" for point in points if point.dist is not None]
    return (*needed, *of_family)


def _gather(source: Path, folder: Path) -> Path:
    """What the loader reads; MLflow copies what the links lead to."""
    folder.mkdir()
    for name in _FILES:
        (folder / name).symlink_to((source / name).absolute())
    (folder / SOURCES).write_bytes(_sources())
    return folder


def _signature(shape: tuple[int, ...], num_classes: int) -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    float32 = np.dtype(np.float32)
    images_BCHW, logits_BK = TensorSpec(float32, (-1, *shape)), TensorSpec(float32, (-1, num_classes))
    return ModelSignature(inputs=Schema([images_BCHW]), outputs=Schema([logits_BK]))


@cache
def _sources() -> bytes:
    """The code that builds networks, for machines without archfront."""
    root = Path(search_spaces.__file__).parent
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.rglob("*.py")):
            name = path.relative_to(root.parent).as_posix()
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return content.getvalue()
