"""Gradients of the predictive mean: exact derivatives, by JAX or written out, never differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from binn_cli.errors import BinnError
from binn_cli.models.units import Units

POINTS_AT_ONCE = 4096
WRITTEN_OUT = ("binn", "binn_paper")
"""Models whose derivatives are written out in `binn/gradient.py`."""


@runtime_checkable
class HasGradient(Protocol):
    """A fitted surrogate whose derivative is written out."""

    def gradient(self, points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n L D"]:
        """Derivatives of the mean of every output with respect to every input, in original units."""
        ...


@runtime_checkable
class HasMeanFunction(Protocol):
    """A fitted surrogate whose mean is a function that JAX can differentiate.

    Attributes:
        units: the maps of units.
    """

    units: Units

    def mean_function(self) -> Callable[[Any], Any]:
        """From (n, D) points on [0, 1] to the (n, L) mean in scaled units, row by row."""
        ...


def has_gradient(fitted: Any, name: str) -> bool:
    """Whether `gradient_of` can give the derivatives of a surrogate of the model with this name."""
    return name in WRITTEN_OUT or isinstance(fitted, HasGradient | HasMeanFunction)


def gradient_of(fitted: Any, name: str, points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n L D"]:
    """Derivatives of the predictive mean at scattered points, in units of the outputs per unit of the inputs.

    Args:
        fitted: the surrogate.
        name: that of its model, for the sentence where it has none.
        points: (n, D) in the order of the inputs.

    Raises:
        BinnError: if the model offers no derivative.
    """
    if isinstance(fitted, HasGradient):
        return fitted.gradient(points)
    if name in WRITTEN_OUT:
        from binn_cli.models.binn.fitted import FittedBinn
        from binn_cli.models.binn.gradient import mean_gradient

        assert isinstance(fitted, FittedBinn)
        return mean_gradient(fitted, points)
    if not isinstance(fitted, HasMeanFunction):
        raise BinnError(
            f"model={name} offers no derivative of its mean; take binn, gp, gp_sparse, gp_grid or a network"
        )
    units = fitted.units
    scaled = units.inputs(points, slice(None))
    found = _of_function(fitted.mean_function(), scaled, len(units.outputs.scale))
    return found * units.outputs.scale[:, None] / units.inputs.span


def _of_function(mean: Callable[[Any], Any], x: Float[np.ndarray, "n D"], outputs: int) -> Float[np.ndarray, "n L D"]:
    """Rows do not see one another, so that the gradient of a sum over rows is that of every row."""
    import jax

    slopes = jax.jit(jax.grad(lambda points, output: mean(points)[:, output].sum()))
    found = np.empty((len(x), outputs, x.shape[1]))
    size = min(len(x), POINTS_AT_ONCE)
    for begin in range(0, len(x), size):
        rows = np.minimum(np.arange(begin, begin + size), len(x) - 1)
        kept = slice(begin, min(begin + size, len(x)))
        for output in range(outputs):
            found[kept, output] = np.asarray(slopes(x[rows], output))[: kept.stop - begin]
    return found
