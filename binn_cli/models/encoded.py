"""A model whose inputs are encoded before it sees them, and what it gives: surrogates that take inputs as the user
knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema.kinds import Kind
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import RowChunks
from binn_cli.models.encoding import EncodedRows, Encoding
from binn_cli.models.gradient import gradient_of
from binn_cli.models.learning_on import learn_on
from binn_cli.models.surrogate import CaseProcess, FitReport, FitsRows, FittedSurrogate, KnowsCases, Prediction, Tree
from binn_cli.models.wrapping import Wrapping


@dataclass(frozen=True)
class FittedEncoded:
    """A fitted surrogate behind an encoding.

    Attributes:
        encoding: how inputs become columns.
        inner: the surrogate of the columns.
        model: name of its model.
    """

    encoding: Encoding
    inner: Any
    model: str

    @property
    def report(self) -> FitReport:
        """What the fit cost and how it went."""
        found: FitReport = self.inner.report
        return found

    @property
    def text_choices(self) -> dict[str, tuple[str, ...]]:
        """The texts that inputs may be, by their names."""
        kinds = zip(self.encoding.inputs, self.encoding.kinds, strict=True)
        return {name: kind.choices for name, kind in kinds if kind.has_texts}

    def predict(self, axes: Sequence[Axis], *, variance: bool = True) -> Prediction:
        """See `PredictsMeans.predict`; inputs as the user knows them.

        Raises:
            DataError: for a value that an input cannot have.
        """
        options = {} if variance or not takes_variance(self.inner) else {"variance": False}
        found: Prediction = self.inner.predict(self.encoding.axes(axes), **options)
        return found

    def gradient(self, points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n L D"]:
        """See `models.gradient.HasGradient`; NaN for choices, which have no derivative."""
        inner = gradient_of(self.inner, self.model, self.encoding.table(points))
        parts, begin = [], 0
        for index, width in enumerate(self.encoding.widths):
            slopes = self.encoding.slopes(index, points[:, index])
            parts.append(np.einsum("nlk,nk->nl", inner[:, :, begin : begin + width], slopes))
            begin += width
        return np.stack(parts, axis=2)

    def state(self) -> Tree:
        """The encoding, and the state of the surrogate behind it."""
        return {"kind": "encoded", "encoding": self.encoding.tree(), "inner": self.inner.state()}


@dataclass(frozen=True)
class FittedEncodedCases(FittedEncoded):
    """One that also knows whole cases."""

    def case_process(self, axes: Sequence[Axis], cases: Axis) -> CaseProcess:
        """See `KnowsCases.case_process`."""
        *others, last = self.encoding.axes((*axes, cases))
        found: CaseProcess = self.inner.case_process(others, last)
        inner = found.reach
        if inner is None:
            return found

        def reach(points: Float[np.ndarray, "m D"]) -> tuple[np.ndarray, np.ndarray]:
            return inner(self.encoding.axes((*axes, replace(cases, points=points)))[-1].points)

        return replace(found, reach=reach)


def takes_variance(surrogate: Any) -> bool:
    """Whether the `predict` of a surrogate knows `variance=False`."""
    from inspect import signature

    return "variance" in signature(surrogate.predict).parameters


@dataclass(frozen=True)
class Encoded(Wrapping):
    """A model behind an encoding; `inner` is the model of the columns.

    Attributes:
        kinds: what inputs are, by name.
    """

    kinds: Mapping[str, Kind]

    def fit(
        self,
        data: ProductData,
        warm_start: FittedSurrogate | None = None,
        *,
        domain: Float[np.ndarray, "D 2"] | None = None,
        capacity: int | None = None,
    ) -> FittedEncoded:
        """See `Surrogate.fit`.

        Raises:
            ConfigError: if a kind is stated for what is not one of the inputs.
            DataError: for a value that an input cannot have.
        """
        encoding = Encoding.of(data.inputs, self.kinds)
        before = warm_start.inner if isinstance(warm_start, FittedEncoded) else None
        fitted = self.inner.fit(
            encoding.data(data), warm_start=before, domain=encoding.domain(domain), capacity=capacity
        )
        return self._wrapped(encoding, fitted)

    def update(self, fitted: FittedEncoded, data: ProductData | RowChunks, forgetting: float = 1.0) -> FittedEncoded:
        """See `learn_on`."""
        encoding = fitted.encoding
        new: Any = encoding.data(data) if isinstance(data, ProductData) else EncodedRows(encoding, data)
        return self._wrapped(encoding, learn_on(self.inner, fitted.inner, new, forgetting))

    def from_state(self, state: Tree) -> FittedEncoded:
        """The fitted surrogate that `FittedEncoded.state` described."""
        return self._wrapped(Encoding.from_tree(state["encoding"]), self.inner.from_state(state["inner"]))

    def _wrapped(self, encoding: Encoding, fitted: Any) -> FittedEncoded:
        return (FittedEncodedCases if isinstance(fitted, KnowsCases) else FittedEncoded)(encoding, fitted, self.name)


@dataclass(frozen=True)
class EncodedOfRows(Encoded):
    """A model behind an encoding that also learns from rows that are read in chunks."""

    def fit_rows(self, rows: RowChunks, *, domain: Float[np.ndarray, "D 2"] | None = None) -> FittedEncoded:
        """See `FitsRows.fit_rows`."""
        encoding = Encoding.of(rows.inputs, self.kinds)
        return self._wrapped(encoding, self.inner.fit_rows(EncodedRows(encoding, rows), domain=encoding.domain(domain)))


def encoded(model: Any, kinds: Mapping[str, Kind]) -> Any:
    """The model itself where every input is a number on a line, or else the model behind an encoding."""
    if not kinds:
        return model
    return (EncodedOfRows if isinstance(model, FitsRows) else Encoded)(model, kinds)
