"""Gradients of a fitted B-INN's mean, written out: derivatives of the bases, of the kernel, and of products of both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.bases.slopes import basis_slopes, stretch_slopes
from binn_cli.models.binn.cp.blocks import BlockPosterior
from binn_cli.models.binn.cp.design import prefix_suffix
from binn_cli.models.binn.cp.features import Features
from binn_cli.models.binn.fitted import FittedBinn
from binn_cli.models.binn.limit.kernel import correlation
from binn_cli.models.binn.limit.process import Process
from binn_cli.models.binn.limit.warping import warp
from binn_cli.models.binn.mixture import Member, Mixture
from binn_cli.models.binn.tucker.fields import AxisFunctions
from binn_cli.models.binn.tucker.limit_functions import LimitFunctions
from binn_cli.models.binn.tucker.posterior import Functions, TuckerPosterior

ENTRIES = 2**20
"""Numbers of the largest table of one chunk of points (8 MB)."""


def mean_gradient(fitted: FittedBinn, points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n L D"]:
    """Derivatives of the mean of every output with respect to every input, in original units.

    Along an axis whose points are their own functions, such as a mesh, there is no derivative: NaN.
    """
    x = fitted.units.inputs(points, slice(None))
    found = np.stack([_of_output(posterior, x) for posterior in fitted.posteriors], axis=1)
    return found * fitted.units.outputs.scale[:, None] / fitted.units.inputs.span


def _of_output(posterior: Mixture | TuckerPosterior, x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n D"]:
    if isinstance(posterior, TuckerPosterior):
        return _tucker(posterior, x)
    return np.sum([weight * _of_member(member, x) for member, weight in posterior.members], axis=0)


def _of_member(member: Member, x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n D"]:
    if isinstance(member, Process):
        return process_gradient(member, x)
    weights: Sequence[np.ndarray] = member.means if isinstance(member, BlockPosterior) else member.unpacked[0]
    functions = [f(x[:, d]) @ w for d, (f, w) in enumerate(zip(member.features, weights, strict=True))]
    slopes = [_slopes(f, x[:, d]) @ w for d, (f, w) in enumerate(zip(member.features, weights, strict=True))]
    return np.stack(
        [np.sum(own * rest, axis=1) for own, rest in zip(slopes, prefix_suffix(functions), strict=True)], axis=1
    )


def _slopes(features: Features, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n K"]:
    values = basis_slopes(features.basis, x) @ features.transform
    return np.concatenate([np.zeros((len(x), 1)), values], axis=1) if features.constant else values


def process_gradient(process: Process, x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n D"]:
    """Derivatives of a process's mean: those of the kernel with respect to the new point, times K⁻¹ y."""
    n, dimensions = x.shape
    warped, found = warp(x, process.rates), np.zeros((n, dimensions))
    step = max(1, ENTRIES // (len(process.points) * dimensions))
    for begin in range(0, n, step):
        rows = slice(begin, begin + step)
        for theta, (_, solved) in zip(process.draws, process.factors, strict=True):
            share = 1.0 / (1.0 + np.exp(-theta[dimensions : 2 * dimensions]))
            factors, slopes = [], []
            for d in range(dimensions):
                change = np.exp(-theta[d])
                scaled = np.subtract.outer(warped[rows, d], process.points[:, d]) * change
                rho = correlation(scaled**2, process.smoothness)
                factors.append(share[d] * rho + (1.0 - share[d]))
                slopes.append(share[d] * change * _correlation_slope(scaled, rho, process.smoothness))
            for d, rest in enumerate(prefix_suffix(factors)):
                found[rows, d] += np.exp(theta[-2]) * ((slopes[d] * rest) @ solved)
    along = np.stack([stretch_slopes(x[:, d], float(rate)) for d, rate in enumerate(process.rates)], axis=1)
    return process.scale / len(process.draws) * found * along


def _correlation_slope(scaled: np.ndarray, rho: np.ndarray, smoothness: str) -> np.ndarray:
    """dρ/ds at signed distances s in units of the length."""
    if smoothness == "gaussian":
        return -scaled * rho
    if smoothness == "matern52":
        r = np.sqrt(5.0) * np.abs(scaled)
        return -5.0 / 3.0 * scaled * (1.0 + r) * np.exp(-r)
    return -3.0 * scaled * np.exp(-np.sqrt(3.0) * np.abs(scaled))


def _tucker(posterior: TuckerPosterior, x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n D"]:
    """The core contracted with the functions of all axes but one, and with that one's derivatives."""
    ends = np.cumsum(posterior.widths)
    parts = [np.ascontiguousarray(x[:, end - width : end]) for width, end in zip(posterior.widths, ends, strict=True)]
    found = []
    rows = max(1, ENTRIES // posterior.core.size)
    for begin in range(0, len(x), rows):
        own = [part[begin : begin + rows] for part in parts]
        tables = [f.mean(part) for f, part in zip(posterior.functions, own, strict=True)]
        columns = []
        for axis, (functions, part) in enumerate(zip(posterior.functions, own, strict=True)):
            along = _without(posterior.core, tables, axis)
            columns.append(np.einsum("nq,nqd->nd", along, _axis_slopes(functions, part)))
        found.append(np.concatenate(columns, axis=1))
    return np.concatenate(found)


def _without(core: np.ndarray, tables: Sequence[np.ndarray], axis: int) -> Float[np.ndarray, "n Q"]:
    """The core contracted with a table per axis at the same points, but for one axis."""
    moved = np.moveaxis(core, axis, -1)
    total: np.ndarray = np.broadcast_to(moved, (len(tables[0]), *moved.shape))
    for other, table in enumerate(tables):
        if other != axis:
            total = np.einsum("nq...,nq->n...", total, table)
    return total


def _axis_slopes(functions: Functions, x: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n Q k"]:
    if isinstance(functions, LimitFunctions):
        return np.stack([process_gradient(process, x) for process in functions.processes], axis=1)
    if isinstance(functions, AxisFunctions):
        return (basis_slopes(functions.basis, x[:, 0]) @ functions.weights.T)[:, :, None]
    return np.full((len(x), functions.values.shape[1], x.shape[1]), np.nan)
