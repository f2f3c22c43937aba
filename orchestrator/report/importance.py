"""Which dimensions of a family's networks a figure depends on: an analysis of variance of a Gaussian process.

Its kernel is a product over the dimensions of one plus a kernel that is centred on the values that the trials have.
The process is then a sum of terms, one for each set of dimensions, and the variance of each term, with every dimension
drawn on its own from those values, is a closed form (Durrande, Ginsbourger, Roustant and Carraro 2013, "ANOVA kernels
and RKHS of zero mean functions for model-based sensitivity analysis"). So it counts what a dimension does by itself and
together with others, and is not misled by which values a search tried together.

Legend: N trials, D dimensions, R resamples.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MIN_TRIALS = 12
MAX_TRIALS = 150
"""Of a family; of more, evenly chosen ones are looked at."""

MIN_EXPLAINED = 0.1
"""Share of the variance of held-out trials below which nothing is said of dimensions."""

_NUM_RESAMPLES = 60
_LENGTH = 0.5
"""Over which values of a dimension resemble each other; its least and its greatest are 1 apart."""

_SCALES = (0.1, 0.3, 1.0)
_NOISES = (0.01, 0.03, 0.1, 0.3, 1.0)
_EXACT_SCALE, _EXACT_NOISE = 0.3, 1e-3
_LEAST_AMOUNT = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class Dimension:
    """One dimension, with the value of each trial; values that are numbers resemble each other by their order."""

    name: str
    values: tuple[Hashable, ...]

    @property
    def levels(self) -> list[Hashable]:
        """The different values, numbers by size."""
        return sorted(set(self.values), key=_order)


@dataclass(frozen=True, kw_only=True, slots=True)
class Importance:
    """What a dimension does to a figure.

    Attributes:
        share: of the variance that all dimensions explain, by itself or together with others; these overlap, so that
            shares of several dimensions may add up to more than 1.
        low, high: its 95 % interval, by resampling the trials.
        effects: by value, how far the figure is from its mean on average over all other dimensions.
    """

    name: str
    share: float
    low: float
    high: float
    effects: dict[Hashable, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Analysis:
    """What is known of all dimensions together.

    Attributes:
        explained: share of the variance of the figure that is predicted of a trial from all others (leave-one-out).
    """

    dimensions: tuple[Importance, ...]
    explained: float


def analysis(dimensions: Sequence[Dimension], figures: Sequence[float]) -> Analysis:
    """Of a noisy figure, most important dimension first; each has two values at least, and so has the figure."""
    figure_N = np.asarray(figures)
    target_N = _standardised(figure_N)
    kernels = [_centred(one) for one in dimensions]
    scale, noise, explained = _fitted(kernels, target_N)
    process = _Process(kernels, scale=scale, noise=noise)
    weights_N = process.solve(target_N, np.ones(len(target_N)))
    shares_D = process.shares(weights_N)
    low_D, high_D = np.quantile(_resampled(process, target_N), (0.025, 0.975), axis=0)
    found = [
        Importance(
            name=one.name,
            share=float(shares_D[index]),
            low=float(min(low_D[index], shares_D[index])),
            high=float(max(high_D[index], shares_D[index])),
            effects=_effects(one, figure_N.std() * scale * kernels[index] @ weights_N),
        )
        for index, one in enumerate(dimensions)
    ]
    return Analysis(dimensions=tuple(sorted(found, key=lambda one: (-one.share, one.name))), explained=explained)


def exact_shares(dimensions: Sequence[Dimension], figures: Sequence[float]) -> dict[str, float]:
    """The same of a figure without noise, shares alone."""
    process = _Process([_centred(one) for one in dimensions], scale=_EXACT_SCALE, noise=_EXACT_NOISE)
    target_N = _standardised(np.asarray(figures))
    shares_D = process.shares(process.solve(target_N, np.ones(len(target_N))))
    return {one.name: float(share) for one, share in zip(dimensions, shares_D, strict=True)}


class _Process:
    """The Gaussian process of a product of kernels."""

    def __init__(self, kernels: Sequence[Array], *, scale: float, noise: float) -> None:
        self.gram_NN = _gram(kernels, scale)
        self._noise = noise
        # Each holds the integral of a dimension's kernel with itself over its values.
        integrals = [scale * scale * kernel @ kernel / len(kernel) for kernel in kernels]
        whole_NN = np.prod([1.0 + one for one in integrals], axis=0)
        self._all_NN = whole_NN - 1.0
        others = [
            np.prod([1.0 + one for two, one in enumerate(integrals) if two != index], axis=0)
            for index in range(len(integrals))
        ]
        self._with = [one * other for one, other in zip(integrals, others, strict=True)]

    def solve(self, target_N: Array, amounts_N: Array) -> Array:
        """The weights of the trials' kernels, where each trial counts so much."""
        return np.asarray(np.linalg.solve(self.gram_NN + np.diag(self._noise / amounts_N), target_N))

    def shares(self, weights_N: Array) -> Array:
        """Of each dimension, in the variance of the process."""
        whole = max(float(weights_N @ self._all_NN @ weights_N), 1e-12)
        return np.array([max(0.0, float(weights_N @ one @ weights_N)) / whole for one in self._with])


def _standardised(figure_N: Array) -> Array:
    """Of mean 0 and deviation 1; 0 where all are equal."""
    return np.asarray((figure_N - figure_N.mean()) / max(float(figure_N.std()), 1e-12))


def _fitted(kernels: Sequence[Array], target_N: Array) -> tuple[float, float, float]:
    """Scale and noise that predict held-out trials best, and the share of their variance that is predicted."""
    candidates = [
        (_explained(_gram(kernels, scale), target_N, noise), scale, noise) for scale in _SCALES for noise in _NOISES
    ]
    explained, scale, noise = max(candidates)
    return scale, noise, explained


def _explained(gram_NN: Array, target_N: Array, noise: float) -> float:
    """By leaving each trial out: its error is known without fitting again (Rasmussen and Williams 2006, eq. 5.12)."""
    inverse_NN = np.linalg.inv(gram_NN + noise * np.eye(len(gram_NN)))
    errors_N = inverse_NN @ target_N / np.diag(inverse_NN)
    # The mean of the others is the least that a prediction has to beat.
    means_N = target_N * len(target_N) / (len(target_N) - 1)
    return float(1.0 - (errors_N @ errors_N) / (means_N @ means_N))


def _gram(kernels: Sequence[Array], scale: float) -> Array:
    return np.asarray(np.prod([1.0 + scale * kernel for kernel in kernels], axis=0) - 1.0)


def _resampled(process: _Process, target_N: Array) -> Array:
    """Shares where trials count at random (the Bayesian bootstrap, Rubin 1981), the same ones each time."""
    rng = np.random.default_rng(0)
    amounts = rng.exponential(size=(_NUM_RESAMPLES, len(target_N))).clip(_LEAST_AMOUNT)
    return np.array([process.shares(process.solve(target_N, amounts_N)) for amounts_N in amounts])


def _centred(dimension: Dimension) -> Array:
    """How alike the values of two trials are, with mean 0 over the values of all, and 1 for a trial with itself."""
    levels = dimension.levels
    places_N = np.array([levels.index(value) for value in dimension.values], dtype=float)
    if all(_is_number(level) for level in levels):
        distances_NN = (places_N[:, None] - places_N) / max(1, len(levels) - 1)
        kernel_NN = np.exp(-0.5 * (distances_NN / _LENGTH) ** 2)
    else:
        kernel_NN = (places_N[:, None] == places_N).astype(float)
    means_N = kernel_NN.mean(axis=0)
    centred_NN = kernel_NN - means_N - means_N[:, None] + means_N.mean()
    return np.asarray(centred_NN / np.trace(centred_NN) * len(centred_NN))


def _effects(dimension: Dimension, effect_N: Array) -> dict[Hashable, float]:
    return {level: float(effect_N[dimension.values.index(level)]) for level in dimension.levels}


def _is_number(value: Hashable) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _order(value: Hashable) -> tuple[bool, float, str]:
    return (False, float(value), "") if isinstance(value, int | float) else (True, 0.0, str(value))
