"""Models on top of a cheap solver: y(x) = ρ c(x) + δ(x), where c is what a surrogate has learned of the cheap solver
and the model learns δ, what the costly one adds (Kennedy and O'Hagan, Biometrika 87, 2000).

Of a table δ is a function of c too, δ(x, c(x)), so that it need not be linear in it (Perdikaris et al., Proceedings of
the Royal Society A 473, 2017). Fields keep their product of axes, of which c is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import RowChunks
from binn_cli.models.cheap import Cheap, joined, reshaped, rows_of, tables
from binn_cli.models.encoded import takes_variance
from binn_cli.models.gradient import gradient_of
from binn_cli.models.learning_on import learn_on
from binn_cli.models.surrogate import CaseProcess, FitReport, FittedSurrogate, KnowsCases, Prediction, Tree
from binn_cli.models.wrapping import Wrapping

TREND_SHARE = 0.1
"""What one case more that says ρ = 1 weighs beside the others, where a trend in the inputs is taken off."""
DRAWN, MARGIN = 512, 0.1
"""Points at which the range of c is looked for, and the share of that range by which it is widened."""
FIELD_POINTS = 16
"""Most points of a field that stand for a case where its points are learned as rows."""


def scale_of(cheap: Float[np.ndarray, "*points L"], data: ProductData) -> Float[np.ndarray, " L"]:
    """ρ of every output: by least squares, drawn towards 1 as by a further case.

    Of a table with enough rows a trend that is linear in the inputs is taken off both solvers first: the model learns
    it anyway, and it would hide what they have in common.

    Args:
        cheap: what the cheap solver says at the points of the data.
        data: of the costly solver.
    """
    rows = data.observed_rows
    c, y = (part.reshape(-1, part.shape[-1])[rows] for part in (cheap, data.values))
    points = data.axes[0].points[rows] if len(data.axes) == 1 else np.zeros((len(rows), 0))
    has_trend = points.shape[1] > 0 and len(rows) >= points.shape[1] + 3
    cases = data.axes[-1].size
    weight = ((c - c.mean(axis=0)) ** 2).sum(axis=0) / cases * (TREND_SHARE if has_trend else 1.0)
    spread = np.ptp(points, axis=0) if has_trend else np.ones(points.shape[1])
    trend = np.column_stack([np.ones(len(rows)), (points - points.mean(axis=0)) / np.where(spread > 0, spread, 1.0)])
    trend = trend if has_trend else trend[:, :1]
    c, y = (part - trend @ np.linalg.lstsq(trend, part, rcond=None)[0] for part in (c, y))
    both, own = (c * y).sum(axis=0) + weight, (c * c).sum(axis=0) + weight
    return np.where(own > 0, both / np.where(own > 0, own, 1.0), 1.0)


@dataclass(frozen=True)
class FittedOnCheap:
    """A fitted surrogate of what a costly solver adds to a cheap one.

    Attributes:
        cheap: what has learned the cheap solver.
        inner: the surrogate of the rest.
        rho: (L,) the factor of the cheap solver.
        as_input: whether what the cheap solver says is also an input of the rest.
        inputs, outputs: names, in the order of the costly solver's data.
        model: name of the model of the rest.
        warnings: sentences on the fit.
    """

    cheap: Cheap
    inner: Any
    rho: Float[np.ndarray, " L"]
    as_input: bool
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    model: str
    warnings: tuple[str, ...] = ()

    @property
    def report(self) -> FitReport:
        """That of the surrogate of the rest, and what it stands on."""
        found: FitReport = self.inner.report
        factors = ", ".join(f"{factor:.3g}" for factor in self.rho)
        also = ", and as an input" if self.as_input else ""
        said = f"on top of {self.cheap.run} (rho {factors}{also})"
        return replace(found, notes=(said, *self.warnings, *found.notes))

    @property
    def text_choices(self) -> dict[str, tuple[str, ...]]:
        """The texts that inputs may be, by their names."""
        return dict(getattr(self.inner, "text_choices", {}))

    def predict(self, axes: Sequence[Axis], *, variance: bool = True) -> Prediction:
        """See `PredictsMeans.predict`; the variance is that of the rest, and that of the cheap surrogate through all
        that depends on it."""
        if self.as_input:
            sizes = tuple(axis.size for axis in axes)
            whole = joined([self._at_rows(table, variance) for table in tables(axes, self.inputs)])
            return reshaped(whole, lambda part: part.reshape(*sizes, -1))
        cheap = self.cheap.predict(axes, self.outputs, variance=variance)
        rest = self._rest(axes, variance)
        return _sum(rest, cheap, self.rho, self.rho**2 * cheap.epistemic_var)

    def _at_rows(self, table: Axis, variance: bool) -> Prediction:
        cheap = self.cheap.predict((table,), self.outputs, variance=variance)
        rest = self._rest((with_cheap(table, cheap.mean, self.outputs),), variance)
        added = cheap.epistemic_var
        if variance:
            # To first order, by how much the answer moves when the cheap one moves by its standard deviation.
            added, std = np.zeros(cheap.mean.shape), np.sqrt(np.maximum(cheap.epistemic_var, 0.0))
            for k in range(len(self.outputs)):
                step = np.zeros_like(std)
                step[:, k] = std[:, k]
                above, below = (
                    self._rest((with_cheap(table, cheap.mean + sign * step, self.outputs),), False).mean
                    for sign in (1, -1)
                )
                added += ((above - below) / 2 + self.rho * step) ** 2
        return _sum(rest, cheap, self.rho, added)

    def _rest(self, axes: Sequence[Axis], variance: bool) -> Prediction:
        options = {} if variance or not takes_variance(self.inner) else {"variance": False}
        found: Prediction = self.inner.predict(axes, **options)
        return found

    def gradient(self, points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n L D"]:
        """See `models.gradient.HasGradient`."""
        slopes = self.cheap.gradient(points, self.inputs, self.outputs)
        through = self.rho[:, None] * slopes
        if not self.as_input:
            return gradient_of(self.inner, self.model, points) + through
        table = Axis("point", points, self.inputs)
        said = self.cheap.predict((table,), self.outputs, variance=False).mean
        rest = gradient_of(self.inner, self.model, with_cheap(table, said, self.outputs).points)
        own = len(self.inputs)
        return rest[:, :, :own] + np.einsum("nlk,nkd->nld", rest[:, :, own:], slopes) + through

    def state(self) -> Tree:
        """Both surrogates, so that nothing else is needed to predict."""
        return {
            "kind": "on_cheap",
            "rho": self.rho,
            "as_input": int(self.as_input),
            "inputs": np.array(self.inputs, dtype=str),
            "outputs": np.array(self.outputs, dtype=str),
            "cheap": self.cheap.tree,
            "inner": self.inner.state(),
        }


@dataclass(frozen=True)
class FittedOnCheapCases(FittedOnCheap):
    """One that also knows whole cases."""

    def case_process(self, axes: Sequence[Axis], cases: Axis) -> CaseProcess:
        """See `KnowsCases.case_process`: of the rest alone, since no costly simulation teaches the cheap surrogate."""
        if not self.as_input:
            found: CaseProcess = self.inner.case_process(axes, cases)
            return found
        # As rows, case by case; a few points stand for a field.
        size = int(np.prod([axis.size for axis in axes]))
        few = np.unique(np.linspace(0, size - 1, FIELD_POINTS).round().astype(int))
        chosen = (np.arange(cases.size)[:, None] * size + few).ravel()
        rows = rows_of((cases, *axes), self.inputs, chosen)
        said = self.cheap.predict((rows,), self.outputs, variance=False).mean
        process: CaseProcess = self.inner.case_process((), with_cheap(rows, said, self.outputs))
        points = rows.size // cases.size
        r = points * len(process.noise)
        covariance = process.covariance.reshape(cases.size, r, cases.size, r)
        return CaseProcess(covariance, np.tile(process.noise, points), process.compile_seconds)


def _sum(rest: Prediction, cheap: Prediction, rho: Float[np.ndarray, " L"], added: np.ndarray) -> Prediction:
    return Prediction(
        mean=rest.mean + rho * cheap.mean,
        epistemic_var=rest.epistemic_var + added / np.square(rest.unit),
        noise_var=rest.noise_var,
        compile_seconds=rest.compile_seconds + cheap.compile_seconds,
        unit=rest.unit,
    )


def with_cheap(table: Axis, said: Float[np.ndarray, "n L"], outputs: Sequence[str]) -> Axis:
    """Rows with what the cheap solver says there as further inputs."""
    names = []
    for output in outputs:
        name = f"cheap {output}"
        while name in table.coordinates:
            name = f"cheap {name}"
        names.append(name)
    points = np.column_stack([table.points, said])
    return Axis(table.name, points, (*table.coordinates, *names), (*table.units, *("" for _ in names)))


@dataclass(frozen=True)
class OnCheap(Wrapping):
    """A model that learns what a costly solver adds to a cheap one; `inner` is the model of the rest.

    Attributes:
        read: reads what has learned the cheap solver; called by the first fit.
        restored: the same out of `Cheap.tree`.
        choices: texts that inputs may be, by their names.
    """

    read: Callable[[], Cheap]
    restored: Callable[[Tree], Cheap]
    choices: Mapping[str, tuple[str, ...]]

    def fit(
        self,
        data: ProductData,
        warm_start: FittedSurrogate | None = None,
        *,
        domain: Float[np.ndarray, "D 2"] | None = None,
        capacity: int | None = None,
    ) -> FittedOnCheap:
        """See `Surrogate.fit`; ρ stays that of the round before.

        Raises:
            BinnError: if the cheap run cannot be read, or is of other inputs or outputs.
        """
        as_input = len(data.axes) == 1
        before = warm_start if isinstance(warm_start, FittedOnCheap) and warm_start.as_input == as_input else None
        cheap = self.read() if before is None else before.cheap
        cheap.require(data, self.choices)
        said = cheap.predict(data.axes, data.outputs, variance=False).mean
        rho = scale_of(said, data) if before is None else before.rho
        reach = _reach(cheap, data, said, domain) if as_input and domain is not None else domain
        fitted = self.inner.fit(
            _rest_of(data, said, rho, as_input),
            warm_start=None if before is None else before.inner,
            domain=reach,
            capacity=capacity,
        )
        warnings = cheap.beyond(data, domain)
        return _wrapped(cheap, fitted, rho, as_input, data.inputs, data.outputs, self.name, warnings)

    def update(self, fitted: FittedOnCheap, data: ProductData | RowChunks, forgetting: float = 1.0) -> FittedOnCheap:
        """See `learn_on`; ρ stays as it is.

        Raises:
            BinnError: if the model of the rest cannot learn on.
        """
        assert isinstance(data, ProductData), "rows in chunks are refused with the configuration"
        said = fitted.cheap.predict(data.axes, fitted.outputs, variance=False).mean
        rest = _rest_of(data, said, fitted.rho, fitted.as_input)
        grown = learn_on(self.inner, fitted.inner, rest, forgetting)
        kept = (fitted.rho, fitted.as_input, fitted.inputs, fitted.outputs, self.name)
        return _wrapped(fitted.cheap, grown, *kept, fitted.cheap.beyond(data, None) or fitted.warnings)

    def from_state(self, state: Tree) -> FittedOnCheap:
        """The fitted surrogate that `FittedOnCheap.state` described."""
        inputs, outputs = (tuple(str(name) for name in np.atleast_1d(state[key])) for key in ("inputs", "outputs"))
        inner = self.inner.from_state(state["inner"])
        rho = np.atleast_1d(np.asarray(state["rho"], dtype=float))
        as_input = bool(state["as_input"])
        return _wrapped(self.restored(state["cheap"]), inner, rho, as_input, inputs, outputs, self.name)


def _rest_of(
    data: ProductData, said: Float[np.ndarray, "*points L"], rho: Float[np.ndarray, " L"], as_input: bool
) -> ProductData:
    """What the model learns: what the costly solver adds."""
    axes = (with_cheap(data.axes[0], said, data.outputs),) if as_input else data.axes
    return replace(data, axes=axes, values=data.values - rho * said)


def _reach(
    cheap: Cheap, data: ProductData, said: Float[np.ndarray, "n L"], domain: Float[np.ndarray, "D 2"]
) -> Float[np.ndarray, "K 2"]:
    """The domain with the range of what the cheap solver says in it, at points mixed from values that inputs have."""
    random, points = np.random.default_rng(0), data.axes[0].points
    mixed = np.stack(
        [random.choice([*column, *ends], DRAWN) for column, ends in zip(points.T, domain, strict=True)], axis=1
    )
    there = cheap.predict((Axis("point", mixed, data.inputs),), data.outputs, variance=False).mean
    both = np.concatenate([said, there])
    low, high = both.min(axis=0), both.max(axis=0)
    margin = MARGIN * (high - low)
    return np.concatenate([domain, np.stack([low - margin, high + margin], axis=1)])


def _wrapped(cheap: Cheap, inner: Any, *rest: Any) -> FittedOnCheap:
    return (FittedOnCheapCases if isinstance(inner, KnowsCases) else FittedOnCheap)(cheap, inner, *rest)
