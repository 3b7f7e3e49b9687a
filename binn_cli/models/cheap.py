"""What has learned a cheap solver, asked by names: at axes, and for inputs and outputs, in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import BinnError
from binn_cli.models.encoded import takes_variance
from binn_cli.models.gradient import gradient_of
from binn_cli.models.scope import Scope
from binn_cli.models.surrogate import Prediction, Tree

ROWS_AT_ONCE = 2**16
"""Points that the cheap surrogate is asked about at once where they do not stand on axes of its own order."""


@dataclass(frozen=True)
class Cheap:
    """What has learned the cheap solver.

    Attributes:
        surrogate: the fitted surrogate.
        scope: its names, units and ranges.
        model: name of its model.
        run: the run that it is of, as the user named it.
        tree: all that restores it.
    """

    surrogate: Any
    scope: Scope
    model: str
    run: str
    tree: Tree

    def require(self, data: ProductData, choices: Mapping[str, tuple[str, ...]]) -> None:
        """Require that it is of the same inputs and outputs as the data of the costly solver.

        Args:
            data: those data.
            choices: texts that their inputs may be.

        Raises:
            BinnError: if a name, a unit or a choice differs.
        """
        scope, wrong = self.scope, list[str]()
        if missing := [name for name in data.inputs if name not in scope.inputs]:
            wrong.append(f"it has no input {', '.join(missing)}")
        if more := [name for name in scope.inputs if name not in data.inputs]:
            wrong.append(f"it has the input {', '.join(more)} besides")
        if missing := [name for name in data.outputs if name not in scope.outputs]:
            wrong.append(f"it has no output {', '.join(missing)}")
        units = dict(zip((*scope.inputs, *scope.outputs), (*scope.input_units, *scope.output_units), strict=True))
        own = [*(unit for axis in data.axes for unit in axis.units), *data.output_units]
        for name, unit in zip((*data.inputs, *data.outputs), own, strict=True):
            theirs = units.get(name, "")
            if unit and theirs and unit != theirs:
                wrong.append(f"{name} is in {theirs} there and in {unit} here")
        for name in data.inputs:
            if name in scope.inputs and scope.choices.get(name, ()) != choices.get(name, ()):
                wrong.append(f"the choices of {name} differ")
        if wrong:
            raise BinnError(
                f"dataset.cheap: {self.run} does not fit the data: {'; '.join(wrong)}; the cheap solver needs the same "
                f"inputs and outputs, by name"
            )

    def beyond(self, data: ProductData, domain: Float[np.ndarray, "D 2"] | None) -> tuple[str, ...]:
        """Sentences on inputs of the data, or of their domain, that reach beyond what it has learned."""
        own = Scope.of(data)
        low, high = own.low, own.high
        if domain is not None:
            low, high = np.fmin(low, domain[:, 0]), np.fmax(high, domain[:, 1])
        found = []
        for name, least, most in zip(data.inputs, low, high, strict=True):
            column = self.scope.inputs.index(name)
            if self.scope.outside(np.array([[least], [most]]), slice(column, column + 1)).any():
                known = f"{self.scope.low[column]:.6g} to {self.scope.high[column]:.6g}"
                found.append(
                    f"{name} reaches from {least:.6g} to {most:.6g}, but {self.run} knows {known}: the cheap solver is "
                    f"extrapolated there"
                )
        return tuple(found)

    def predict(self, axes: Sequence[Axis], outputs: Sequence[str], *, variance: bool = True) -> Prediction:
        """What it says at the product of axes that may stand in another order than its own.

        Args:
            axes: of the same inputs, by name.
            outputs: names of the outputs that are wanted, in their order.
            variance: whether the epistemic variance is wanted; NaN otherwise.
        """
        columns = [self.scope.outputs.index(name) for name in outputs]
        arranged = _in_order(axes, self.scope.inputs)
        if arranged is not None:
            own, back = arranged
            return reshaped(self._asked(own, variance), lambda part: np.transpose(part, (*back, -1))[..., columns])
        sizes = tuple(axis.size for axis in axes)
        parts = [self._asked((table,), variance) for table in tables(axes, self.scope.inputs)]
        return reshaped(joined(parts), lambda part: part.reshape(*sizes, -1)[..., columns])

    def gradient(
        self, points: Float[np.ndarray, "n D"], inputs: Sequence[str], outputs: Sequence[str]
    ) -> Float[np.ndarray, "n L D"]:
        """Derivatives of the mean, points and result in the given order of inputs and outputs."""
        there = [list(inputs).index(name) for name in self.scope.inputs]
        found = gradient_of(self.surrogate, self.model, points[:, there])
        columns = [self.scope.outputs.index(name) for name in outputs]
        return found[:, columns][:, :, [self.scope.inputs.index(name) for name in inputs]]

    def _asked(self, axes: Sequence[Axis], variance: bool) -> Prediction:
        options = {} if variance or not takes_variance(self.surrogate) else {"variance": False}
        found: Prediction = self.surrogate.predict(axes, **options)
        return found


def _in_order(axes: Sequence[Axis], inputs: Sequence[str]) -> tuple[tuple[Axis, ...], list[int]] | None:
    """The same axes in another order of inputs, and where each axis of the result was; None where they are no blocks of
    that order."""
    own = []
    for axis in axes:
        order = [int(i) for i in np.argsort([inputs.index(name) for name in axis.coordinates])]
        names, units = (tuple(part[i] for i in order) for part in (axis.coordinates, axis.units))
        own.append(replace(axis, points=axis.points[:, order], coordinates=names, units=units))
    places = sorted(range(len(own)), key=lambda a: inputs.index(own[a].coordinates[0]))
    if tuple(name for a in places for name in own[a].coordinates) != tuple(inputs):
        return None
    return tuple(own[a] for a in places), [places.index(a) for a in range(len(own))]


def tables(axes: Sequence[Axis], inputs: Sequence[str]) -> Iterator[Axis]:
    """All combinations of the axes' points (C order) as tables of at most so many rows."""
    total = int(np.prod([axis.size for axis in axes]))
    for begin in range(0, total, ROWS_AT_ONCE):
        yield rows_of(axes, inputs, np.arange(begin, min(begin + ROWS_AT_ONCE, total)))


def rows_of(axes: Sequence[Axis], inputs: Sequence[str], rows: Int[np.ndarray, " n"]) -> Axis:
    """Some combinations of the axes' points (flat indices, C order) as a table with the columns in an order of
    inputs."""
    index = np.unravel_index(rows, tuple(axis.size for axis in axes))
    table = np.concatenate([axis.points[i] for axis, i in zip(axes, index, strict=True)], axis=1)
    names = [name for axis in axes for name in axis.coordinates]
    units = [unit for axis in axes for unit in axis.units]
    order = [names.index(name) for name in inputs]
    return Axis("point", table[:, order], tuple(inputs), tuple(units[i] for i in order))


def joined(parts: Sequence[Prediction]) -> Prediction:
    """Predictions at tables of points as one."""
    return Prediction(
        mean=np.concatenate([part.mean for part in parts]),
        epistemic_var=np.concatenate([part.epistemic_var for part in parts]),
        noise_var=np.concatenate([part.noise_var for part in parts]),
        compile_seconds=sum(part.compile_seconds for part in parts),
        unit=parts[0].unit,
    )


def reshaped(found: Prediction, change: Callable[[np.ndarray], np.ndarray]) -> Prediction:
    """A prediction whose arrays have been changed alike."""
    return Prediction(
        mean=change(np.asarray(found.mean)),
        epistemic_var=change(np.asarray(found.epistemic_var)),
        noise_var=change(np.asarray(found.noise_var)),
        compile_seconds=found.compile_seconds,
        unit=found.unit,
    )
