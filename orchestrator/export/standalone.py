"""Loads the network that lies beside this file; needs torch and nothing else.

    from load import load, prepare

    logits_BK = load()(prepare(images_BCHW))

``python load.py`` checks the folder: its sums, and that the network gives the logits that were recorded.
Of the other files only JSON and raw tensors are read, and only the operators named below are called: no file can make
this one run anything else. archfront writes it into the folders that it exports.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

SCHEMA_VERSION = 1
FOLDER = Path(__file__).resolve().parent
GRAPH_FILE = "graph.json"
PROBE_FILE = "probe.json"
SUMS_FILE = "SHA256SUMS"
WEIGHTS_FILE = "model.safetensors"
PREPROCESSING_FILE = "preprocessing.json"

OPERATORS = frozenset(
    f"aten.{name}"
    for name in (
        *("adaptive_avg_pool2d.default", "add.Tensor", "add_.Tensor", "avg_pool2d.default", "batch_norm.default"),
        *("cat.default", "clone.default", "contiguous.default", "conv2d.default", "conv2d.padding", "div.Tensor"),
        *("dropout.default", "dropout_.default", "elu.default", "flatten.using_ints", "gelu.default"),
        *("hardsigmoid.default", "hardsigmoid_.default", "hardswish.default", "hardswish_.default"),
        *("hardtanh.default", "hardtanh_.default", "layer_norm.default", "leaky_relu.default", "linear.default"),
        *("max_pool2d.default", "mean.dim", "mul.Tensor", "mul_.Tensor", "pad.default", "permute.default"),
        *("prelu.default", "relu.default", "relu_.default", "relu6.default", "reshape.default", "select.int"),
        *("sigmoid.default", "sigmoid_.default", "silu.default", "silu_.default", "softmax.int", "squeeze.dim"),
        *("squeeze.dims", "sub.Tensor", "sum.dim_IntList", "sym_size.int", "tanh.default", "transpose.int"),
        *("unsqueeze.default", "view.default"),
    )
)
"""They compute their result from their arguments, and touch nothing else."""

_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}


class Network(nn.Module):
    """The operators of ``graph.json`` one after another; takes ``image_BCHW``, returns ``logits_BK``."""

    def __init__(self, graph: dict[str, Any], weights: dict[str, Tensor]) -> None:
        super().__init__()
        self._steps: list[dict[str, Any]] = graph["steps"]
        self._output: str = graph["output"]
        unknown = {step["operator"] for step in self._steps} - OPERATORS
        if unknown:
            raise ValueError(f"{GRAPH_FILE}: unknown operators {', '.join(sorted(unknown))}")
        for name, tensor in weights.items():
            self.register_buffer(name.replace(".", "/"), tensor)

    def forward(self, image_BCHW: Tensor) -> Tensor:
        values: dict[str, Any] = {"image": image_BCHW}
        for step in self._steps:
            _, name, overload = step["operator"].split(".")
            arguments = [self._value(one, values) for one in step["arguments"]]
            options = {key: self._value(one, values) for key, one in step["options"].items()}
            values[step["name"]] = getattr(getattr(torch.ops.aten, name), overload)(*arguments, **options)
            for used_up in step["frees"]:
                del values[used_up]
        result: Tensor = values[self._output]
        return result

    def _value(self, argument: Any, values: dict[str, Any]) -> Any:
        if isinstance(argument, list):
            return [self._value(one, values) for one in argument]
        if isinstance(argument, dict):
            if "step" in argument:
                return values[argument["step"]]
            return self.get_buffer(argument["weight"].replace(".", "/"))
        return argument


def load(folder: Path = FOLDER) -> Network:
    """The network on the CPU, for evaluation.

    Raises:
        ValueError: a file was changed, or is of another version.
    """
    check_sums(folder)
    graph = json.loads((folder / GRAPH_FILE).read_text(encoding="utf-8"))
    if graph["schema_version"] != SCHEMA_VERSION:
        raise ValueError(
            f"{folder / GRAPH_FILE}: of version {graph['schema_version']}, this file reads {SCHEMA_VERSION}"
        )
    return Network(graph, read_tensors(folder / WEIGHTS_FILE)).eval()


def prepare(images_BCHW: Tensor, folder: Path = FOLDER) -> Tensor:
    """What the network reads, from bytes; ``preprocessing.json`` says how images come to their size before."""
    how = json.loads((folder / PREPROCESSING_FILE).read_text(encoding="utf-8"))
    shape = (how["in_channels"], how["image_size"], how["image_size"])
    if images_BCHW.dtype != torch.uint8 or images_BCHW.shape[1:] != shape:
        raise ValueError(f"images are {images_BCHW.dtype} of {tuple(images_BCHW.shape[1:])}: must be uint8 of {shape}")
    mean_C11, std_C11 = (torch.tensor(how[name]).view(-1, 1, 1) for name in ("mean", "std"))
    return (images_BCHW / 255 - mean_C11) / std_C11


def check_sums(folder: Path) -> None:
    """Compares every file with ``SHA256SUMS``."""
    for line in (folder / SUMS_FILE).read_text(encoding="utf-8").splitlines():
        expected, _, name = line.partition("  ")
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected:
            raise ValueError(f"{folder / name}: was changed since it was written")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file: the length of its header, the header as JSON, the bytes."""
    content = bytearray(path.read_bytes())
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(bytes(content[8 : 8 + length]))
    return {name: _tensor(content, 8 + length, entry) for name, entry in header.items() if name != "__metadata__"}


def probe_images(shape: tuple[int, int, int, int]) -> Tensor:
    """Images that every machine makes alike: pixel i is a quadratic sequence modulo 65536, between -1 and 1."""
    batch, channels, height, width = shape
    index_N = torch.arange(batch * channels * height * width)
    return (((index_N * (index_N + 1) // 2 % 65536 * 40503) % 65536) / 32768 - 1).float().view(shape)


def check_logits(folder: Path) -> float:
    """The largest difference between the logits of the recorded probe and those of today."""
    probe = json.loads((folder / PROBE_FILE).read_text(encoding="utf-8"))
    with torch.no_grad():
        logits_BK = load(folder)(probe_images(tuple(probe["shape"])))
    difference = float((logits_BK - torch.tensor(probe["logits"])).abs().max())
    if not difference <= probe["tolerance"]:
        raise ValueError(f"logits differ by {difference:.2g} from those recorded, more than {probe['tolerance']:.2g}")
    return difference


def _tensor(content: bytearray, start: int, entry: dict[str, Any]) -> Tensor:
    first, last = (start + offset for offset in entry["data_offsets"])
    raw, dtype = content[first:last], _DTYPES[entry["dtype"]]
    data = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
    return data.reshape(entry["shape"])


def main() -> int:
    """Checks the folder; 1 where something is wrong."""
    try:
        difference = check_logits(FOLDER)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"checksums hold; logits within {difference:.1g} of those recorded\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
