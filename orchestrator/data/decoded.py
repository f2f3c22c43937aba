"""Splits decoded once and for all, without the images that can't be.

Legend: N images, C channels, H height, W width.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from torch import Tensor

from orchestrator.data.contents import Contents
from orchestrator.data.encoded import EncodedSplit
from orchestrator.data.source import PixelSource
from orchestrator.data.split import TensorSplit
from orchestrator.errors import BadInputError

logger = logging.getLogger(__name__)

_NUM_NAMED = 20


def decode_splits(
    contents: Contents, splits: Sequence[EncodedSplit], *, skips_corrupt: bool
) -> tuple[list[EncodedSplit], list[TensorSplit]]:
    """The splits, encoded and decoded, without corrupt images.

    Raises:
        BadInputError: images can't be decoded, of which the first 20 are named; or none is left of a class.
    """
    found = [_decode(split) for split in splits]
    problems = {index: text for _, of_split in found for index, text in of_split.items()}
    if problems and not skips_corrupt:
        raise _broken_images([text for _, text in sorted(problems.items())])
    if problems:
        logger.warning("skipped, because they can't be decoded: %d of %d images", len(problems), len(contents.labels_N))
    encoded = [_without(contents, split, problems) for split in splits]
    _check_classes(contents, encoded)
    return encoded, [
        _tensors(images_NCHW, split, whole)
        for (images_NCHW, _), split, whole in zip(found, splits, encoded, strict=True)
    ]


def _decode(split: EncodedSplit) -> tuple[Tensor, dict[int, str]]:
    source, resize = split.source, split.resize
    if isinstance(source, PixelSource) and {*source.images_NCHW.shape[2:], resize.shorter_side} == {resize.image_size}:
        return source.images_NCHW[split.indices_N], {}
    return split.decoded()


def _without(contents: Contents, split: EncodedSplit, problems: Mapping[int, str]) -> EncodedSplit:
    if not problems:
        return split
    return contents.split([index for index in split.indices_N.tolist() if index not in problems])


def _tensors(images_NCHW: Tensor, split: EncodedSplit, whole: EncodedSplit) -> TensorSplit:
    if len(whole) < len(split):
        kept = set(whole.indices_N.tolist())
        images_NCHW = images_NCHW[[row for row, index in enumerate(split.indices_N.tolist()) if index in kept]]
    return TensorSplit(images_NCHW=images_NCHW, labels_N=whole.labels_N, blocks=whole.blocks)


def _check_classes(contents: Contents, splits: Sequence[EncodedSplit]) -> None:
    for name, split in zip(("training", "validation", "test"), splits, strict=True):
        missing = sorted(set(range(len(contents.class_names))) - set(split.labels_N.tolist()))
        if missing:
            class_name = contents.class_names[missing[0]]
            raise BadInputError(
                f"class '{class_name}' has no {name} image that can be decoded", hint="replace its broken images"
            )


def _broken_images(texts: Sequence[str]) -> BadInputError:
    """Names the first 20."""
    named = "\n".join(f"  {text}" for text in texts[:_NUM_NAMED])
    more = f"\n  and {len(texts) - _NUM_NAMED:,} more" if len(texts) > _NUM_NAMED else ""
    images = "1 image" if len(texts) == 1 else f"{len(texts):,} images"
    hint = 'remove or replace them, or pass them over: [data] on_corrupt = "skip"'
    return BadInputError(f"{images} can't be decoded:\n{named}{more}", hint=hint)
