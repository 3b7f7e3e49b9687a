"""Hyperparameters chosen by the evidence whatever is stated for them (`model.tune`).

Lengths, coordinates, centres and padding come from the evidence of the data's one-dimensional shapes (`evidence.py`), as for `auto`. The
number of modes comes from the evidence lower bound of short variational fits. All of them are compiled as one: modes beyond the number in
question start at zero under a prior that keeps them there, where they add nothing to the bound.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import BinnConfig
from binn_cli.models.binn.basis import Basis
from binn_cli.models.binn.inference import Settings, infer
from binn_cli.models.binn.preparation import Prepared
from binn_cli.models.binn.prior import prior_levels
from binn_cli.models.binn.relevance import RELEVANCE_FLOOR
from binn_cli.models.binn.start import build_start
from binn_cli.models.binn.sweep import Prior
from binn_cli.models.compilation import CompiledFunction, Stopwatch

SWEEPS = 15
"""Sweeps of a trial fit; the bounds of different numbers of modes are then well apart."""

LADDER = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)

inferred = CompiledFunction(infer)


def untold(config: BinnConfig) -> BinnConfig:
    """The configuration with every hyperparameter that the evidence can choose set to `auto`."""
    return replace(config, modes="auto", length="auto", centers="auto", padding="auto", stretch="auto")


def choose_modes(
    config: BinnConfig, bases: tuple[Basis, ...], prepared: Prepared, most: int, watch: Stopwatch
) -> tuple[int, Float[np.ndarray, "C 2"]]:
    """The number of modes with the highest evidence lower bound, summed over outputs.

    Args:
        config: the model's.
        bases: of every dimension.
        prepared: the data.
        most: as many modes as the ranks of the data can need.
        watch: charged with compilation.

    Returns:
        The number, and (C, 2) number and bound in nats, in scaled units, of every candidate.
    """
    outputs = prepared.statistics.core.shape[0]
    shape = (outputs, most)
    levels = prior_levels(config, bases, most, watch)
    blank = tuple(np.zeros((*shape, v.shape[1])) for v in prepared.directions)
    full = Prior(blank, tuple(np.full(shape, level) for level in levels))
    start = build_start(prepared, full, config.seed, config.start, most, watch)
    noise = np.full(outputs, config.noise_variance)
    settings = Settings(
        SWEEPS, 0.0, learn_noise=config.noise == "learned", balance=False, learn_relevance=config.relevance == "modes", variational=True
    )
    trace = []
    for modes in [m for m in LADDER if m < most] + [most]:
        on = np.arange(most) < modes
        # The prior of y is shared out over the modes that are on.
        variance = tuple(v * np.where(on, (most / modes) ** (1.0 / len(bases)), RELEVANCE_FLOOR) for v in full.variance)
        fit = inferred(watch, prepared.statistics, Prior(blank, variance), tuple(s * on[:, None] for s in start), noise, settings=settings)
        trace.append((float(modes), float(np.sum(np.asarray(fit.bound)[:, -1]))))
    found = np.array(trace)
    bound = np.where(np.isfinite(found[:, 1]), found[:, 1], -np.inf)
    return int(found[int(np.argmax(bound)), 0]), found
