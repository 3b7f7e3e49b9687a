"""From noise to outputs: the levels of the noise, and draws by a deterministic solver of second order.

Noisy outputs are α y + σ ε with α = cos(πt/2) and σ = sin(πt/2), the cosine schedule (Nichol and Dhariwal, "Improved
denoising diffusion probabilistic models", 2021). The solver is DPM-Solver++(2M) (Lu et al., 2022), the second-order
form of DDIM, at levels evenly spaced in log σ/α. Where outputs are normal given the inputs, 16 steps give their
standard deviation within 2 %, where DDIM's are 13 % too small.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from binn_cli.models.arrays import Array
from binn_cli.models.compilation import CompiledFunction
from binn_cli.models.diffusion.denoiser import Denoiser, Shape, denoiser_of

LOWEST, HIGHEST = 0.003, 80.0
"""σ/α between which noise is taken away; the outputs have unit variance."""


def time_of(ratio: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """The time, from 0 to 1, at which σ/α is so large."""
    return np.asarray(2 / np.pi * np.arctan(ratio))


def normal_draws(number: int, outputs: int, seed: int) -> Float[np.ndarray, "S L"]:
    """Evenly spread draws of a normal law (a Latin hypercube), with its mean and, where there are enough, its
    covariance."""
    rng = np.random.default_rng([seed, 11])
    ranks = np.stack([rng.permutation(number) for _ in range(outputs)], axis=1)
    found = ndtri((ranks + 0.5) / number)  # symmetric, so that its mean is 0
    if number > outputs + 1:
        values, vectors = np.linalg.eigh(found.T @ found / number)
        return found @ (vectors / np.sqrt(values)) @ vectors.T
    return found / np.sqrt(np.mean(found**2, axis=0))


def drawn(denoiser: Denoiser, x: Float[Array, "n D"], start: Float[Array, " L"], steps: int) -> Float[Array, "n L"]:
    """Outputs at n points, all from the same noise, so that a draw is a smooth function of the inputs.

    Args:
        denoiser: one member.
        x: inputs on [0, 1].
        start: standard normal.
        steps: evaluations of the network; at least 2.
    """
    ratios = np.geomspace(HIGHEST, LOWEST, steps)
    velocity = jax.vmap(denoiser, in_axes=(0, 0, None))

    def step(carry: tuple[Array, Array], level: tuple[Array, ...]) -> tuple[tuple[Array, Array], None]:
        """`noisy` are y + σ/α ε, `now` is what y seems to be."""
        noisy, before = carry
        time, alpha, kept, past = level
        now = alpha * alpha * noisy - jnp.sqrt(1 - alpha**2) * velocity(x, alpha * noisy, time)
        return (kept * noisy + (1 - kept) * (now + past * (now - before)), now), None

    # Levels are evenly spaced, so that going on by half the last change is the middle of the step; the first step knows
    # no change, and the last one ends without noise.
    kept = np.full(steps, ratios[1] / ratios[0])
    past = np.full(steps, 0.5)
    kept[-1] = past[0] = past[-1] = 0.0
    levels = tuple(jnp.asarray(part, x.dtype) for part in (time_of(ratios), np.cos(np.arctan(ratios)), kept, past))
    noisy = jnp.broadcast_to(jnp.asarray(HIGHEST * start, x.dtype), (len(x), len(start)))
    (found, _), _ = jax.lax.scan(step, (noisy, jnp.zeros_like(noisy)), levels)
    return found


def every_draw(
    members: Float[Array, "M P"], x: Float[Array, "n D"], starts: Float[Array, "S L"], *, shape: Shape, steps: int
) -> Float[Array, "M S n L"]:
    """The draws of every member, all from the same S starts."""

    def of_member(vector: Array) -> Array:
        denoiser = denoiser_of(shape, vector)
        return jax.lax.map(lambda start: drawn(denoiser, x, start, steps), starts)

    return jax.lax.map(of_member, members)


def moments(
    members: Float[Array, "M P"], x: Float[Array, "n D"], starts: Float[Array, "S L"], *, shape: Shape, steps: int
) -> tuple[Float[Array, "n L"], Float[Array, "n L"], Float[Array, "n L"]]:
    """Mean of all draws, variance between the members' means, and mean of the variances within members.

    The starts have the variance of a normal law, and all members the same ones, so that neither variance needs a
    correction for their number.
    """
    draws = every_draw(members, x, starts, shape=shape, steps=steps)
    means = draws.mean(axis=1)
    between = means.var(axis=0, ddof=1) if len(means) > 1 else jnp.zeros_like(means[0])
    return means.mean(axis=0), between, draws.var(axis=1).mean(axis=0)


compiled_draws, compiled_moments = CompiledFunction(every_draw), CompiledFunction(moments)
