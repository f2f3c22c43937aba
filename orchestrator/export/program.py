"""The network as torch traces it: ``graph.json``, which ``load.py`` runs, and ``model.pt2`` on request."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind

from orchestrator.export.standalone import OPERATORS, SCHEMA_VERSION
from orchestrator.measure.folding import fold_batch_norms


class UntraceableError(Exception):
    """The network can't be written as a list of plain operators."""


def write_pt2(model: nn.Module, path: Path, *, image_BCHW: torch.Tensor) -> None:
    """Writes the folded network as torch's own program, for any batch size."""
    torch.export.save(_traced(fold_batch_norms(model)[0], image_BCHW), path)


def graph_of(model: nn.Module, *, image_BCHW: torch.Tensor) -> dict[str, Any]:
    """The network as JSON values: operators, with the weights by their names in ``model.safetensors``.

    Raises:
        UntraceableError: torch can't trace it, or it needs an operator that ``load.py`` refuses.
    """
    try:
        program = _traced(model, image_BCHW)
    except Exception as error:  # whatever a network of the user's own makes of being traced
        raise UntraceableError(f"torch.export: {str(error).partition(chr(10))[0]}") from error
    references = _references(program)
    nodes = [node for node in program.graph.nodes if node.op == "call_function"]
    frees = _used_up(nodes)
    steps = [_step(node, references, frees=frees.get(node.name, [])) for node in nodes]
    (output,) = program.graph.output_node().args[0]
    return {"schema_version": SCHEMA_VERSION, "steps": steps, "output": output.name}


def graph_text(graph: Mapping[str, Any]) -> str:
    """One operator a line."""
    lines = ",\n  ".join(json.dumps(step) for step in graph["steps"])
    head = json.dumps({name: value for name, value in graph.items() if name != "steps"})[:-1]
    return f'{head}, "steps": [\n  {lines}\n]}}\n'


def _traced(model: nn.Module, image_BCHW: torch.Tensor) -> ExportedProgram:
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            return torch.export.export(model, (image_BCHW,), dynamic_shapes=({0: Dim("batch")},))
    finally:
        logging.disable(level)


def _references(program: ExportedProgram) -> dict[str, dict[str, str]]:
    """What a step calls the image and each weight."""
    found: dict[str, dict[str, str]] = {}
    for spec in program.graph_signature.input_specs:
        name = getattr(spec.arg, "name", "")
        if spec.kind is InputKind.USER_INPUT:
            found[name] = {"step": "image"}
        elif spec.kind in (InputKind.PARAMETER, InputKind.BUFFER) and spec.target and spec.persistent is not False:
            found[name] = {"weight": spec.target}
    return found


def _used_up(nodes: list[fx.Node]) -> dict[str, list[str]]:
    """For each step what nobody reads after it."""
    position = {node: index for index, node in enumerate(nodes)}
    found: dict[str, list[str]] = {}
    for node in nodes:
        if node.users and all(user in position for user in node.users):
            found.setdefault(max(node.users, key=position.__getitem__).name, []).append(node.name)
    return found


def _step(node: fx.Node, references: Mapping[str, Mapping[str, str]], *, frees: list[str]) -> dict[str, Any]:
    operator = str(node.target)
    if operator not in OPERATORS:
        raise UntraceableError(f"it needs {operator}")
    return {
        "name": node.name,
        "operator": operator,
        "arguments": [_argument(one, references) for one in node.args],
        "options": {name: _argument(one, references) for name, one in node.kwargs.items()},
        "frees": frees,
    }


def _argument(value: Any, references: Mapping[str, Mapping[str, str]]) -> Any:
    if isinstance(value, fx.Node):
        if value.op == "placeholder" and value.name not in references:
            raise UntraceableError(f"{value.name} is no weight of it")
        return references.get(value.name, {"step": value.name})
    if isinstance(value, list | tuple):
        return [_argument(one, references) for one in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise UntraceableError(f"{value!r} can't be written")
