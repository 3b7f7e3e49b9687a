"""A data set and a surrogate that keep their protocols and need no engine, and note everything that a task asks of
them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from binn_cli.datasets.dataset import Announce, silent
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.surrogate import FitReport, Prediction, Tree
from binn_cli.results.record import Header
from binn_cli.results.recorder import Recorder

X = np.linspace(0.0, 1.0, 5)
K, P = np.linspace(1.0, 4.0, 4), np.linspace(100.0, 200.0, 3)
CASES = np.column_stack([np.repeat(K, 3), np.tile(P, 4)])
HELD_OUT = (5, 11)
ORDER = np.array([7, 2, 4, 0, 6, 10, 1, 8, 9, 3])
"""Ten cases may be trained on; none is held out, and the first three span less than the whole pool."""


@dataclass
class FakeDataset:
    """u = k + x P / 100 for twelve (k, P).

    Attributes:
        calls: the rows of every `label` call, in order.
        stop_at: `label` raises KeyboardInterrupt at this call (from 0).
    """

    name: str = "fake"
    size_parameter: str = "n_train"
    note: str = ""
    initial_cases: int = 3
    outputs: int = 1
    offgrid: bool = True
    calls: list[list[int]] = field(default_factory=list)
    stop_at: int | None = None

    @property
    def candidates(self) -> Axis:
        return Axis("case", CASES, ("k", "P"))

    @property
    def held_out(self) -> tuple[int, ...]:
        return HELD_OUT

    @property
    def order(self) -> np.ndarray:
        return ORDER

    def _data(self, x: np.ndarray, cases: np.ndarray) -> ProductData:
        u = cases[None, :, 0] + x[:, None] * cases[None, :, 1] / 100
        names = tuple(f"u{i}" for i in range(self.outputs))
        scale = 10.0 ** np.arange(self.outputs)
        return ProductData((Axis.of("x", x), Axis("case", cases, ("k", "P"))), u[..., None] * scale, names)

    def label(self, cases: Sequence[int] | np.ndarray, announce: Announce = silent) -> ProductData:
        if self.stop_at == len(self.calls):
            raise KeyboardInterrupt
        self.calls.append([int(row) for row in cases])
        return self._data(X, CASES[np.asarray(cases, dtype=int)])

    def training(self, announce: Announce = silent) -> ProductData:
        return self.label(ORDER[:6])

    def evaluation(self, announce: Announce = silent) -> Mapping[str, ProductData]:
        splits = {"test": self._data(X, CASES[list(HELD_OUT)])}
        if self.offgrid:
            splits["offgrid"] = self._data(np.array([0.1, 0.6]), np.array([[1.5, 120.0], [3.5, 170.0], [2.0, 199.0]]))
        return splits


@dataclass
class FakeFitted:
    """Knows the mean of its data, half of what the fit before knew, and its cases; is unsure in proportion to the
    distance to them."""

    memory: np.ndarray
    cases: np.ndarray
    generation: int
    spread: Mapping[tuple[float, float], float] | None = None
    predicted: list[tuple[int, ...]] = field(default_factory=list)
    compile_seconds: float = 0.0

    @property
    def report(self) -> FitReport:
        return FitReport(0.25, 0.5, {"residual": np.array([1.0, 0.5])})

    def std(self, x: np.ndarray, cases: np.ndarray) -> np.ndarray:
        """(x, case) standard deviation, without the outputs."""
        if self.spread is not None:
            return (1 + x[:, None]) * np.array([self.spread.get((k, p), 0.0) for k, p in cases])
        apart = ((cases[:, None, :] - self.cases[None, :, :]) / np.array([3.0, 100.0])) ** 2
        return (1 + x[:, None]) * np.sqrt(apart.sum(axis=2)).min(axis=1)

    def predict(self, axes: Sequence[Axis]) -> Prediction:
        x, cases = axes[0].points[:, 0], axes[1].points
        self.predicted.append(tuple(axis.size for axis in axes))
        std = self.std(x, cases)[..., None] * np.ones(len(self.memory))
        mean = np.zeros_like(std) + self.memory
        return Prediction(mean, std**2, np.full_like(std, 0.01), self.compile_seconds)

    def state(self) -> Tree:
        return {"kind": "fake", "memory": self.memory, "cases": self.cases, "generation": self.generation}


@dataclass
class FakeSurrogate:
    """Notes every fit.

    Attributes:
        fits: of every `fit` call the data and the keyword arguments.
        spread: fixed standard deviations by case, instead of the distance to the data.
    """

    name: str = "fake"
    fits: list[dict[str, Any]] = field(default_factory=list)
    fitted: list[FakeFitted] = field(default_factory=list)
    spread: Mapping[tuple[float, float], float] | None = None

    def fit(
        self, data: ProductData, warm_start: Any = None, *, domain: Any = None, capacity: int | None = None
    ) -> FakeFitted:
        self.fits.append({"data": data, "warm_start": warm_start, "domain": domain, "capacity": capacity})
        before = np.zeros(len(data.outputs)) if warm_start is None else warm_start.memory
        generation = 0 if warm_start is None else warm_start.generation + 1
        mean = data.values.reshape(-1, len(data.outputs)).mean(axis=0)
        found = FakeFitted(0.5 * before + mean, data.axes[-1].points, generation, self.spread)
        self.fitted.append(found)
        return found

    def from_state(self, state: Tree) -> FakeFitted:
        return FakeFitted(
            np.asarray(state["memory"]), np.asarray(state["cases"]), int(state["generation"]), self.spread
        )


@dataclass
class Listener:
    """Notes how many steps were planned."""

    planned: list[int] = field(default_factory=list)

    def on_note(self, note: str) -> None: ...

    def on_data(self, line: str) -> None: ...

    def on_plan(self, total: int) -> None:
        self.planned.append(total)

    def on_announce(self, message: str, done: int, total: int) -> None: ...

    def on_step(self, index: int, step: Any) -> None: ...

    def on_finish(self, status: str, reason: str | None) -> None: ...


def new_recorder(directory: Path, task: str) -> Recorder:
    directory.mkdir(exist_ok=True)
    return Recorder(directory, Header(task, "fake", "fake", "0123456789abcdef", 0, "seed: 0\n"))
