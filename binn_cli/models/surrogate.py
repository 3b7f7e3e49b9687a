"""The protocol of every model: `fit` returns a fitted surrogate, which predicts in original units and turns into plain
arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import RowChunks

Tree = Mapping[str, Any]
"""A surrogate as nested names, arrays (plain or `Labelled`), numbers and strings: what `/surrogate/` of a results file
holds."""


@dataclass(frozen=True)
class Labelled:
    """An array with a name for every dimension, under which programs that read the results file find it; numpy takes it
    as an array.

    Attributes:
        values: the array.
        dimensions: one name a dimension, each with one length among the arrays beside it.
    """

    values: np.ndarray
    dimensions: tuple[str, ...]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype, copy=copy)


@dataclass(frozen=True)
class Prediction:
    """A predictive distribution over a product of axes, in original units.

    Attributes:
        mean: (n_1, …, n_A, L) predictive mean.
        epistemic_var: same shape, variance due to what the model does not know; NaN where only the mean was asked for.
        noise_var: same shape, variance of the observation noise.
        compile_seconds: time that this prediction spent compiling.
        unit: (L,) in whose squares both variances are: 1 but for outputs so small or large that squares of them are no
            numbers.
    """

    mean: Float[np.ndarray, "*points L"]
    epistemic_var: Float[np.ndarray, "*points L"]
    noise_var: Float[np.ndarray, "*points L"]
    compile_seconds: float = 0.0
    unit: Float[np.ndarray, " L"] | float = 1.0

    @property
    def epistemic_std(self) -> Float[np.ndarray, "*points L"]:
        """Standard deviation due to what the model does not know."""
        return np.sqrt(self.epistemic_var) * self.unit

    @property
    def total_std(self) -> Float[np.ndarray, "*points L"]:
        """Standard deviation of a new observation."""
        return np.sqrt(self.epistemic_var + self.noise_var) * self.unit


ROUND_OFF = 1e-12
"""Share of a covariance matrix's trace that is added to its diagonal before it is inverted."""


@dataclass(frozen=True)
class CaseProcess:
    """What a surrogate does not know about n whole cases: r coordinates a case, whose squares sum to the squares over
    its points.

    Attributes:
        covariance: (n, r, n, r) posterior covariance of the coordinates, in standardised units.
        noise: (r,) variance with which simulating a case observes each coordinate.
        compile_seconds: time that computing this spent compiling.
        reach: gives, of m other cases, their (n, r, m, r) covariance with these and their (m, r, r) own; None where
            the model cannot tell without computing all together.
    """

    covariance: Float[np.ndarray, "n r n r"]
    noise: Float[np.ndarray, " r"]
    compile_seconds: float = 0.0
    reach: Reach | None = None

    def observed(self, case: int) -> CaseProcess:
        """The process after simulating a case: what comes out does not matter for the covariance, only that it is
        known."""
        gain = self._gain(case)
        lowered = np.tensordot(self.covariance[:, :, case], gain, axes=1).reshape(self.covariance.shape)
        reach = None if self.reach is None else _reach_after(self.reach, case, gain, self._known(case))
        return CaseProcess(self.covariance - lowered, self.noise, self.compile_seconds, reach)

    def _known(self, case: int) -> Float[np.ndarray, "r r"]:
        """K_cc + noise, with round-off kept from making the matrix singular."""
        return _regular(self.covariance[case, :, case][None] + np.diag(self.noise))[0]

    def _gain(self, case: int) -> Float[np.ndarray, "r nr"]:
        """(K_cc + noise)^-1 K_c."""
        with_case = self.covariance[:, :, case]  # (n, r, r)
        return np.linalg.solve(self._known(case), with_case.reshape(-1, with_case.shape[2]).T)

    def variances(self) -> Float[np.ndarray, " n"]:
        """Variance of each case, summed over its points."""
        return np.einsum("nrnr->n", self.covariance)

    def reductions(self, cases: Int[np.ndarray, " c"], over: slice = slice(None)) -> Float[np.ndarray, " c"]:
        """For each of the named cases, by how much simulating it lowers the variance summed over all cases, or those of
        `over`."""
        r = len(self.noise)
        return np.array(
            [np.sum(self._gain(case).T.reshape(-1, r, r)[over] * self.covariance[over, :, case]) for case in cases]
        )

    def variances_of(self, others: Float[np.ndarray, "m D"]) -> Float[np.ndarray, " m"]:
        """Variance of each of other cases, summed over its points."""
        assert self.reach is not None
        return np.einsum("mrr->m", self.reach(others)[1])

    def reductions_by(self, others: Float[np.ndarray, "m D"], over: slice = slice(None)) -> Float[np.ndarray, " m"]:
        """For each of other cases, by how much simulating it lowers the variance summed over all cases here, or those
        of `over`."""
        assert self.reach is not None
        cross, own = self.reach(others)
        with_case = np.moveaxis(cross[over], 2, 0).reshape(len(own), -1, own.shape[1])  # (m, nr, r)
        gain = np.linalg.solve(_regular(own + np.diag(self.noise)), with_case.swapaxes(1, 2))
        return np.einsum("mkr,mrk->m", with_case, gain)


Reach = Callable[[Float[np.ndarray, "m D"]], tuple[Float[np.ndarray, "n r m r"], Float[np.ndarray, "m r r"]]]


def _regular(matrices: Float[np.ndarray, "m r r"]) -> Float[np.ndarray, "m r r"]:
    added = ROUND_OFF * np.einsum("mrr->m", matrices) + np.finfo(float).tiny
    return matrices + added[:, None, None] * np.eye(matrices.shape[1])


def _reach_after(before: Reach, case: int, gain: Float[np.ndarray, "r nr"], known: Float[np.ndarray, "r r"]) -> Reach:
    """What covariances with other cases are after simulating a case."""

    def reach(others: Float[np.ndarray, "m D"]) -> tuple[np.ndarray, np.ndarray]:
        cross, own = before(others)
        seen = cross[case]  # (r, m, r)
        lowered = np.tensordot(gain.T, seen, axes=1).reshape(cross.shape)
        solved = np.linalg.solve(known, seen.reshape(len(seen), -1)).reshape(seen.shape)
        return cross - lowered, own - np.einsum("rms,rmt->mst", seen, solved)

    return reach


@runtime_checkable
class KnowsCases(Protocol):
    """A fitted surrogate that can say what simulating a case would teach it about the others."""

    def case_process(self, axes: Sequence[Axis], cases: Axis) -> CaseProcess:
        """The process over `cases`, each of which holds the product of `axes`."""
        ...


@dataclass(frozen=True)
class FitReport:
    """What a fit cost and how it went.

    Attributes:
        compile_seconds: time spent compiling, apart from the fit itself; 0 where nothing was compiled.
        fit_seconds: time of the fit without compilation.
        diagnostics: named arrays for `/diagnostics/`, such as the residual of every sweep.
        notes: sentences on what the model chose, such as which decomposition, for the console and the log.
    """

    compile_seconds: float
    fit_seconds: float
    diagnostics: Mapping[str, np.ndarray]
    notes: tuple[str, ...] = ()


@runtime_checkable
class FittedSurrogate(Protocol):
    """A surrogate that has learned; immutable."""

    @property
    def report(self) -> FitReport:
        """What the fit cost and how it went."""
        ...

    def predict(self, axes: Sequence[Axis]) -> Prediction:
        """The predictive distribution at every combination of the axes' points.

        The axes' coordinates are those of the training data, in the same order, but may be grouped into axes
        differently: one axis of all D coordinates predicts scattered points. A model may take `variance=False`; see
            `PredictsMeans`.
        """
        ...

    def state(self) -> Tree:
        """All that `from_state` of the same model needs to predict again."""
        ...


@runtime_checkable
class PredictsMeans(Protocol):
    """A fitted surrogate that is faster where nobody asks for the variance."""

    def predict(self, axes: Sequence[Axis], *, variance: bool = True) -> Prediction:
        """As `FittedSurrogate.predict`; without `variance` the epistemic variance is NaN."""
        ...


@runtime_checkable
class FitsRows(Protocol):
    """A model that can learn from rows that are read in chunks."""

    def fit_rows(self, rows: RowChunks, *, domain: Float[np.ndarray, "D 2"] | None = None) -> FittedSurrogate:
        """Learn from rows, in original units; without a domain that of the rows is used."""
        ...


def learnable(model: Surrogate, data: ProductData) -> ProductData:
    """The data as a model can learn them: a table of what was observed where values are missing and the model knows
    nothing of that.

    A model that does has the attribute `learns_incomplete = True`.
    """
    return data if data.observed is None or getattr(model, "learns_incomplete", False) else data.scattered()


@runtime_checkable
class Updates(Protocol):
    """A model whose surrogates learn on from more data without the old ones."""

    def remembers(self, fitted: FittedSurrogate) -> bool:
        """Whether `update` gives what a fit to all data would give."""
        ...

    def update(self, fitted: Any, data: ProductData | RowChunks, forgetting: float = 1.0) -> FittedSurrogate:
        """The surrogate after more data: its posterior given the old ones and the new ones."""
        ...


class Surrogate(Protocol):
    """A model with its hyperparameters, before it has seen data."""

    name: str

    def fit(
        self,
        data: ProductData,
        warm_start: FittedSurrogate | None = None,
        *,
        domain: Float[np.ndarray, "D 2"] | None = None,
        capacity: int | None = None,
    ) -> FittedSurrogate:
        """Learn from data, in original units.

        Args:
            data: the training data.
            warm_start: the surrogate of the round before, whose posterior mean becomes the prior mean.
            domain: smallest and largest value of each input that will ever be predicted; by default those of the data.
            capacity: the number of cases that the last axis will finally have, so that a model which compiles for a
                shape does so once.
        """
        ...

    def from_state(self, state: Tree) -> FittedSurrogate:
        """The fitted surrogate that `state` describes."""
        ...
