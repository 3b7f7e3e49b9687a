"""The B-INN surrogate: from hyperparameters and data to a fitted surrogate, whatever the structure of the data."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import RowChunks, gathered
from binn_cli.errors import BinnError, DataError
from binn_cli.models.binn.bases.mirrored import FREE_ENDS
from binn_cli.models.binn.calibration import conformal_factors
from binn_cli.models.binn.completion import Completion, complete
from binn_cli.models.binn.fitted import FittedBinn
from binn_cli.models.binn.memory import Nothing, PastCases, Rows
from binn_cli.models.binn.mixture import Mixture
from binn_cli.models.binn.noise import SEEN_ROWS, learn_field
from binn_cli.models.binn.routes import decomposition, states_structure
from binn_cli.models.binn.rows.fit import fit_rows, refuse_whole_data, update_rows
from binn_cli.models.binn.stated import fit_products
from binn_cli.models.binn.table import SMALL_ROWS, Allowed, Earlier, TableFit, fit_table
from binn_cli.models.binn.tucker.cases import Cases
from binn_cli.models.binn.tucker.fit import Axes, Choices, TuckerModel, choose_axes, fit_tucker
from binn_cli.models.cores import one_blas_thread
from binn_cli.models.freed_memory import keep_freed_memory
from binn_cli.models.noise_field import NoiseField
from binn_cli.models.surrogate import FitReport, FittedSurrogate, Tree
from binn_cli.models.twins import side_by_side
from binn_cli.models.units import Units

DOUBLED, GROWN = 2.0, 1.25
"""The first choice of lengths and ranks is kept until there are twice as many cases, each later one until there are a
quarter more: until the first doubling a choice out of few cases is no better than another."""

UNEXPLAINED = 1e-5
"""Noise, as a share of the output's scale, below which nothing is left to explain that more functions could."""

BROKEN = 1e3
"""Factor by which the noise variance rises when new cases do not keep to the mirrors of the first."""

ROWS_SIDE_BY_SIDE = 2000
"""Rows of a table up to which two outputs are learned at once: of more, matrices of all pairs take the memory."""

KEPT_ROWS = 4000
"""Rows of a table that a surrogate keeps, to learn on from more."""

EXPLAINED = 0.3
"""Misfit of hidden values, relative to their spread, above which a tensor is not of low rank, and its values are a
table's."""

REFILLED = 3
ALIKE = 0.3
"""Gaps are filled again with what the fit says there, at most so often, until it says the same to this share of the
noise."""


@dataclass(frozen=True)
class Binn:
    """Bayesian Interpolating Neural Network with the given hyperparameters."""

    config: BinnConfig
    name: str = "binn"
    compiles: ClassVar[bool] = False
    learns_incomplete: ClassVar[bool] = True

    def fit(
        self,
        data: ProductData | RowChunks,
        warm_start: FittedSurrogate | None = None,
        *,
        domain: Float[np.ndarray, "D 2"] | None = None,
        capacity: int | None = None,
    ) -> FittedBinn:
        """Learn from data; see `Surrogate.fit`. Rows are read in chunks on every pass, and may exceed memory."""
        del capacity  # nothing is compiled for a shape
        keep_freed_memory()
        if not isinstance(data, ProductData):
            return self.fit_rows(data, domain=domain)
        if data.observed is not None:
            return self._fit_incomplete(data, warm_start, domain)
        if self.config.noise == "varying" and len(data.axes) > 1:
            if data.n_points > SMALL_ROWS:  # no rows are left out of a grid, and its ranks take strong noise for signal
                raise BinnError(
                    f"model.noise=varying is learned from tables, and from grids of at most {SMALL_ROWS:,} values, not "
                    f"{data.n_points:,}; take model.noise=learned, or dataset.structure=table and fewer rows"
                )
            data = data.scattered()
        began = time.perf_counter()
        before = warm_start if isinstance(warm_start, FittedBinn) else None
        units = before.units if before is not None else Units.of(data, domain, self._scaling(data))
        route = decomposition(self.config, data)
        with one_blas_thread():
            if route == "cp":
                fitted, diagnostics = fit_products(self.config, data, units, before)
            elif len(data.axes) == 1:
                fitted, diagnostics = self._fit_table(data, units, route, before)
            else:
                cases = Cases.of(data, units.outputs, self.config.compression)
                fitted, diagnostics = self._fit_cases(cases, units, route, before)
        if self.config.noise == "varying":
            fitted = _with_fields(fitted, data, diagnostics)
        return self._finish(fitted, diagnostics, data.n_points, began)

    def fit_rows(self, rows: RowChunks, *, domain: Float[np.ndarray, "D 2"] | None = None) -> FittedBinn:
        """Learn from rows that are read in chunks; see `binn_cli.models.binn.rows.fit`.

        So few that a surrogate keeps them anyway are learned as a table in memory is: with the limit, and judged by
        left-out rows.
        """
        if self.config.noise == "varying":
            raise BinnError("model.noise=varying is learned from data in memory; take learned for rows read in chunks")
        refuse_whole_data(self.config)
        if rows.n_points <= KEPT_ROWS and not states_structure(self.config):
            return self.fit(gathered(rows), domain=domain)
        return fit_rows(self.config, rows, domain)

    def remembers(self, fitted: FittedSurrogate) -> bool:
        """Whether `update` gives what a fit to all data would give."""
        return isinstance(fitted, FittedBinn) and isinstance(fitted.memory, Rows | PastCases)

    def update(self, fitted: FittedBinn, data: ProductData | RowChunks, forgetting: float = 1.0) -> FittedBinn:
        """The surrogate after more data: its posterior given the old ones and the new ones.

        Where it has kept what it learned from (cases of product data; the rows of a table, up to some thousand) it is
        what a fit to all of them gives with this surrogate as the warm start. Else the posterior of its weights is the
        prior of the new rows: exact with one input, linearised with several.

        Args:
            fitted: the surrogate so far.
            data: new cases on the same other axes, or new rows.
            forgetting: factor on the precision of everything learned so far, in (0, 1]; below 1 for data that drift.

        Raises:
            BinnError: if the factor is out of range, or the surrogate weighs all its data alike.
            DataError: if inputs or outputs are not those that were learned.
        """
        if not 0.0 < forgetting <= 1.0:
            raise BinnError(f"forgetting must be greater than 0 and at most 1, not {forgetting}")
        began, memory = time.perf_counter(), fitted.memory
        _same_shape(fitted, data)
        if isinstance(data, ProductData) and data.observed is not None:
            data = _filled(fitted, data) if isinstance(memory, PastCases) else data.scattered()
        if isinstance(memory, Rows) and not isinstance(data, ProductData) and data.n_points <= KEPT_ROWS:
            data = gathered(data)
        if isinstance(memory, PastCases) and isinstance(data, ProductData):
            if forgetting != 1.0:
                raise BinnError(f"forgetting is {forgetting}, but cases on a grid are all weighed alike")
            with one_blas_thread():
                cases = memory.cases.extended(data, fitted.units.outputs)
                route = "limit" if len(cases.axes[-1].coordinates) > 1 else self._route_of(fitted)
                grown, diagnostics = self._fit_cases(cases, fitted.units, route, fitted)
            grown = replace(grown, fields=fitted.fields)
            return self._finish(grown, diagnostics, cases.count, began)
        if isinstance(memory, Rows) and isinstance(data, ProductData) and forgetting == 1.0:
            x, y = data.table()
            together = Rows(np.concatenate([memory.inputs, x]), np.concatenate([memory.outputs, y]))
            if len(together.inputs) <= KEPT_ROWS:
                return self._refit(fitted, together, data, began)
        return update_rows(fitted, data, forgetting)

    def from_state(self, state: Tree) -> FittedBinn:
        """The surrogate that `FittedBinn.state` described."""
        return FittedBinn.from_state(state)

    def _fit_incomplete(
        self, data: ProductData, warm_start: FittedSurrogate | None, domain: Float[np.ndarray, "D 2"] | None
    ) -> FittedBinn:
        """Learn from a product with gaps: they are filled by the low rank of the rest, then with what the fit says
        there (the expectation step of Dempster, Laird and Rubin, 1977).

        Few values, and such as are not of low rank, are a table.
        """
        began, observed = time.perf_counter(), data.observed
        assert observed is not None
        if data.n_observed <= SMALL_ROWS or decomposition(self.config, data) == "cp":
            return self.fit(data.scattered(), warm_start, domain=domain)
        with one_blas_thread():
            outputs = [complete(data.values[..., i], observed, self.config.seed) for i in range(len(data.outputs))]
        if not all(_is_explained(own, data.values[observed, i]) for i, own in enumerate(outputs)):
            return self.fit(data.scattered(), warm_start, domain=domain)
        # Lengths, ranks and noise are chosen where filled values scatter as the others do: smooth ones would pass for
        # a smooth function of little noise.
        scatter = np.random.default_rng(self.config.seed).standard_normal(data.values.shape)
        scatter *= [own.residual for own in outputs]
        said = np.stack([own.values for own in outputs], axis=-1) + np.where(observed[..., None], 0.0, scatter)
        filled = replace(data, values=said, observed=None)
        fitted = self.fit(filled, warm_start, domain=domain)
        diagnostics: dict[str, Any] | None = None
        for _ in range(REFILLED):
            refilled = _filled(fitted, data)
            moved = np.mean((refilled.values - filled.values)[~observed] ** 2, axis=0)
            filled = refilled
            noise = fitted.noise * fitted.units.outputs.scale**2
            if np.all(moved <= ALIKE**2 * noise):
                break
            cases = Cases.of(filled, fitted.units.outputs, self.config.compression)
            with one_blas_thread():
                fitted, diagnostics = self._fit_cases(cases, fitted.units, self._route_of(fitted), fitted)
        if diagnostics is not None:
            fitted = self._finish(fitted, diagnostics, data.n_observed, began)
        share = data.n_observed / data.n_points
        note = f"filled {1 - share:.1%} of the combinations, which have no values, with what the others say there"
        report = replace(fitted.report, fit_seconds=time.perf_counter() - began, notes=(*fitted.report.notes, note))
        return _for_fewer(fitted, share).with_report(report)

    def _scaling(self, data: ProductData) -> str:
        """`auto`: outputs of a table are centred; fields are only if their mean is far from zero."""
        if self.config.output_scaling != "auto":
            return self.config.output_scaling
        return "standard" if len(data.axes) == 1 else "scale_or_standard"

    @staticmethod
    def _route_of(fitted: FittedBinn) -> str:
        posterior = fitted.posteriors[0]
        return "limit" if isinstance(posterior, Mixture) or posterior.in_limit else "tucker"

    def _fit_table(
        self, data: ProductData, units: Units, route: str, before: FittedBinn | None
    ) -> tuple[FittedBinn, dict[str, Any]]:
        x, y = data.table()
        return self._of_rows(Rows(x, y), units, route, before)

    def _refit(self, fitted: FittedBinn, rows: Rows, data: ProductData, began: float) -> FittedBinn:
        """A table after more rows: units, and where the search for hyperparameters begins, stay."""
        del data
        with one_blas_thread():
            again, diagnostics = self._of_rows(rows, fitted.units, "auto", fitted)
        return self._finish(again, diagnostics, len(rows.inputs), began)

    def _of_rows(
        self, rows: Rows, units: Units, route: str, before: FittedBinn | None
    ) -> tuple[FittedBinn, dict[str, Any]]:
        config = self.config
        allowed = Allowed(limit=route in ("auto", "limit", "tucker"), products=route in ("auto", "products"))
        x = units.inputs(rows.inputs, slice(None))
        y = (rows.outputs - units.outputs.shift) / units.outputs.scale

        def fit(output: int) -> TableFit:
            return fit_table(x, y[:, output], allowed, config.seed, before=_earlier(before, output))

        together = side_by_side if len(x) <= ROWS_SIDE_BY_SIDE else map
        fits = list(together(fit, range(y.shape[1])))
        kept = rows if len(rows.inputs) <= KEPT_ROWS else Nothing()
        posteriors = tuple(Mixture(fit.members, fit.noise, fit.widening) for fit in fits)
        fitted = FittedBinn(
            units, posteriors, kept, np.ones(len(fits)), FitReport(0.0, 0.0, {}), tuple(fit.choice for fit in fits),
            tuple(fit.scores for fit in fits),
        )  # fmt: skip
        dimensions = x.shape[1]
        diagnostics = {
            "effective_parameters": np.array([fit.parameters for fit in fits]),
            "length_scales": np.exp(np.stack([fit.choice.theta[:dimensions] for fit in fits])),
            "stretch_rates": np.stack([fit.choice.rates for fit in fits]),
            "widening": np.array([fit.widening for fit in fits]),
            "settled": np.array([fit.settled for fit in fits], dtype=float),
            "taken": [_sentence(fit) for fit in fits],
        }
        if config.noise == "varying":
            learned = [learn_field(x[fit.rows], fit.misses, fit.spread, fit.noise) for fit in fits]
            fitted = _noisy(fitted, learned)
        return fitted, diagnostics

    def _fit_cases(
        self, cases: Cases, units: Units, route: str, before: FittedBinn | None
    ) -> tuple[FittedBinn, dict[str, Any]]:
        chosen_at: tuple[int, ...] = ()
        earlier: Choices | None = None
        count = cases.axes[-1].size
        if before is not None and isinstance(before.memory, PastCases) and before.choices is not None:
            chosen_at = before.memory.chosen_at
            if not self._outgrown(count, chosen_at, before.noise):
                earlier = before.choices
        if earlier is None:
            axes = choose_axes(self.config, cases, units.inputs, limit=route == "limit")
            chosen_at = (*chosen_at, count)
        else:
            axes = earlier.axes
        model = fit_tucker(self.config, cases, axes, units.inputs, earlier)
        if earlier is not None and before is not None and self._broken(axes, model, before.noise):
            axes = choose_axes(self.config, cases, units.inputs, limit=route == "limit")
            chosen_at = (*chosen_at, count)
            model = fit_tucker(self.config, cases, axes, units.inputs)
        posteriors = model.posteriors
        fitted = FittedBinn(
            units,
            posteriors,
            PastCases(cases, chosen_at),
            np.ones(len(posteriors)),
            FitReport(0.0, 0.0, {}),
            (),
            (),
            model.choices,
        )
        chosen = [b for b in model.choices.axes.bases if b is not None]
        diagnostics = {
            "residual": _padded([fit.residual for fit in model.fits]),
            "sweeps": np.array([len(fit.residual) for fit in model.fits]),
            "effective_parameters": np.array([fit.degrees for fit in model.fits]),
            "tucker_ranks": np.asarray(model.choices.axes.ranks),
            "length_scales": np.array([b.length for b in chosen]),
            "stretch_rates": np.array([b.rate for b in chosen]),
            "mirrored_ends": np.array([getattr(b.basis, "ends", FREE_ENDS) for b in chosen]),
            "settled": np.array([fit.settled for fit in model.fits], dtype=float),
            "taken": [_axes_sentence(model.choices, [axis.name for axis in cases.axes])],
        }
        for b in chosen if earlier is None else ():
            diagnostics.update(b.trace)
        return fitted, diagnostics

    def _outgrown(self, cases: int, chosen_at: tuple[int, ...], noise: Float[np.ndarray, " L"]) -> bool:
        """Whether lengths and ranks should be chosen again."""
        if not chosen_at:
            return True
        factor = DOUBLED if len(chosen_at) == 1 else GROWN
        return cases >= factor * chosen_at[-1] and float(np.max(noise)) > UNEXPLAINED**2

    def _broken(self, axes: Axes, model: TuckerModel, noise: Float[np.ndarray, " L"]) -> bool:
        """Whether a wall is none any more: the fields of new cases are neither odd nor even where those before were."""
        now = np.array([fit.noise for fit in model.fits])
        mirrored = any(b is not None and any(getattr(b.basis, "ends", FREE_ENDS)) for b in axes.bases)
        return mirrored and bool(np.any((now > BROKEN * noise) & (now > UNEXPLAINED**2)))

    def _finish(self, fitted: FittedBinn, diagnostics: dict[str, Any], points: int, began: float) -> FittedBinn:
        if self.config.calibration == "conformal":
            fitted = replace(fitted, calibration=conformal_factors(fitted))
        taken = diagnostics.pop("taken", [])
        diagnostics["noise_std"] = np.sqrt(fitted.noise) * fitted.units.outputs.scale
        arrays = {name: np.asarray(value) for name, value in diagnostics.items()}
        report = FitReport(0.0, time.perf_counter() - began, arrays, tuple(dict.fromkeys(taken)))
        return fitted.with_report(report)


def _earlier(before: FittedBinn | None, output: int) -> Earlier | None:
    """What an earlier surrogate of a table knew of an output."""
    if before is None or not before.limits:
        return None
    posterior = before.posteriors[output]
    return Earlier.of(before.limits[output], posterior.members if isinstance(posterior, Mixture) else ())


def _with_fields(fitted: FittedBinn, data: ProductData, diagnostics: dict[str, Any]) -> FittedBinn:
    """The surrogate with noise that varies, where that was not learned from left-out rows: from the misfit at what it
    has seen, enlarged by the parameters that this cost."""
    if fitted.fields:
        return fitted
    count = data.n_points
    rows = np.sort(np.random.default_rng(0).choice(count, min(SEEN_ROWS, count), replace=False))
    x, y = data.table(rows)
    mean = fitted.predict((Axis("point", x, data.inputs),), variance=False).mean
    misses = (y - mean) / fitted.units.outputs.scale
    parameters = np.asarray(diagnostics["effective_parameters"]).reshape(len(fitted.posteriors), -1).sum(axis=1)
    misses /= np.sqrt(np.maximum(1.0 - parameters / count, 0.05))
    scaled, none = fitted.units.inputs(x, slice(None)), np.zeros(len(x))
    learned = [learn_field(scaled, misses[:, i], none, float(own)) for i, own in enumerate(fitted.noise)]
    return _noisy(fitted, learned)


def _noisy(fitted: FittedBinn, learned: Sequence[tuple[float, NoiseField]]) -> FittedBinn:
    posteriors = tuple(replace(own, noise=noise) for own, (noise, _) in zip(fitted.posteriors, learned, strict=True))
    return replace(fitted, posteriors=posteriors, fields=tuple(field for _, field in learned))


def _is_explained(found: Completion, values: Float[np.ndarray, " n"]) -> bool:
    return found.misfit <= EXPLAINED * float(np.std(values))


def _filled(fitted: FittedBinn, data: ProductData) -> ProductData:
    """Cases whose gaps hold what a surrogate says there."""
    assert data.observed is not None
    said = fitted.predict(data.axes, variance=False).mean
    return replace(data, values=np.where(data.observed[..., None], data.values, said), observed=None)


def _for_fewer(fitted: FittedBinn, share: float) -> FittedBinn:
    """The surrogate of which only a share of the values were observed: what was filled in fits too well, so the noise
    is larger, and so is the posterior's variance, which has fewer values to rest on as well."""
    posteriors = tuple(replace(own, noise=own.noise * share) for own in fitted.posteriors)
    return replace(fitted, posteriors=posteriors, calibration=fitted.calibration / share)


def _same_shape(fitted: FittedBinn, data: ProductData | RowChunks) -> None:
    asked = len(data.inputs), len(data.outputs)
    known = fitted.units.dimensions, len(fitted.posteriors)
    if asked != known:
        raise DataError(
            f"the new data have {asked[0]} inputs and {asked[1]} outputs, but the surrogate has learned {known[0]} "
            f"and {known[1]}"
        )


def _sentence(fit: TableFit) -> str:
    """What was taken, and what the others would have given."""
    best = sorted(fit.candidates, key=lambda c: -c.density)
    taken = [f"{c.name} {c.weight:.0%}" for c in sorted(fit.candidates, key=lambda c: -c.weight) if c.weight]
    others = [f"{c.name} {c.density:.2f}" for c in best]
    return f"took {', '.join(taken)}; log density of a left-out row: {', '.join(others)}"


def _axes_sentence(choices: Choices, names: Sequence[str]) -> str:
    """How the axes of product data are represented."""
    *fields, cases = ((str(rank), "function" if rank == 1 else "functions") for rank in choices.axes.ranks)
    last = f"{' '.join(cases)} of the cases" + (" in the limit" if choices.axes.limit else "")
    word = fields[0][1] if len(fields) == 1 else "functions"
    taken = f"took {' x '.join(rank for rank, _ in fields)} {word} of the field's axes, {last}"
    ends = [FREE_ENDS if b is None else getattr(b.basis, "ends", FREE_ENDS) for b in choices.axes.bases]
    where = {"both ends": (True, True), "the low end": (True, False), "the high end": (False, True)}
    mirrored = [
        f"{words} of {' and '.join(found)}"
        for words, kind in where.items()
        if (found := [name for name, own in zip(names, ends, strict=True) if (own[0] != 0, own[1] != 0) == kind])
    ]
    return f"{taken}; odd or even at {', '.join(mirrored)}" if mirrored else taken


def _padded(histories: Sequence[Float[np.ndarray, " s"]]) -> Float[np.ndarray, "L S"]:
    """Histories of different lengths in one table, NaN where there is nothing."""
    longest = max(len(h) for h in histories)
    return np.stack([np.pad(h, (0, longest - len(h)), constant_values=np.nan) for h in histories])
