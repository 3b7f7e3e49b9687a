"""Numbers of centres chosen by the evidence, for bases whose only scale is the spacing of their centres."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.basis import Basis, build_basis
from binn_cli.models.binn.chidenn import Patch
from binn_cli.models.binn.evidence import Problem, log_evidence
from binn_cli.models.compilation import CompiledFunction, Stopwatch

COUNTS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
ROOM = 96
"""All candidates are evaluated with this many centres, so that they compile as one; those they lack stand out of reach."""

OUT_OF_REACH = 1e6


def _evidence(basis: Basis, problem: Problem) -> Array:
    design = basis(problem.x)
    kernel = design @ design.T
    return log_evidence(jnp.asarray(problem.others) * kernel / jnp.max(jnp.diagonal(kernel)), problem)


evidence = CompiledFunction(_evidence)


def candidates(distinct: int) -> list[int]:
    """Numbers of centres up to that of the distinct values: more would leave functions between the data to their prior."""
    most = int(np.clip(distinct, 2, COUNTS[-1]))
    return sorted({*(count for count in COUNTS if count < most), most})


def choose_count(
    kind: str,
    patch: Patch,
    others: Float[np.ndarray, "n n"],
    s: Float[np.ndarray, " n"],
    columns: Float[np.ndarray, "n R"],
    watch: Stopwatch,
) -> tuple[int, Float[np.ndarray, "C 2"]]:
    """The number of centres with the highest evidence, and (C, 2) number and log evidence of every candidate.

    Args:
        kind: hat, bspline or chidenn.
        patch: how chidenn interpolates.
        others: kernel of the other coordinates of the axis.
        s: the coordinate, in units of the domain and stretched.
        columns: functions on the axis, scaled by their size.
        watch: charged with compilation.
    """
    trace, problem = [], Problem.of(others, s, columns)
    for count in candidates(len(np.unique(s))):
        basis = build_basis(kind, count, 0, np.nan, patch=patch)
        centers = np.concatenate([np.asarray(basis.centers), OUT_OF_REACH + np.arange(ROOM - len(basis.centers))])
        roomy = replace(basis, centers=jnp.asarray(centers))  # type: ignore[type-var]
        trace.append((float(count), float(evidence(watch, roomy, problem))))
    found = np.array(trace)
    return int(found[int(np.argmax(found[:, 1])), 0]), found
