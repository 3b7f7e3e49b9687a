"""Hyperparameters of one or more groups of outputs: where the search for them starts, and the bounds within which it stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from binn_cli.config.schema.gp import KernelConfig
from binn_cli.datasets.random_streams import stream
from binn_cli.models.binn.basis import per_dimension
from binn_cli.models.normalization import InputMap

LENGTHS, SIGNALS, NOISES = (1e-3, 1e2), (1e-6, 1e6), (1e-10, 1e2)
"""Bounds of the search: lengths in units of the domain, variances in those of the scaled outputs. With less noise than 1e-10 the dense
covariance of a smooth function is no longer positive definite in float64."""


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
    return np.log(np.array([LENGTHS] * dimensions + [SIGNALS, noises]))


def starts(first: Float[np.ndarray, " P"], count: int, seed: int) -> Float[np.ndarray, "count P"]:
    """The given point and further random ones: lengths from 0.05 to 3 domains, noise from 1e-6 to 0.1 of the scaled variance."""
    rng = stream(seed, "gp starts")
    low = np.log([*[0.05] * (len(first) - 2), 0.3, 1e-6])
    high = np.log([*[3.0] * (len(first) - 2), 10.0, 0.1])
    return np.concatenate([first[None], rng.uniform(low, high, (count - 1, len(first)))])
