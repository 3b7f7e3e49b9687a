"""How inputs vary: distributions by name, cut off where the surrogate knows nothing.

Ends that are stated are kept to a little beyond the training range, since random runs never reach the ends of theirs;
tails are cut off at it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.stats

from binn_cli.errors import ConfigError
from binn_cli.tasks.questions.source import Source

REACH = 0.2
"""Share of the training range by which a stated end may lie beyond it."""
BARELY = 0.05
"""Share of it that is not worth a word."""
WORTH_SAYING = 1e-3
"""Probability beyond the training range from which on cutting it off is said."""


@dataclass(frozen=True)
class Marginal:
    """The distribution of one input.

    Attributes:
        name: of the input.
        low, high: where it is cut off.
        frozen: the whole distribution, as SciPy has it.
        cut: its probability outside.
        beyond: whether it reaches beyond the training range.
        levels: how many choices there are, each as likely as the others; 0 for a number.
    """

    name: str
    low: float
    high: float
    frozen: Any
    cut: float = 0.0
    beyond: bool = False
    levels: int = 0

    def at(self, probability: np.ndarray) -> np.ndarray:
        """Quantiles."""
        if self.levels:
            return np.minimum(np.floor(probability * self.levels), self.levels - 1)
        below, above = self.frozen.cdf(self.low), self.frozen.cdf(self.high)
        return np.clip(self.frozen.ppf(below + (above - below) * probability), self.low, self.high)

    def probability(self, values: np.ndarray) -> np.ndarray:
        """The distribution function."""
        if self.levels:
            return (np.floor(values) + 0.5) / self.levels
        below, above = self.frozen.cdf(self.low), self.frozen.cdf(self.high)
        return np.clip((self.frozen.cdf(values) - below) / (above - below), 0.0, 1.0)


@dataclass(frozen=True)
class Joint:
    """Independent inputs."""

    marginals: tuple[Marginal, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return tuple(marginal.name for marginal in self.marginals)

    def at(self, probability: np.ndarray) -> np.ndarray:
        """Points (…, d) at probabilities of the same shape."""
        return np.stack([m.at(probability[..., i]) for i, m in enumerate(self.marginals)], axis=-1)

    def remarks(self) -> tuple[str, ...]:
        """What was cut off."""
        cut = [
            f"the distribution of {m.name} is cut off at {m.low:g} to {m.high:g}, where the surrogate was trained"
            for m in self.marginals
            if m.cut > WORTH_SAYING
        ]
        beyond = [m.name for m in self.marginals if m.beyond]
        if beyond:
            cut.append(f"the surrogate extrapolates beyond its training range of {', '.join(beyond)}")
        return tuple(cut)


def joint_of(source: Source, key: str, names: Sequence[str], given: Mapping[str, Mapping[str, Any]] | None) -> Joint:
    """The distributions of some inputs.

    Raises:
        ConfigError: if one is of an input that is not asked for, or lies outside the training range.
    """
    source.require_among(key, names, given or ())
    return Joint(tuple(_marginal(source, key, name, (given or {}).get(name)) for name in names))


def _marginal(source: Source, key: str, name: str, given: Mapping[str, Any] | None) -> Marginal:
    if name in source.scope.choices:
        if given is not None:
            raise ConfigError(key, f"{name!r} is a choice, of which every one is as likely; leave it out")
        count = len(source.scope.choices[name])
        return Marginal(name, 0.0, count - 1.0, scipy.stats.randint(0, count), levels=count)
    low, high = source.range_of(name)
    if given is None:
        return Marginal(name, low, high, scipy.stats.uniform(low, high - low))
    frozen = _frozen(given, low, high)
    begin, end = (float(value) for value in frozen.support())
    known, slack = (low, high), REACH * (high - low)
    low = max(low - slack, begin) if begin > -np.inf and given["name"] != "lognormal" else low
    high = min(high + slack, end) if end < np.inf else high
    cut = float(frozen.cdf(low) + frozen.sf(high))
    if cut > 1 - 1e-9:
        where = f"its training range is {low:g} to {high:g}"
        raise ConfigError(f"{key}.{name}", f"has no probability where the surrogate was trained; {where}")
    gap = BARELY * (known[1] - known[0])
    beyond = max(low, begin) < known[0] - gap or min(high, end) > known[1] + gap
    return Marginal(name, max(low, begin), min(high, end), frozen, cut, beyond)


def _frozen(given: Mapping[str, Any], low: float, high: float) -> Any:
    name = given["name"]
    if name == "normal":
        return scipy.stats.norm(given["mean"], given["std"])
    if name == "lognormal":
        return scipy.stats.lognorm(np.log(given["factor"]), scale=given["median"])
    if name == "loguniform":
        return scipy.stats.loguniform(given["low"], given["high"])
    if name == "triangular":
        span = given["high"] - given["low"]
        return scipy.stats.triang((given["mode"] - given["low"]) / span, given["low"], span)
    begin, end = given.get("low", low), given.get("high", high)
    return scipy.stats.uniform(begin, end - begin)
