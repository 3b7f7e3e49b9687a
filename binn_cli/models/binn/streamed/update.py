"""Learning on from new rows without the old ones: the last posterior of every block is the prior of the next.

With one dimension there is one block, and Bayes' rule makes this exact: the posterior of all rows, whatever the order. With several, the
last posterior holds each block's covariance with the others at their means, so what old rows said about two blocks together is lost.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import ProductData
from binn_cli.datasets.rows import RowChunks, TableRows
from binn_cli.errors import BinnError, DataError
from binn_cli.models.binn.posterior import DimensionPosterior
from binn_cli.models.binn.streamed.devices import all_devices
from binn_cli.models.binn.streamed.fit import rows_per_chunk
from binn_cli.models.binn.streamed.sums import Sums
from binn_cli.models.compilation import Stopwatch
from binn_cli.models.surrogate import FitReport

if TYPE_CHECKING:
    from binn_cli.models.binn.model import FittedBinn

SWEEPS, SETTLED = 20, 1e-8
"""Most sweeps over several blocks, and the relative change of the weights that ends them."""

Root = Float[np.ndarray, "MJ MJ"]


def updated(fitted: FittedBinn, data: ProductData | RowChunks, forgetting: float = 1.0) -> FittedBinn:
    """The surrogate after more data.

    Args:
        fitted: the surrogate so far; units, bases and noise variance stay as they are.
        data: new data with the same inputs and outputs.
        forgetting: factor on the precision of everything learned so far, in (0, 1]; below 1 for data that drift.

    Raises:
        BinnError: if the factor is out of range.
        DataError: if inputs or outputs are not as many as were learned, or a row cannot be read.
    """
    if not 0.0 < forgetting <= 1.0:
        raise BinnError(f"forgetting must be greater than 0 and at most 1, not {forgetting}")
    rows: RowChunks = TableRows(data) if isinstance(data, ProductData) else data
    asked, known = (len(rows.inputs), len(rows.outputs)), (len(fitted.bases), len(fitted.noise))
    if asked != known:
        raise DataError(
            f"the new data have {asked[0]} inputs and {asked[1]} outputs, but the surrogate has learned {known[0]} and {known[1]}"
        )
    watch, began = Stopwatch(), time.perf_counter()
    sums = Sums(rows, rows_per_chunk(rows), fitted.bases, fitted.inputs, fitted.outputs, all_devices())
    found = [_output(fitted, sums, output, forgetting, watch) for output in range(known[1])]
    dimensions = tuple(
        DimensionPosterior(
            np.stack([f[d][0] for f in found]), np.eye(len(b.centers)), np.stack([f[d][1] for f in found]), old.prior_variance
        )
        for d, (b, old) in enumerate(zip(fitted.bases, fitted.dimensions, strict=True))
    )
    report = FitReport(watch.compile_seconds, time.perf_counter() - began - watch.compile_seconds, {})
    return replace(fitted, dimensions=dimensions, report=report)


def _output(fitted: FittedBinn, sums: Sums, output: int, forgetting: float, watch: Stopwatch) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights (M, J) and covariance (M, J, M, J) of every dimension of one output."""
    before = [dimension.of_output(output) for dimension in fitted.dimensions]
    roots = [root_of(dimension) / np.sqrt(forgetting) for dimension in before]
    prior = [np.asarray(dimension.weights) for dimension in before]
    means, noise = list(prior), float(fitted.noise[output])
    covariances: list[np.ndarray] = [np.zeros(0)] * len(prior)
    for _ in range(1 if len(prior) == 1 else SWEEPS):
        last = list(means)
        for d in range(len(prior)):
            gram, rhs, _ = sums.block(tuple(means), d, output, watch)
            means[d], covariances[d] = block_update(roots[d], prior[d], np.asarray(gram), np.asarray(rhs), noise)
        if all(np.linalg.norm(new - old) <= SETTLED * np.linalg.norm(old) for new, old in zip(means, last, strict=True)):
            break
    return list(zip(means, covariances, strict=True))


def root_of(dimension: DimensionPosterior) -> Root:
    """A matrix whose product with its transpose is the covariance of all weights of one dimension, mode by mode."""
    v, c = np.asarray(dimension.directions), np.asarray(dimension.covariance)
    modes, width = dimension.weights.shape
    spec = "jk,kmp,lk->mjpl" if c.ndim == 3 else "ja,mapb,lb->mjpl"
    full = np.einsum(spec, v, c, v, optimize=True)
    unseen = np.eye(width) - v @ v.T
    full += np.einsum("mp,jl->mjpl", np.diag(np.asarray(dimension.prior_variance)), unseen)
    values, vectors = np.linalg.eigh(full.reshape(modes * width, -1))
    return vectors * np.sqrt(np.maximum(values, 0.0))


def block_update(
    root: Root, prior: Float[np.ndarray, "M J"], gram: Float[np.ndarray, "M J M J"], rhs: Float[np.ndarray, "M J"], noise: float
) -> tuple[Float[np.ndarray, "M J"], Float[np.ndarray, "M J M J"]]:
    """Posterior mean and covariance of a block whose prior covariance is `root @ root.T`; no covariance is inverted."""
    size = prior.size
    matrix = gram.reshape(size, size)
    values, vectors = np.linalg.eigh(root.T @ matrix @ root / noise)
    turned = root @ vectors / np.sqrt(1.0 + np.maximum(values, 0.0))
    mean = prior.ravel() + turned @ (turned.T @ (rhs.ravel() - matrix @ prior.ravel())) / noise
    return mean.reshape(prior.shape), (turned @ turned.T).reshape(*prior.shape, *prior.shape)
