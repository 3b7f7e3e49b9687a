"""What is asked: a surrogate with the names, units and ranges of what it is of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, Protocol, runtime_checkable

import numpy as np

from binn_cli.config.ranges import did_you_mean
from binn_cli.datasets.product import Axis
from binn_cli.errors import BinnError, ConfigError
from binn_cli.models.scope import Scope
from binn_cli.results.recorder import Recorder

COMBINATIONS = 2**17
"""Points that are predicted in one call."""

Names = tuple[str, ...]
Moments = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Mean, epistemic variance and noise variance."""


@dataclass(frozen=True)
class Group:
    """Inputs that vary together.

    Attributes:
        names: of the inputs.
        points: (n, k) their values.
    """

    names: Names
    points: np.ndarray


@dataclass(frozen=True)
class Source:
    """The surrogate of a run.

    Attributes:
        surrogate: the fitted surrogate; None while no more is known than what it is of.
        scope: names, units and ranges.
        model: name of its model.
        name: the run, as the user named it.
        trained: how many points it was trained on; 0 for an equation.
    """

    surrogate: Any
    scope: Scope
    model: str
    name: str
    trained: int = 0

    def column(self, key: str, name: str) -> int:
        """Which input a name is.

        Raises:
            ConfigError: if it is none.
        """
        inputs = self.scope.inputs
        if name not in inputs:
            raise ConfigError(key, f"{name!r} is no input of {self.name}: {_list(inputs)}{did_you_mean(name, inputs)}")
        return inputs.index(name)

    def output(self, key: str, name: str) -> int:
        """Which output a name is.

        Raises:
            ConfigError: if it is none.
        """
        outputs = self.scope.outputs
        if name not in outputs:
            problem = f"{name!r} is no output of {self.name}: {_list(outputs)}{did_you_mean(name, outputs)}"
            raise ConfigError(key, problem)
        return outputs.index(name)

    def require_among(self, key: str, names: Sequence[str], given: Iterable[str]) -> None:
        """Require that names given by a setting are inputs, and among those in question.

        Raises:
            ConfigError: if one is not.
        """
        for name in given:
            self.column(key, name)
            if name not in names:
                raise ConfigError(key, f"{name!r} is none of the inputs in question: {', '.join(names)}")

    def range_of(self, name: str) -> tuple[float, float]:
        """The training range of an input.

        Raises:
            BinnError: if it is not known.
        """
        column = self.scope.inputs.index(name)
        low, high = float(self.scope.low[column]), float(self.scope.high[column])
        if not np.isfinite([low, high]).all():
            raise BinnError(f"{self.name}: does not say on which range of {name} it was trained; run it anew")
        return low, high

    def unit(self, table: np.ndarray) -> np.ndarray:
        """Points (n, D) on the unit cube of the training ranges."""
        span = self.scope.high - self.scope.low
        return (table - self.scope.low) / np.where(span > 0, span, 1.0)

    @property
    def parameters(self) -> Names:
        """The inputs of a case where the surrogate is of fields, else all."""
        widths = self.scope.widths
        return self.scope.inputs[-widths[-1] :] if len(widths) > 1 else self.scope.inputs

    def mean(self, groups: Sequence[Group]) -> np.ndarray:
        """The mean (n_1, …, n_G, L) at all combinations of the points of groups of inputs."""
        return self._at(groups, variance=False)[0]

    def moments(self, groups: Sequence[Group]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and epistemic standard deviation (n_1, …, n_G, L) at all combinations of the points of groups."""
        mean, epistemic, _ = self.variances(groups)
        return mean, np.sqrt(epistemic)

    def variances(self, groups: Sequence[Group]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean, epistemic variance and noise variance (n_1, …, n_G, L) at all combinations of the points of groups."""
        return self._at(groups, variance=True)

    def table(self, groups: Sequence[Group]) -> np.ndarray:
        """All combinations of the groups' points (N, D), in the surrogate's own order of inputs."""
        sizes = [len(group.points) for group in groups]
        index = np.unravel_index(np.arange(int(np.prod(sizes))), sizes)
        joined = np.concatenate([group.points[i] for group, i in zip(groups, index, strict=True)], axis=1)
        return joined[:, self._order(groups)]

    def _order(self, groups: Sequence[Group]) -> list[int]:
        names = [name for group in groups for name in group.names]
        return [names.index(name) for name in self.scope.inputs]

    def _at(self, groups: Sequence[Group], *, variance: bool) -> Moments:
        sizes = [len(group.points) for group in groups]
        first = groups[0]
        step = max(1, COMBINATIONS // max(1, int(np.prod(sizes[1:]))))
        parts = []
        for begin in range(0, sizes[0], step):
            some = Group(first.names, first.points[begin : begin + step])
            parts.append(self._predicted([some, *groups[1:]], variance))
        mean, epistemic, noise = (np.concatenate(own) for own in zip(*parts, strict=True))
        return mean, epistemic, noise

    def _predicted(self, groups: Sequence[Group], variance: bool) -> Moments:
        """On axes, where the groups are blocks of the inputs in their own order; on a table otherwise."""
        inputs = self.scope.inputs
        if bare := [g for g, group in enumerate(groups) if not group.names]:
            # Repetitions without an input of their own.
            found = self._predicted([group for group in groups if group.names], variance)
            full = (*(len(group.points) for group in groups), len(self.scope.outputs))
            return tuple(np.broadcast_to(np.expand_dims(part, bare), full) for part in found)  # type: ignore[return-value]
        order = sorted(range(len(groups)), key=lambda g: inputs.index(groups[g].names[0]))
        own = [groups[g] for g in order]
        sizes = tuple(len(group.points) for group in groups)
        if tuple(name for group in own for name in group.names) == inputs:
            axes = [Axis(f"axis {i}", group.points, group.names) for i, group in enumerate(own)]
            back = [*np.argsort(order), len(groups)]
            return tuple(np.transpose(part, back) for part in self._asked(axes, variance))  # type: ignore[return-value]
        found = self._asked([Axis("point", self.table(groups), inputs)], variance)
        return tuple(part.reshape(*sizes, -1) for part in found)  # type: ignore[return-value]

    def _asked(self, axes: Sequence[Axis], variance: bool) -> Moments:
        knows = not variance and "variance" in signature(self.surrogate.predict).parameters
        found = self.surrogate.predict(axes, **({"variance": False} if knows else {}))
        mean = np.asarray(found.mean, dtype=float)
        if not variance:
            return mean, np.zeros(mean.shape), np.zeros(mean.shape)
        squared = np.square(found.unit)
        epistemic, noise = (np.asarray(part * squared) for part in (found.epistemic_var, found.noise_var))
        return mean, np.maximum(epistemic, 0.0), np.broadcast_to(noise, mean.shape)


@runtime_checkable
class Question(Protocol):
    """A task that asks the surrogate of a run."""

    def ask(self, source: Source, recorder: Recorder) -> None:
        """Answer and record.

        Raises:
            BinnError: if the question cannot be asked of this surrogate.
        """
        ...


def grid_groups(source: Source, names: Sequence[str], most: int, *, middles: bool = False) -> list[Group]:
    """A group per input with evenly spaced points over its range (all of its choices, of texts), so many combinations
    at most; with both ends, or in the middles of equal parts, whose plain mean is that over the range."""
    if not names:
        return []
    count = max(1, int(most ** (1.0 / len(names)) + 1e-9))
    groups = []
    for name in names:
        if name in source.scope.choices:
            points = np.arange(len(source.scope.choices[name]), dtype=float)
        else:
            low, high = source.range_of(name)
            places = np.linspace(0.0, 1.0, count) if count > 1 and not middles else (np.arange(count) + 0.5) / count
            points = low + (high - low) * places if high > low else np.array([low])
        groups.append(Group((name,), points[:, None]))
    return groups


def _list(names: Sequence[str], most: int = 20) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
