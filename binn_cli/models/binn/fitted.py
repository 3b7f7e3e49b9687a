"""A B-INN after its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis
from binn_cli.errors import BinnError
from binn_cli.models.binn.bases.base import Basis
from binn_cli.models.binn.bases.build import basis_of, basis_tree
from binn_cli.models.binn.case_coordinates import (
    MOST_ENTRIES,
    CaseCoordinates,
    FunctionCoordinates,
    PointCoordinates,
    joint_process,
)
from binn_cli.models.binn.limit.table import LimitChoice
from binn_cli.models.binn.memory import Memory, memory_from_tree
from binn_cli.models.binn.mixture import ROWS_AT_ONCE, Mixture
from binn_cli.models.binn.tucker.fit import Choices
from binn_cli.models.binn.tucker.posterior import TuckerPosterior
from binn_cli.models.cores import one_blas_thread
from binn_cli.models.freed_memory import keep_freed_memory
from binn_cli.models.noise_field import NoiseField
from binn_cli.models.surrogate import CaseProcess, FitReport, Prediction, Tree
from binn_cli.models.units import Units

Posterior = Mixture | TuckerPosterior

VERSION = 3
"""Of what `state` writes; a later one may mean something else by the same names."""


@dataclass(frozen=True)
class FittedBinn:
    """A B-INN after its data; immutable.

    Attributes:
        units: the maps of inputs and outputs.
        posteriors: of every output, in standardised units.
        memory: what the surrogate keeps of its data, to learn on from more.
        calibration: (L,) factor on every standard deviation, 1 unless conformal calibration was asked for.
        report: cost and diagnostics of the fit.
        limits: of every output of a table the hyperparameters of the limit, from which a fit to more rows goes on.
        scores: of every output of a table by how many standard deviations every row was missed by a fit without it.
        choices: of product data what a fit to more cases goes on from.
        stated: bases and number of modes of a sum of products that was stated.
        fields: of every output how its noise varies over the inputs; none where it is the same everywhere.
    """

    units: Units
    posteriors: tuple[Posterior, ...]
    memory: Memory
    calibration: Float[np.ndarray, " L"]
    report: FitReport
    limits: tuple[LimitChoice, ...] = ()
    scores: tuple[np.ndarray | None, ...] = ()
    choices: Choices | None = None
    stated: tuple[tuple[Basis, ...], int] | None = None
    fields: tuple[NoiseField, ...] = ()

    @property
    def noise(self) -> Float[np.ndarray, " L"]:
        """σ² of every output in standardised units."""
        return np.array([posterior.noise for posterior in self.posteriors])

    def predict(self, axes: Sequence[Axis], *, variance: bool = True) -> Prediction:
        """The predictive distribution on the product of the axes, in original units; without `variance` the mean alone.

        Raises:
            DataError: if the axes have not the D coordinates that were learned.
        """
        keep_freed_memory()
        points = self.units.axes(axes)
        with one_blas_thread():
            found = [posterior.moments(points, variance=variance) for posterior in self.posteriors]
        mean = np.stack([m for m, _ in found], axis=-1)
        scale, unit, wider = self.units.outputs.scale, self.units.outputs.variance_unit, self.calibration**2
        mean *= scale
        mean += self.units.outputs.shift
        spread = np.broadcast_to(np.nan, mean.shape)
        if variance:
            spread = np.stack([v for _, v in found if v is not None], axis=-1)
            spread *= (scale / unit) ** 2 * wider
        noise = np.broadcast_to(self.noise * (scale / unit) ** 2 * wider, mean.shape)
        return Prediction(mean, spread, noise * self._factors(points) if self.fields else noise, unit=unit)

    def _factors(self, points: Sequence[Float[np.ndarray, "n D"]]) -> Float[np.ndarray, "*n L"]:
        """By what the noise variance of every output is multiplied on the product of axes."""
        sizes = [len(p) for p in points]
        found = np.empty((int(np.prod(sizes)), len(self.fields)))
        for begin in range(0, len(found), ROWS_AT_ONCE):
            rows = slice(begin, min(begin + ROWS_AT_ONCE, len(found)))
            index = np.unravel_index(np.arange(rows.start, rows.stop), sizes)
            x = np.concatenate([p[i] for p, i in zip(points, index, strict=True)], axis=1)
            found[rows] = np.column_stack([field.factors(x)[:, 0] for field in self.fields])
        return found.reshape(*sizes, len(self.fields))

    def case_process(self, axes: Sequence[Axis], cases: Axis) -> CaseProcess:
        """What is unknown about whole cases, as a small Gaussian process over the case axis."""
        *points, scaled = self.units.axes((*axes, cases))
        most = max(1, MOST_ENTRIES // (len(scaled) * len(self.posteriors)))
        outputs: list[CaseCoordinates] = [
            PointCoordinates.of(own, points, most)
            if isinstance(own, Mixture)
            else FunctionCoordinates.of(own, points, scaled)
            for own in self.posteriors
        ]

        def to_units(others: Float[np.ndarray, "m D"]) -> Float[np.ndarray, "m D"]:
            return self.units.axes((*axes, replace(cases, points=others)))[-1]

        with one_blas_thread():
            return joint_process(outputs, [own.noise for own in self.posteriors], scaled, to_units)

    def state(self) -> Tree:
        """All that predicts and all that learns on, as plain arrays."""
        outputs = {
            f"{i:03d}": {"kind": "mixture" if isinstance(p, Mixture) else "tucker", **p.tree()}
            for i, p in enumerate(self.posteriors)
        }
        tree: dict[str, Any] = {
            "kind": "binn", "version": VERSION, **self.units.tree(), "outputs": outputs, "memory": self.memory.tree(),
            "calibration": self.calibration,
        }  # fmt: skip
        if self.limits:
            tree["limits"] = {f"{i:03d}": choice.tree() for i, choice in enumerate(self.limits)}
        if self.choices is not None:
            tree["choices"] = self.choices.tree()
        if self.stated is not None:
            tree["stated"] = {"modes": self.stated[1]} | {
                f"{d:03d}": basis_tree(b) for d, b in enumerate(self.stated[0])
            }
        if self.fields:
            tree["fields"] = {f"{i:03d}": field.tree() for i, field in enumerate(self.fields)}
        return tree

    @classmethod
    def from_state(cls, tree: Mapping[str, Any]) -> FittedBinn:
        """The surrogate that `state` described; its report is empty, since nothing was fitted here.

        Raises:
            BinnError: if it was written by a version of the program whose surrogates this one cannot read.
        """
        if "outputs" not in tree:
            raise BinnError("the surrogate was written by an older version of the program; fit the model again")
        if int(tree.get("version", VERSION)) > VERSION:
            version = int(tree["version"])
            raise BinnError(f"the surrogate is of version {version}, this program reads up to {VERSION}; update binn")
        posteriors: list[Posterior] = []
        for key in sorted(tree["outputs"]):
            own = tree["outputs"][key]
            kind = Mixture if str(own["kind"]) == "mixture" else TuckerPosterior
            posteriors.append(kind.from_tree(own))
        units, memory = Units.from_tree(tree), memory_from_tree(tree["memory"])
        limits = tuple(LimitChoice.from_tree(tree["limits"][key]) for key in sorted(tree.get("limits", {})))
        choices = Choices.from_tree(tree["choices"]) if "choices" in tree else None
        stated = None
        if "stated" in tree:
            names = sorted(key for key in tree["stated"] if key != "modes")
            stated = tuple(basis_of(tree["stated"][key]) for key in names), int(tree["stated"]["modes"])
        calibration = np.atleast_1d(tree["calibration"])
        fields = tuple(NoiseField.of_tree(tree["fields"][key]) for key in sorted(tree.get("fields", {})))
        report = FitReport(0.0, 0.0, {})
        return cls(units, tuple(posteriors), memory, calibration, report, limits, (), choices, stated, fields)

    def __deepcopy__(self, memo: dict[int, Any]) -> FittedBinn:
        """Itself: nothing of it changes, and threads share the polynomials that it makes for many points."""
        return self

    def with_report(self, report: FitReport) -> FittedBinn:
        """The same surrogate with another account of its fit."""
        return replace(self, report=report)
