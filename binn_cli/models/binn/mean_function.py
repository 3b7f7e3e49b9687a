"""The predictive mean as a function that JAX can differentiate: what the posteriors say at scattered points, once more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from binn_cli.errors import BinnError
from binn_cli.models.binn.bases.stretched import stretch
from binn_cli.models.binn.cp.blocks import BlockPosterior
from binn_cli.models.binn.limit.process import Process
from binn_cli.models.binn.mixture import Member, Mixture
from binn_cli.models.binn.tucker.fields import AxisFunctions
from binn_cli.models.binn.tucker.posterior import Functions, LimitFunctions, TuckerPosterior

MeanFunction = Callable[[Any], Any]


def mean_function(posteriors: Sequence[Mixture | TuckerPosterior]) -> MeanFunction:
    """From (n, D) points on [0, 1] to the (n, L) mean in standardised units.

    Raises:
        BinnError: if an axis is a mesh, between whose points nothing is differentiable.
    """
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    own = [_of_mixture(p) if isinstance(p, Mixture) else _of_tucker(p) for p in posteriors]
    return lambda x: jnp.stack([mean(x) for mean in own], axis=1)


def _of_mixture(posterior: Mixture) -> MeanFunction:
    members = [(_of_member(member), weight) for member, weight in posterior.members]
    return lambda x: sum(weight * mean(x) for mean, weight in members)


def _of_member(member: Member) -> MeanFunction:
    if isinstance(member, Process):
        return _of_process(member)
    if isinstance(member, BlockPosterior):
        weights, intercept = list(member.means), None
    else:
        weights, intercept = member.unpacked
    features = member.features

    def mean(x: Any) -> Any:
        functions = [f(x[:, d]) @ w for d, (f, w) in enumerate(zip(features, weights, strict=True))]
        return reduce(lambda a, b: a * b, functions).sum(axis=1) + (intercept or 0.0)

    return mean


def _of_process(process: Process) -> MeanFunction:
    import jax.numpy as jnp

    points, draws, solved = process.points, process.draws, process.solved
    dimensions = points.shape[1]

    def rho(square: Any) -> Any:
        if process.smoothness == "gaussian":
            return jnp.exp(-0.5 * square)
        scaled = (5.0 if process.smoothness == "matern52" else 3.0) * square
        apart = scaled > 0.0  # the root has no derivative at zero, but what is made of it has: zero
        r = jnp.where(apart, jnp.sqrt(jnp.where(apart, scaled, 1.0)), 0.0)
        return (1.0 + r + r * r / 3.0 if process.smoothness == "matern52" else 1.0 + r) * jnp.exp(-r)

    def mean(x: Any) -> Any:
        warped = [stretch(x[:, d], float(rate)) for d, rate in enumerate(process.rates)]
        total: Any = 0.0
        for theta, alpha in zip(draws, solved, strict=True):
            share = 1.0 / (1.0 + np.exp(-theta[dimensions : 2 * dimensions]))
            kernel = jnp.exp(theta[2 * dimensions])
            for d in range(dimensions):
                apart = (warped[d][:, None] - points[:, d]) * np.exp(-theta[d])
                kernel = kernel * (1.0 - share[d] + share[d] * rho(apart * apart))
            total = total + kernel @ alpha
        return process.shift + process.scale * total / len(draws)

    return mean


def _of_tucker(posterior: TuckerPosterior) -> MeanFunction:
    import jax.numpy as jnp

    functions = [_of_axis(own) for own in posterior.functions]
    begins = np.cumsum([0, *posterior.widths])
    letters = "abcdefghijkl"[: len(functions)]
    spec = ",".join([letters, *(f"n{letter}" for letter in letters)]) + "->n"

    def mean(x: Any) -> Any:
        values = [f(x[:, begin:end]) for f, begin, end in zip(functions, begins[:-1], begins[1:], strict=True)]
        return jnp.einsum(spec, posterior.core, *values)

    return mean


def _of_axis(own: Functions) -> MeanFunction:
    if isinstance(own, AxisFunctions):
        return lambda x: own.basis(x[:, 0]) @ own.weights.T
    if isinstance(own, LimitFunctions):
        import jax.numpy as jnp

        processes = [_of_process(process) for process in own.processes]
        return lambda x: jnp.stack([mean(x) for mean in processes], axis=1)
    raise BinnError("the fields of this surrogate are on a mesh, between whose points their mean has no derivative")
