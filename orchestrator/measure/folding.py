"""Batch norm folded into the convolution before it, for inference, wherever that changes nothing but rounding."""

from __future__ import annotations

import copy

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norms(model: nn.Module) -> tuple[nn.Module, int]:
    """A copy of ``model`` in evaluation mode, and how many batch norms went into convolutions.

    A batch norm is folded where it alone reads the output of a convolution, and both run once. In DenseNet that is
    norm2 after conv1; norm1 and the norms of transitions read concatenations and stay.
    """
    folded = copy.deepcopy(model).eval()
    pairs = _foldable(folded)
    for conv_name, norm_name in pairs:
        conv, norm = folded.get_submodule(conv_name), folded.get_submodule(norm_name)
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        folded.set_submodule(conv_name, fuse_conv_bn_eval(conv, norm), strict=True)
        folded.set_submodule(norm_name, nn.Identity(), strict=True)
    return folded, len(pairs)


def _foldable(model: nn.Module) -> list[tuple[str, str]]:
    """Names of (convolution, batch norm) in the order of execution."""
    calls = [node for node in fx.Tracer().trace(model).nodes if node.op == "call_module"]
    names = [str(node.target) for node in calls]
    pairs = []
    for node in calls:
        source = node.args[0]
        if not isinstance(source, fx.Node) or source.op != "call_module" or len(source.users) != 1:
            continue
        conv_name, norm_name = str(source.target), str(node.target)
        is_pair = _is_pair(model.get_submodule(conv_name), model.get_submodule(norm_name))
        if is_pair and names.count(conv_name) == names.count(norm_name) == 1:
            pairs.append((conv_name, norm_name))
    return pairs


def _is_pair(conv: nn.Module, norm: nn.Module) -> bool:
    # Without running statistics a batch norm uses those of the batch, also in evaluation mode.
    return isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None
