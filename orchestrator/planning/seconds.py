"""Seconds of an epoch, of any network of the space, from those that are known of a few.

Legend: K networks that are known, N networks, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.measure.least_squares import non_negative_least_squares
from orchestrator.planning.networks import Networks
from search_spaces.architecture import Architecture

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Calibration:
    """What is known of the time of some networks.

    Attributes:
        source: where it is from, in words.
        features_KF, seconds_K: of their epochs.
        spread: factors that lie between what is known and what is to be expected of a whole study: low and high.
    """

    source: str
    features_KF: Array
    seconds_K: Array
    spread: tuple[float, float]

    def epoch_s(self, networks: Networks) -> Array:
        """Of every network, by least squares of relative errors with coefficients that are not negative."""
        scale_F = self.features_KF.max(axis=0).clip(1.0)
        weighted_KF = self.features_KF / scale_F / self.seconds_K[:, None]
        per_feature_F = non_negative_least_squares(weighted_KF, np.ones(len(self.seconds_K))) / scale_F
        return np.asarray(network_features(networks) @ per_feature_F)


def network_features(networks: Networks) -> Array:
    """What an epoch's time depends on: kernels that run, arithmetic, and what is moved."""
    return np.column_stack([networks.num_layers_N, networks.macs_N, networks.num_activations_N])


def architecture_features(architectures: Sequence[Architecture], image_size: int) -> Array:
    """The same of networks that are described one by one."""
    return np.array([_features(one, image_size) for one in architectures])


def _features(one: Architecture, image_size: int) -> tuple[float, float, float]:
    layers = one.layers(image_size)
    return (
        float(sum(layer.repeats for layer in layers)),
        float(sum(layer.macs * layer.repeats for layer in layers)),
        float(sum(int(np.prod(layer.output_shape)) * layer.repeats for layer in layers)),
    )
