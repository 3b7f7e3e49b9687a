"""Mean and exact variance of a grid's Gaussian process on any product of axes, and on scattered points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.gp.axis_factor import AxisPlan, representation, unknown
from binn_cli.models.gp.grid_evidence import Solution

ENTRIES = 2**23
"""Numbers in the largest array of one chunk of a prediction (64 MB)."""

NEGLIGIBLE = 1e-9
"""Share of the noise's standard deviation below which a direction of an axis says nothing that the noise does not
drown."""

LETTERS = "abcdefghijklmnopqrstuvwxy"


class AxisReadout(NamedTuple):
    """What one training axis contributes to a prediction.

    Attributes:
        points, mask: its own points, which a kernel without explicit features is compared with.
        kept: (J, r) the readout of the r directions that matter.
        values: (r,) their S.
    """

    points: Float[Array, "n K"]
    mask: Float[Array, " n"]
    kept: Float[Array, "J r"]
    values: Float[Array, " r"]


class Readout(NamedTuple):
    """All that prediction reads of one group of outputs.

    Attributes:
        theta: (2 D + 2,) log lengths, bends, log signal variance, log noise variance.
        coefficients: (l, r_1, …, r_A).
        axes: one a training axis.
        gaps: (S, r_1, …, r_A) the same of draws of the values that are missing; none where all are there.
    """

    theta: Float[Array, " P"]
    coefficients: Float[Array, "l *r"]
    axes: tuple[AxisReadout, ...]
    gaps: Float[Array, "S *r"] | None = None


def readout(
    theta: np.ndarray,
    points: Sequence[Array],
    masks: Sequence[Array],
    solution: Solution,
    gaps: Float[np.ndarray, "S *n"] | None = None,
) -> Readout:
    """What of a solution matters for predictions; the directions left out count as unknown, which is exact for the
    variance.

    Args:
        theta: hyperparameters of the group.
        points, masks: of the training grid.
        solution: of `solve`, on the host.
        gaps: coefficients of draws of the missing values.
    """
    tops = [float(np.max(factor.values)) for factor in solution.factors]
    floor = NEGLIGIBLE * math.exp(0.5 * float(theta[-1] - theta[-2]))
    coefficients, axes = np.asarray(solution.coefficients), []
    for axis, factor in enumerate(solution.factors):
        others = math.prod(top for a, top in enumerate(tops) if a != axis)
        values = np.asarray(factor.values)
        # A direction that the training points do not see has no coordinates of its own: what lies in it is unknown.
        rows = np.flatnonzero((values * others > floor) & (values > 0))
        coefficients = np.take(coefficients, rows, axis=axis + 1)
        gaps = None if gaps is None else np.take(gaps, rows, axis=axis + 1)
        axes.append(AxisReadout(points[axis], masks[axis], np.asarray(factor.readout)[:, rows], values[rows]))
    return Readout(theta, coefficients, tuple(axes), gaps)


def _predict(
    found: Readout, points: tuple[Float[Array, "m K"], ...], *, plans: tuple[AxisPlan, ...], homes: tuple[int, ...]
) -> tuple[Float[Array, "l *m"], Float[Array, "l *m"]]:
    """Mean and variance at the product of `points`; training axis a has its coordinates on the new axis homes[a]."""
    dimensions = plans[-1].last
    lengths, bends = jnp.exp(found.theta[:dimensions]), found.theta[dimensions : 2 * dimensions]
    signal, ratio = jnp.exp(found.theta[-2]), jnp.exp(found.theta[-1] - found.theta[-2])
    begins = [min(plan.first for plan, home in zip(plans, homes, strict=True) if home == t) for t in range(len(points))]
    tables, missing = [], []
    for plan, home, axis in zip(plans, homes, found.axes, strict=True):
        own = slice(plan.first, plan.last)
        new = points[home][:, plan.first - begins[home] : plan.last - begins[home]]
        represented = representation(plan, new, axis.points, axis.mask, lengths[own], bends[own])
        tables.append(represented @ axis.kept)
        missing.append(unknown(plan, represented, axis.kept, tables[-1]))
    mean = _contracted(found.coefficients, tables, homes)
    # Of the prior variance 1: what the noise leaves open in the directions that the data see, and all of the others.
    eigenvalues = reduce(jnp.multiply.outer, [axis.values**2 for axis in found.axes])
    left = _contracted((ratio / (eigenvalues + ratio))[None], [table**2 for table in tables], homes)
    variance = signal * (left + _outside(tables, missing, homes, [len(p) for p in points]))
    if found.gaps is not None:
        # One draw after the other, which takes no more memory than the mean.
        def added(total: Array, draw: Array) -> tuple[Array, None]:
            return total + _contracted(draw[None], tables, homes) ** 2, None

        total, _ = jax.lax.scan(added, jnp.zeros((1, *mean.shape[1:])), found.gaps)
        variance = variance + total / len(found.gaps)
    return mean, jnp.broadcast_to(variance, mean.shape)


def _contracted(
    core: Float[Array, "l *r"], tables: list[Float[Array, "m r"]], homes: tuple[int, ...]
) -> Float[Array, "l *m"]:
    """Σ core[o, i_1, …] Π tables_a[p_home(a), i_a]: training axes that share a new axis share its index."""
    inner = LETTERS[: len(tables)]
    outer = [chr(ord("A") + home) for home in homes]
    operands = ",".join(f"{new}{old}" for new, old in zip(outer, inner, strict=True))
    return jnp.einsum(f"z{inner},{operands}->z{''.join(sorted(set(outer)))}", core, *tables, optimize="optimal")


def _outside(
    tables: list[Array], missing: list[Array], homes: tuple[int, ...], sizes: list[int]
) -> Float[Array, "1 *m"]:
    """Π (q_a + u_a) − Π q_a with q_a = Σ P_a², as a sum of products that are not negative: Σ_a u_a Π_{b<a} (q_b + u_b)
    Π_{b>a} q_b."""
    known = [jnp.sum(table**2, axis=1) for table in tables]
    total = jnp.zeros([1, *sizes])
    for a in range(len(tables)):
        terms = [*[k + u for k, u in zip(known[:a], missing[:a], strict=True)], missing[a], *known[a + 1 :]]
        part = jnp.ones([1, *sizes])
        for term, home in zip(terms, homes, strict=True):
            part = part * term.reshape([1, *[-1 if t == home else 1 for t in range(len(sizes))]])
        total = total + part
    return total


predicted = CompiledFunction(_predict)


def scattered_mean(found: Readout, plans: tuple[AxisPlan, ...], points: Float[Array, "m D"]) -> Float[Array, "l m"]:
    """The mean at scattered points in scaled units, as a function that JAX can differentiate."""
    return _predict(found, (points,), plans=plans, homes=(0,) * len(plans))[0]


def merged(
    points: Sequence[Float[np.ndarray, "m K"]], plans: Sequence[AxisPlan]
) -> tuple[list[np.ndarray], tuple[int, ...]]:
    """New axes of which every training axis lies within one, by taking the product of those that share one; and each
    one's new axis."""
    groups: list[tuple[int, int, np.ndarray]] = []
    inside = {boundary for plan in plans for boundary in range(plan.first + 1, plan.last)}
    end = 0
    for part in points:
        begin, end = end, end + part.shape[1]
        if begin in inside:
            start, _, before = groups.pop()
            pairs = np.concatenate([np.repeat(before, len(part), axis=0), np.tile(part, (len(before), 1))], axis=1)
            groups.append((start, end, pairs))
        else:
            groups.append((begin, end, part))
    homes = tuple(next(t for t, (begin, stop, _) in enumerate(groups) if begin <= plan.first < stop) for plan in plans)
    return [group[2] for group in groups], homes


def predict(
    found: Readout, plans: tuple[AxisPlan, ...], points: Sequence[Float[np.ndarray, "m K"]], watch: Stopwatch
) -> tuple[Float[np.ndarray, "l *m"], Float[np.ndarray, "l *m"]]:
    """Mean and variance of a group's outputs on the product of axes of points in scaled units, in chunks of one
    shape."""
    shape = [len(part) for part in points]
    parts, homes = merged(points, plans)
    sizes = [len(part) for part in parts]
    longest = int(np.argmax(sizes))
    ranks = found.coefficients.shape[1:]
    own = max(rank for rank, home in zip(ranks, homes, strict=True) if home == longest)
    rest = max(math.prod(ranks) // own, math.prod(sizes) // sizes[longest], *(len(axis.kept) for axis in found.axes))
    rows = min(sizes[longest], max(1, ENTRIES // rest))
    means, variances = [], []
    for begin in range(0, sizes[longest], rows):
        taken = np.minimum(np.arange(begin, begin + rows), sizes[longest] - 1)
        chunk = [part[taken] if t == longest else part for t, part in enumerate(parts)]
        mean, variance = predicted(watch, found, tuple(chunk), plans=plans, homes=homes)
        kept = (slice(None),) * (longest + 1) + (slice(0, min(rows, sizes[longest] - begin)),)
        means.append(np.asarray(mean)[kept])
        variances.append(np.asarray(variance)[kept])
    mean, variance = (np.concatenate(chunks, axis=longest + 1) for chunks in (means, variances))
    return mean.reshape(-1, *shape), variance.reshape(-1, *shape)
