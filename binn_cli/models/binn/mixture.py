"""A mixture of decompositions of one output of a table: each predicts rows, their weights come from left-out rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.cp.blocks import BlockPosterior
from binn_cli.models.binn.cp.posterior import CpPosterior
from binn_cli.models.binn.limit.process import Process

Member = Process | CpPosterior | BlockPosterior

KINDS: dict[str, type] = {"limit": Process, "products": CpPosterior, "blocks": BlockPosterior}

ROWS_AT_ONCE = 2**16
"""Rows of a product of axes that are multiplied out at once."""


def mix(
    members: Sequence[tuple[Member, float]], x: Float[np.ndarray, "n D"], *, variance: bool = True
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Mean and variance of the function under a mixture; without `variance` the latter is zero."""
    if len(members) == 1:
        return members[0][0].moments(x, variance=variance)
    found = [member.moments(x, variance=variance) for member, _ in members]
    mean, spread = mixed(found, [weight for _, weight in members])
    return mean, spread if variance else np.zeros(len(x))


def mixed(
    moments: Sequence[tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]], weights: Sequence[float] | np.ndarray
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Mean and variance of a mixture from those of its members."""
    mean = np.sum([w * m for (m, _), w in zip(moments, weights, strict=True)], axis=0)
    return mean, np.sum([w * (v + (m - mean) ** 2) for (m, v), w in zip(moments, weights, strict=True)], axis=0)


@dataclass(frozen=True)
class Mixture:
    """One output of a table, in standardised units.

    Attributes:
        members: what predicts, and the weight of each.
        noise: σ².
        widening: factor on the variance of the function.
    """

    members: tuple[tuple[Member, float], ...]
    noise: float
    widening: float = 1.0

    def moments(
        self, points: Sequence[Float[np.ndarray, "n D"]], *, variance: bool = True
    ) -> tuple[Float[np.ndarray, "*n"], Float[np.ndarray, "*n"] | None]:
        """Mean and variance of the function on the product of axes, row by row."""
        sizes = [len(p) for p in points]
        total = int(np.prod(sizes))
        if len(points) == 1:
            mean, spread = mix(self.members, points[0], variance=variance)
            return mean, self.widening * spread if variance else None
        mean, spread = np.empty(total), np.empty(total)
        for begin in range(0, total, ROWS_AT_ONCE):
            rows = slice(begin, min(begin + ROWS_AT_ONCE, total))
            index = np.unravel_index(np.arange(rows.start, rows.stop), sizes)
            x = np.concatenate([p[i] for p, i in zip(points, index, strict=True)], axis=1)
            mean[rows], spread[rows] = mix(self.members, x, variance=variance)
        return mean.reshape(sizes), self.widening * spread.reshape(sizes) if variance else None

    def covariance(
        self, x: Float[np.ndarray, "n D"], other: Float[np.ndarray, "m D"] | None = None
    ) -> Float[np.ndarray, "n m"]:
        """Covariance of the function between rows, or between them and others."""
        if len(self.members) == 1:
            return self.widening * self.members[0][0].covariance(x, other)
        left, right = (self._differences(rows) for rows in (x, x if other is None else other))
        parts = [
            w * (member.covariance(x, other) + np.outer(m, n))
            for m, n, (member, w) in zip(left, right, self.members, strict=True)
        ]
        return self.widening * np.sum(parts, axis=0)

    def _differences(self, x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "M n"]:
        """By how much every member's mean differs from that of all."""
        means = np.stack([member.moments(x, variance=False)[0] for member, _ in self.members])
        return means - np.array([w for _, w in self.members]) @ means

    def tree(self) -> dict[str, Any]:
        """Names, arrays and numbers, for `/surrogate`."""
        members = {
            f"{i:03d}": {"kind": _kind(member), "weight": weight, **member.tree()}
            for i, (member, weight) in enumerate(self.members)
        }
        return {"members": members, "noise": self.noise, "widening": self.widening}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Mixture:
        """The mixture that `tree` described."""
        own = [tree["members"][key] for key in sorted(tree["members"])]
        members = tuple((KINDS[str(entry["kind"])].from_tree(entry), float(entry["weight"])) for entry in own)  # type: ignore[attr-defined]
        return cls(members, float(tree["noise"]), float(tree["widening"]))


def _kind(member: Member) -> str:
    return next(name for name, cls in KINDS.items() if isinstance(member, cls))
