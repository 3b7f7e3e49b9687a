"""What is unknown about whole cases: each as a few jointly normal coordinates, whose squares sum to those over its
points.

Cases that somebody may be asked for are many and cases that stand for all are few: covariances are computed between the
ones and the others, and only for coordinates and functions that hold a share of what is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int

from binn_cli.models.binn.limit.process import Process
from binn_cli.models.binn.mixture import Mixture
from binn_cli.models.binn.multilinear import mode_dot
from binn_cli.models.binn.tucker.fields import AxisFunctions
from binn_cli.models.binn.tucker.limit_functions import LimitFunctions
from binn_cli.models.binn.tucker.posterior import TuckerPosterior
from binn_cli.models.cores import one_blas_thread
from binn_cli.models.surrogate import CaseProcess

MOST_ENTRIES = 4096
"""Largest order of the covariance matrix of all cases together (134 MB)."""

NEGLIGIBLE_VARIANCE = 1e-4
"""Share of the variance of cases that the coordinates left out may hold, and of that the functions left out."""

Cases = Float[np.ndarray, "n D"]
Others = Float[np.ndarray, "m D"]


class CaseCoordinates(Protocol):
    """The coordinates of one output's cases."""

    def energy(self, cases: Cases) -> Float[np.ndarray, " r"]:
        """Variance of each, summed over cases."""
        ...

    def between(self, cases: Cases, others: Others) -> tuple[Float[np.ndarray, "n r m r"], Float[np.ndarray, "m r r"]]:
        """Their covariance between cases and others, and in each of the others."""
        ...

    def restricted(self, kept: Int[np.ndarray, " r"]) -> CaseCoordinates:
        """Some of them."""
        ...


@dataclass(frozen=True)
class PointCoordinates:
    """Values at some points of a case, of a posterior that predicts rows.

    Attributes:
        mixture: the posterior.
        points: (r, d) where in a case; (1, 0) where a case is a single row.
        share: how many points of the whole case each stands for.
    """

    mixture: Mixture
    points: Float[np.ndarray, "r d"]
    share: float

    @classmethod
    def of(cls, mixture: Mixture, axes: Sequence[Float[np.ndarray, "n D"]], most: int) -> PointCoordinates:
        """At most so many points of the product of axes, drawn in the same way every time."""
        sizes = [len(points) for points in axes]
        total = int(np.prod(sizes))
        count = min(total, most)
        drawn = np.arange(total)
        if count < total:
            drawn = np.sort(np.random.default_rng(0).choice(total, count, replace=False))
        index = np.unravel_index(drawn, sizes) if axes else ()
        taken = [points[i] for points, i in zip(axes, index, strict=True)]
        few = tuple((own.thinned if isinstance(own, Process) else own, w) for own, w in mixture.members)
        inside = np.concatenate([np.zeros((count, 0)), *taken], axis=1)
        return cls(replace(mixture, members=few), inside, total / count)

    def _rows(self, cases: Cases) -> Float[np.ndarray, "nr _"]:
        inside = np.tile(self.points, (len(cases), 1))
        return np.concatenate([inside, np.repeat(cases, len(self.points), axis=0)], axis=1)

    def energy(self, cases: Cases) -> Float[np.ndarray, " r"]:
        """See `CaseCoordinates`."""
        _, variance = self.mixture.moments([self._rows(cases)])
        assert variance is not None
        return self.share * variance.reshape(len(cases), -1).sum(axis=0)

    def between(self, cases: Cases, others: Others) -> tuple[Float[np.ndarray, "n r m r"], Float[np.ndarray, "m r r"]]:
        """See `CaseCoordinates`."""
        r, rows = len(self.points), self._rows(cases)
        there = rows if others is cases else self._rows(others)
        found = self.mixture.covariance(rows, None if others is cases else there).reshape(len(cases), r, len(others), r)
        if others is cases:
            own = np.einsum("nrns->nrs", found)
        elif r == 1:
            own = np.asarray(self.mixture.moments([there])[1])[:, None, None]
        else:
            own = np.stack([self.mixture.covariance(there[i : i + r]) for i in range(0, len(there), r)])
        return self.share * found, self.share * own

    def restricted(self, kept: Int[np.ndarray, " r"]) -> PointCoordinates:
        """See `CaseCoordinates`."""
        return replace(self, points=self.points[kept])


@dataclass(frozen=True)
class FunctionCoordinates:
    """Coordinates a = liftᵀ f of the functions f of the last axis of a Tucker decomposition.

    With the other axes' functions at their means a case is Σ_q T_q f^(q)(c); with L Lᵀ the Gram matrix of the T_q over
    the points of a case, the squared norm of Lᵀ f(c) is that of the case.

    Attributes:
        functions: of the last axis.
        turned: (r, E) from the independent directions of the functions to the coordinates.
        active: which of the directions hold a share of what is unknown.
    """

    functions: LimitFunctions | AxisFunctions
    turned: Float[np.ndarray, "r E"]
    active: Int[np.ndarray, " e"]

    @classmethod
    def of(
        cls, posterior: TuckerPosterior, axes: Sequence[Float[np.ndarray, "n D"]], cases: Cases
    ) -> FunctionCoordinates:
        """Those of cases that hold the product of axes; `cases` stand for all in saying which functions matter."""
        applied = posterior.core
        for axis, (functions, points) in enumerate(zip(posterior.functions[:-1], axes, strict=True)):
            table = functions.mean(points)
            applied = mode_dot(applied, table.T @ table, axis)
        width = posterior.core.shape[-1]
        gram = posterior.core.reshape(-1, width).T @ applied.reshape(-1, width)
        values, vectors = np.linalg.eigh(gram)
        last = posterior.functions[-1]
        assert isinstance(last, LimitFunctions | AxisFunctions)
        if isinstance(last, LimitFunctions):
            last = LimitFunctions(tuple(process.thinned for process in last.processes))
        turned = (vectors * np.sqrt(np.maximum(values, 0.0))).T @ last.directions
        energy = np.einsum("re,re->e", turned, turned) * _variances(last, cases).mean(axis=0)
        return cls(last, turned, largest(energy))

    def energy(self, cases: Cases) -> Float[np.ndarray, " r"]:
        """See `CaseCoordinates`."""
        return np.asarray(self.turned**2 @ _variances(self.functions, cases).sum(axis=0))

    def between(self, cases: Cases, others: Others) -> tuple[Float[np.ndarray, "n r m r"], Float[np.ndarray, "m r r"]]:
        """See `CaseCoordinates`."""
        own = self.turned[:, self.active]
        each, variances = self.functions.covariances(cases, None if others is cases else others, self.active)
        joint = np.einsum("re,se,enm->nrms", own, own, each, optimize=True)
        return joint, np.einsum("re,se,me->mrs", own, own, variances, optimize=True)

    def restricted(self, kept: Int[np.ndarray, " r"]) -> FunctionCoordinates:
        """See `CaseCoordinates`."""
        return replace(self, turned=self.turned[kept])


def _variances(functions: LimitFunctions | AxisFunctions, cases: Cases) -> Float[np.ndarray, "n E"]:
    found = functions.moments(cases, variance=True)[1]
    assert found is not None
    return found


def largest(energy: Float[np.ndarray, " n"]) -> Int[np.ndarray, " k"]:
    """The fewest entries, largest first, that leave out no more than a negligible share of the sum."""
    order = np.argsort(-energy)
    shown = np.cumsum(energy[order]) < (1.0 - NEGLIGIBLE_VARIANCE) * energy.sum()
    return order[: int(np.sum(shown)) + 1]


def joint_process(
    outputs: Sequence[CaseCoordinates],
    noise: Sequence[float],
    cases: Cases,
    scaled: Callable[[Float[np.ndarray, "m D"]], Cases],
) -> CaseProcess:
    """The coordinates of all outputs of some cases, as many of them as matter and fit.

    Args:
        outputs: the coordinates of each.
        noise: σ² of each.
        cases: in units of the domain.
        scaled: brings other cases to these units.
    """
    most = max(1, MOST_ENTRIES // (len(cases) * len(outputs)))
    kept = [own.restricted(largest(own.energy(cases))[:most]) for own in outputs]

    def compared(others: Others) -> tuple[np.ndarray, np.ndarray]:
        found = [own.between(cases, others) for own in kept]
        within = [own[:, :, None] for _, own in found]  # as cases of one
        return _joined([joint for joint, _ in found]), _joined(within)[:, :, 0]

    def reach(others: Float[np.ndarray, "m D"]) -> tuple[np.ndarray, np.ndarray]:
        with one_blas_thread():
            return compared(scaled(others))

    covariance, _ = compared(cases)
    widths = [len(own.energy(cases[:1])) for own in kept]
    return CaseProcess(covariance, np.repeat(noise, widths), reach=reach)


def _joined(blocks: Sequence[Float[np.ndarray, "n r m r"]]) -> Float[np.ndarray, "n s m s"]:
    """Coordinates of all outputs, which are independent of one another, side by side."""
    if len(blocks) == 1:
        return blocks[0]
    ends = np.cumsum([0, *(block.shape[1] for block in blocks)])
    whole = np.zeros((blocks[0].shape[0], ends[-1], blocks[0].shape[2], ends[-1]))
    for block, begin, end in zip(blocks, ends[:-1], ends[1:], strict=True):
        whole[:, begin:end, :, begin:end] = block
    return whole
