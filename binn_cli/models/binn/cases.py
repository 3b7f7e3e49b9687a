"""What a B-INN does not know about whole cases, as a small Gaussian process over the case axis.

With the other axes' functions S_m at their means, a case c is the sum over m of S_m h_m(c), so what is unknown about it is its vector
h(c). The posterior covariance of h between two cases follows from the blocks of the case axis's dimensions,
Cov[h_m(c), h_m'(c')] = prod_d (mu_m(c) mu_m'(c') + phi(c)^T C_mm' phi(c')) - prod_d mu_m(c) mu_m'(c'). For CP, m counts modes, whose
functions multiply one by one; for Tucker, all combinations of functions, which multiply as Kronecker products. In the coordinates
a = L^T h, where L L^T is the Gram matrix of the S_m over the points of a case, the squared norm of a is the squared norm of the case, and
simulating the case observes a with the noise variance of a single point.
"""

from __future__ import annotations

from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.basis import Basis
from binn_cli.models.binn.posterior import DimensionPosterior
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.surrogate import CaseProcess

MOST_ENTRIES = 4096
"""Largest order of the covariance matrix of all cases together (134 MB)."""

NEGLIGIBLE_VARIANCE = 1e-4
"""Share of the variance that the coordinates left out may hold."""


def kronecker_products(a: Float[Array, "n P P"], b: Float[Array, "n R R"]) -> Float[Array, "n Q Q"]:
    """The Kronecker product of two matrices at every point."""
    product = a[:, :, None, :, None] * b[:, None, :, None, :]
    size = a.shape[1] * b.shape[1]
    return product.reshape(-1, size, size)


def _row_products(a: Float[Array, "n P"], b: Float[Array, "n R"]) -> Float[Array, "n Q"]:
    return (a[:, :, None] * b[:, None, :]).reshape(a.shape[0], -1)


def axis_grams(
    bases: tuple[Basis, ...], dimensions: tuple[DimensionPosterior, ...], points: tuple[Float[Array, "n D"], ...], *, kronecker: bool
) -> tuple[Float[Array, "Q Q"], ...]:
    """Gram matrix of the mean functions over the points of each axis: of the modes, or of all combinations of functions."""
    grams: list[Array] = []
    begin = 0
    for x in points:
        functions = [bases[begin + c](x[:, c]) @ dimensions[begin + c].weights.T for c in range(x.shape[1])]
        columns = reduce(_row_products if kronecker else jnp.multiply, functions)
        grams.append(columns.T @ columns)
        begin += x.shape[1]
    return tuple(grams)


def _covariance(
    bases: tuple[Basis, ...],
    dimensions: tuple[DimensionPosterior, ...],
    cases: Float[Array, "n D"],
    lift: Float[Array, "M r"],
    *,
    kronecker: bool,
) -> Float[Array, "n r n r"]:
    """Covariance of a = lift^T h between all pairs of cases."""
    times = kronecker_products if kronecker else jnp.multiply
    parts = []
    for d, (basis, dimension) in enumerate(zip(bases, dimensions, strict=True)):
        values = basis(cases[:, d])
        seen = values @ dimension.directions
        parts.append((values @ dimension.weights.T, seen, values - seen @ dimension.directions.T, dimension))

    def with_case(row: Array) -> Array:
        """Covariance of every case with one, (n, r, r), accumulated as a sum without cancellation."""
        square: Array = jnp.ones((1, 1, 1))
        excess: Array = jnp.zeros((1, 1, 1))
        for mean, seen, unseen, dimension in parts:
            own = mean[:, :, None] * mean[row]
            if dimension.covariance.ndim == 3:
                extra = jnp.einsum("nk,kmp->nmp", seen * seen[row], dimension.covariance)
            else:
                extra = jnp.einsum("nk,mkp->nmp", seen, jnp.einsum("mkpl,l->mkp", dimension.covariance, seen[row]))
            extra = extra + (unseen @ unseen[row])[:, None, None] * jnp.diag(dimension.prior_variance)
            square, excess = times(square, own), times(excess, own + extra) + times(square, extra)
        return jnp.einsum("mr,nmp,ps->nrs", lift, excess, lift)

    found = jax.lax.map(with_case, jnp.arange(cases.shape[0]))  # (row, n, r, s)
    return found.transpose(1, 2, 0, 3)


grams_of, covariance = CompiledFunction(axis_grams), CompiledFunction(_covariance)


def case_process(
    bases: tuple[Basis, ...],
    dimensions: tuple[DimensionPosterior, ...],
    noise: Float[np.ndarray, " L"],
    points: list[Float[np.ndarray, "n D"]],
    cases: Float[np.ndarray, "n D"],
    cores: Float[np.ndarray, "L *Q"] | None = None,
) -> CaseProcess:
    """The process of all outputs together, each in its standardised units.

    Args:
        bases: of every dimension.
        dimensions: posterior of every dimension, those of the case axis last.
        noise: (L,) noise variance in standardised units.
        points: the other axes in units of the domain; none where a case is a single point.
        cases: the cases in units of the domain.
        cores: (L, Q_1, …, Q_A) means of the core, one index an axis, of a Tucker decomposition; None for a sum of products.
    """
    watch = Stopwatch()
    first = len(bases) - cases.shape[1]
    n, outputs = len(cases), dimensions[0].weights.shape[0]
    limit = max(1, MOST_ENTRIES // (n * outputs))
    blocks, levels = [], []
    for output in range(outputs):
        own = tuple(dimension.of_output(output) for dimension in dimensions)
        grams = [np.asarray(g) for g in grams_of(watch, bases[:first], own[:first], tuple(points), kronecker=cores is not None)]
        modes = own[0].weights.shape[0]
        gram = np.prod([np.ones((modes, modes)), *grams], axis=0) if cores is None else _core_gram(cores[output], grams)
        values, vectors = np.linalg.eigh(gram)
        lift = (vectors * np.sqrt(np.maximum(values, 0.0)))[:, ::-1][:, :limit]
        full = np.asarray(covariance(watch, bases[first:], own[first:], cases, lift, kronecker=cores is not None))
        variance = np.einsum("nrnr->r", full)
        order = np.argsort(variance)[::-1]
        total = max(variance.sum(), np.finfo(float).tiny)
        kept = np.sort(order[: int(np.searchsorted(np.cumsum(variance[order]), (1.0 - NEGLIGIBLE_VARIANCE) * total)) + 1])
        blocks.append(full[:, kept][:, :, :, kept])
        levels.append(np.full(len(kept), noise[output]))
    widths = np.cumsum([0] + [block.shape[1] for block in blocks])
    joined = np.zeros((n, widths[-1], n, widths[-1]))
    for block, begin, end in zip(blocks, widths[:-1], widths[1:], strict=True):
        joined[:, begin:end, :, begin:end] = block
    return CaseProcess(joined, np.concatenate(levels), watch.compile_seconds)


def _core_gram(core: Float[np.ndarray, "*Q"], grams: list[Float[np.ndarray, "Q Q"]]) -> Float[np.ndarray, "Q Q"]:
    """Gram matrix of what multiplies each combination of the case axis's functions, over the points of a case."""
    applied = core
    for a, gram in enumerate(grams):
        applied = np.moveaxis(np.tensordot(gram, applied, axes=(1, a)), 0, a)
    width = core.shape[-1]
    return core.reshape(-1, width).T @ applied.reshape(-1, width)
