"""Grids with cells that nobody observed: values for them that leave the posterior of the others as it is, and draws of
what they might have been.

With every cell observed the covariance C = K + ratio · 1 is a Kronecker product with a diagonal inverse in the
coordinates of the eigenvectors. With gaps, the conditional mean z of the missing values given the observed ones solves
(C⁻¹)_mm z = −(C⁻¹)_mo y, and the posterior mean of the complete grid (y, z) is that of y alone. The complete grid's
inverse is thus both operator and preconditioner: scaled by the ratio it is a projection away from what the kernel
explains, so that conjugate gradients need few steps where the gaps are determined by the rest. By the law of total
variance, what gaps add to the variance is that of the mean over draws of the missing values, which are pathwise
(Matheron's rule; Wilson et al., "Pathwise conditioning of Gaussian processes", JMLR 22, 2021).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.sparse.linalg import cg
from jaxtyping import Bool, Float

from binn_cli.datasets.product import ProductData
from binn_cli.datasets.random_streams import stream
from binn_cli.models.arrays import Array
from binn_cli.models.binn.completion import complete
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.gp.axis_factor import AxisPlan, Factor, factorised
from binn_cli.models.gp.grid_evidence import Grid, roots, rotated, spectrum

TOLERANCE, MOST_STEPS = 1e-10, 1000
"""Of conjugate gradients: the residual over that of no fill at all, and steps."""

DRAWS = 64
"""Draws of the missing values: their share of a standard deviation is known to 9 %."""

ENTRIES = 2**22
"""Values of all draws that are made at once."""


def first_fill(data: ProductData) -> ProductData:
    """The data without gaps: every output by tensor completion, where the search for hyperparameters begins."""
    assert data.observed is not None
    columns = [complete(data.values[..., o], data.observed).values for o in range(len(data.outputs))]
    return ProductData(data.axes, np.stack(columns, axis=-1), data.outputs, data.output_units)


def _back(values: Float[Array, "L *n"], factors: list[Factor]) -> Float[Array, "L *n"]:
    for axis, factor in enumerate(factors):
        values = jnp.moveaxis(jnp.tensordot(factor.vectors, values, axes=(1, axis + 1)), 0, axis + 1)
    return values


def _fill(
    theta: Float[Array, " P"],
    grid: Grid,
    missing: Float[Array, "*n"],
    noise: Float[Array, "L *n"],
    begin: Float[Array, "L *n"],
    *,
    plans: tuple[AxisPlan, ...],
) -> tuple[Array, Array, Array]:
    """Conditional mean of the missing values, the relative residual of each output, and the values that were drawn.

    To the grid's values are added draws of the prior, made of the standard normal numbers `noise`; 0 adds nothing.
    """
    factors = [factorised(plan, matrix) for plan, matrix in zip(plans, roots(theta, grid, plans), strict=True)]
    ratio = jnp.exp(theta[-1] - theta[-2])
    noisy = spectrum(factors) + ratio
    drawn = _back(noise * jnp.sqrt(noisy), factors) * jnp.exp(0.5 * theta[-2])
    values = grid.values + drawn

    def inverse(full: Float[Array, "L *n"]) -> Float[Array, "L *n"]:
        return missing * _back(rotated(full, factors) * (ratio / noisy), factors)

    wanted = -inverse(values * (1.0 - missing))

    def one(right: Array, start: Array) -> tuple[Array, Array]:
        found, _ = cg(lambda z: inverse(z[None])[0], right, start, tol=TOLERANCE, maxiter=MOST_STEPS)
        left = inverse(found[None])[0] - right
        return found, jnp.linalg.norm(left.ravel()) / jnp.maximum(jnp.linalg.norm(right.ravel()), 1e-300)

    found, residual = jax.vmap(one)(wanted, begin * missing)
    return found, residual, values * missing


filled = CompiledFunction(_fill)


def filled_grid(
    theta: np.ndarray, grid: Grid, missing: Bool[np.ndarray, "*n"], plans: tuple[AxisPlan, ...], watch: Stopwatch
) -> tuple[Grid, Float[np.ndarray, " L"]]:
    """The grid with its gaps at their conditional mean, and the relative residual of every output."""
    values, mask = np.asarray(grid.values), missing.astype(float)
    found, residual, _ = filled(watch, theta, grid, mask, np.zeros_like(values), values, plans=plans)
    return grid._replace(values=np.where(missing, np.asarray(found), values)), np.asarray(residual)


def gap_draws(
    theta: np.ndarray,
    grid: Grid,
    missing: Bool[np.ndarray, "*n"],
    plans: tuple[AxisPlan, ...],
    seed: int,
    watch: Stopwatch,
) -> Float[np.ndarray, "S *n"]:
    """Draws of the missing values about their mean, given the observed ones; 0 where something is observed."""
    rng, mask, shape = stream(seed, "gp_grid gaps"), missing.astype(float), missing.shape
    width = int(np.clip(ENTRIES // missing.size, 1, DRAWS))
    parts = []
    for _ in range(-(-DRAWS // width)):
        nothing = np.zeros((width, *shape))
        noise = rng.standard_normal(nothing.shape)
        blank = grid._replace(values=nothing)
        found, _, truth = filled(watch, theta, blank, mask, noise, nothing, plans=plans)
        parts.append(np.asarray(truth) - np.asarray(found))
    return np.concatenate(parts)[:DRAWS]
