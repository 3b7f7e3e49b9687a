"""Hyperparameters of one or more groups of outputs: where the search for them starts, and the bounds within which it
stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from binn_cli.config.schema.gp import KernelConfig
from binn_cli.datasets.random_streams import stream
from binn_cli.models.binn.bases.base import per_dimension
from binn_cli.models.binn.limit.kernel import ENDLESS, MATTERING
from binn_cli.models.normalization import InputMap

LENGTHS, SIGNALS, NOISES = (1e-3, 1e2), (1e-6, 1e6), (1e-10, 1e2)
"""Bounds of the search: lengths in units of the domain, variances in those of the scaled outputs. With less noise than
1e-10 the dense covariance of a smooth function is no longer positive definite in float64."""

LADDER = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0)
"""Lengths in units of the domain, the same in every dimension, that are tried before any search."""


@dataclass(frozen=True)
class Hyperparameters:
    """Kernel and noise of G groups of outputs, in scaled units.

    Attributes:
        theta: (G, D + 2) logarithms of the D lengths, the signal variance and the noise variance.
        group: (L,) the group of every output.
    """

    theta: Float[np.ndarray, "G P"]
    group: Int[np.ndarray, " L"]

    @property
    def lengths(self) -> Float[np.ndarray, "G D"]:
        """Length scales in units of the domain."""
        return np.exp(self.theta[:, :-2])

    @property
    def signal(self) -> Float[np.ndarray, " G"]:
        """Prior variance of the scaled outputs."""
        return np.exp(self.theta[:, -2])

    @property
    def noise(self) -> Float[np.ndarray, " G"]:
        """Noise variance of the scaled outputs."""
        return np.exp(self.theta[:, -1])

    def members(self, group: int) -> Int[np.ndarray, " l"]:
        """The outputs of a group."""
        return np.flatnonzero(self.group == group)

    @property
    def output_noise(self) -> Float[np.ndarray, " L"]:
        """Noise variance of every output."""
        return self.noise[self.group]


def stated(config: KernelConfig, names: Sequence[str], outputs: int, inputs: InputMap) -> Hyperparameters:
    """The hyperparameters that the configuration states, one set for each group of outputs.

    Raises:
        ConfigError: if there is not one length for each input.
    """
    lengths = np.array([float(length) for length in per_dimension("model.length", config.length, names)])
    if config.length_unit == "input":
        lengths = lengths / inputs.span
    row = np.log([*lengths, config.signal_variance, config.noise_variance])
    groups = outputs if config.outputs == "separate" else 1
    return Hyperparameters(np.tile(row, (groups, 1)), np.arange(outputs) % groups)


def bounds(dimensions: int, noises: tuple[float, float] = NOISES) -> Float[np.ndarray, "P 2"]:
    """Smallest and largest value of every entry of theta."""
    lengths = (LENGTHS[0], ENDLESS) if dimensions > MATTERING else LENGTHS
    return np.log(np.array([lengths] * dimensions + [SIGNALS, noises]))


def candidates(first: Float[np.ndarray, " P"], count: int, seed: int) -> Float[np.ndarray, "C P"]:
    """Where a search might begin: the given point, a ladder of lengths, and `count` random ones with lengths from 0.05
    to 3 domains.

    A search from lengths that are too long ends where all is noise, so that looking before leaping is worth its
    evaluations.
    """
    dimensions = len(first) - 2
    rungs = np.stack([np.log([*[length] * dimensions, 1.0, 1e-3]) for length in LADDER])
    low, high = (
        np.log([*[length] * dimensions, signal, noise])
        for length, signal, noise in ((0.05, 0.5, 1e-5), (3.0, 2.0, 1e-2))
    )
    return np.concatenate([first[None], rungs, stream(seed, "gp starts").uniform(low, high, (count, len(first)))])
