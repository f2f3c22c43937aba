"""An exported folder as a network again. Only JSON and safetensors are read: nothing in a folder can run code."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from orchestrator.errors import BadInputError
from orchestrator.export.checksums import check_sums
from orchestrator.export.names import WEIGHTS_FILE
from search_spaces.errors import ArchitectureError
from search_spaces.registry import ARCHITECTURE_FILE, build_model, load_architecture


def load_model(folder: str | Path) -> nn.Module:
    """The network of an exported folder, on the CPU, in evaluation mode.

    Raises:
        BadInputError: there is no such folder, a file was changed (with both checksums), or the weights don't fit.
    """
    path = Path(folder)
    check_sums(path, required=(ARCHITECTURE_FILE, WEIGHTS_FILE))
    return read_network(path)


def read_network(folder: Path) -> nn.Module:
    """The network in a folder with ``architecture.json`` and ``model.safetensors``, whose sums were checked before.

    Raises:
        BadInputError: one of the files can't be read, or they don't belong together.
    """
    try:
        architecture = load_architecture(folder / ARCHITECTURE_FILE)
        weights = load_file(folder / WEIGHTS_FILE)
        with torch.device("meta"):  # what does not fit is refused before the memory of its network is taken
            build_model(architecture).load_state_dict(weights, strict=True, assign=True)
        model = build_model(architecture)
        model.load_state_dict(weights, strict=True)
    except ArchitectureError as error:
        raise BadInputError(error.message, hint=error.hint) from error
    except (OSError, SafetensorError) as error:
        raise BadInputError(f"{folder / WEIGHTS_FILE}: can't be read: {error}") from error
    except RuntimeError as error:
        reason = str(error).partition("\n")[2].strip() or str(error)
        raise BadInputError(f"{folder / WEIGHTS_FILE}: does not fit {ARCHITECTURE_FILE}: {reason}") from error
    return model.eval()
