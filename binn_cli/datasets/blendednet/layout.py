"""How cases become arrays: points × cases where all share a mesh, one long table where they do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Int

from binn_cli.datasets.blendednet.cache import Cache
from binn_cli.datasets.blendednet.inputs import Inputs
from binn_cli.datasets.blendednet.selection import Case
from binn_cli.datasets.dataset import Announce
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.random_streams import stream


@dataclass(frozen=True)
class Pool:
    """The cases that were selected.

    Attributes:
        training: those that may be trained on.
        splits: those of every split that is judged on, by its name.
        order: the rows of `training` in the seeded random order in which they are drawn.
    """

    training: tuple[Case, ...]
    splits: Mapping[str, tuple[Case, ...]]
    order: Int[np.ndarray, " n"]

    @property
    def judged(self) -> tuple[Case, ...]:
        """The cases of all splits."""
        return tuple(case for split in self.splits.values() for case in split)

    @property
    def judged_alone(self) -> Pool:
        """The pool without its training cases."""
        return Pool((), self.splits, np.arange(0))


READING = "reading converted cases"


class Layout(Protocol):
    """The pool as arrays, with candidates as the protocol of a data set understands them."""

    candidates: Axis
    order: Int[np.ndarray, " n"]

    @property
    def held_out(self) -> tuple[int, ...]:
        """The candidates of all splits."""
        ...

    def label(self, rows: Int[np.ndarray, " n"]) -> ProductData:
        """The data of some candidates."""
        ...

    def training(self, n_cases: int) -> ProductData:
        """The first cases of the training pool."""
        ...

    def evaluation(self) -> dict[str, ProductData]:
        """Every split that is judged on."""
        ...


@dataclass(frozen=True)
class Request:
    """What is wanted of every case."""

    inputs: Inputs
    outputs: tuple[str, ...]
    stride: int
    seed: int


def laid_out(pool: Pool, cache: Cache, request: Request, announce: Announce) -> Layout:
    """The layout that suits the meshes: a product of points and cases if all cases have one mesh."""
    shared = len({cache.mesh_of(case) for case in (*pool.training, *pool.judged)}) == 1
    return SharedMesh(pool, cache, request, announce) if shared else Scattered(pool, cache, request, announce)


def _frozen(rows: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    rows.flags.writeable = False
    return rows


class SharedMesh:
    """Axis `point` (coordinates of the mesh) times axis `case` (flight condition); a candidate is a case."""

    def __init__(self, pool: Pool, cache: Cache, request: Request, announce: Announce) -> None:
        """Reads every case."""
        cases = (*pool.training, *pool.judged)
        self._outputs = request.outputs
        self._points = request.inputs.point_axis(cache.coordinates(cases[0], request.inputs.of_points, request.stride))
        self.candidates = request.inputs.case_axis(cases)
        self._values = np.empty((self._points.size, len(cases), len(request.outputs)))
        for row, case in enumerate(cases):
            announce(READING, row, len(cases))
            self._values[:, row] = cache.values(case, request.outputs, request.stride)
        trained = len(pool.training)
        self.order = _frozen(pool.order)
        self._trained = trained
        ends = np.cumsum([trained, *(len(split) for split in pool.splits.values())])
        self._splits = {name: np.arange(a, b) for name, a, b in zip(pool.splits, ends[:-1], ends[1:], strict=True)}

    @property
    def held_out(self) -> tuple[int, ...]:
        """The cases that are judged on."""
        return tuple(range(self._trained, self.candidates.size))

    def label(self, rows: Int[np.ndarray, " n"]) -> ProductData:
        """Values (points, n, L)."""
        return ProductData((self._points, self.candidates.taken(rows)), self._values[:, rows], self._outputs)

    def training(self, n_cases: int) -> ProductData:
        """The first cases of the training pool."""
        return self.label(self.order[:n_cases])

    def evaluation(self) -> dict[str, ProductData]:
        """The cases of every split."""
        return {name: self.label(rows) for name, rows in self._splits.items()}


class Scattered:
    """One axis `point` with the inputs of its case behind those of each point; a candidate is a point."""

    def __init__(self, pool: Pool, cache: Cache, request: Request, announce: Announce) -> None:
        """Reads every case into one table, whose size is known beforehand: nothing is in memory twice."""
        # In the order of drawing, so that the first cases of the training pool are consecutive rows.
        cases = (*(pool.training[row] for row in pool.order), *pool.judged)
        sizes = [-(-cache.size(case) // request.stride) for case in cases]
        self._ends = np.concatenate([[0], np.cumsum(sizes)])
        self._outputs = request.outputs
        table = np.empty((int(self._ends[-1]), len(request.inputs.names)))
        self._values = np.empty((len(table), len(request.outputs)))
        width = len(request.inputs.of_points)
        for i, case in enumerate(cases):
            announce(READING, i, len(cases))
            rows = slice(self._ends[i], self._ends[i + 1])
            table[rows, :width] = cache.coordinates(case, request.inputs.of_points, request.stride)
            table[rows, width:] = request.inputs.of_case(case)
            self._values[rows] = cache.values(case, request.outputs, request.stride)
        self.candidates = request.inputs.scattered_axis(table)
        trained = int(self._ends[len(pool.training)])
        self.order = _frozen(stream(request.seed, "blendednet points").permutation(trained))
        self._trained = trained
        first = len(pool.training)
        self._splits = {}
        for name, split in pool.splits.items():
            self._splits[name] = slice(int(self._ends[first]), int(self._ends[first + len(split)]))
            first += len(split)

    @property
    def held_out(self) -> tuple[int, ...]:
        """The points of the cases that are judged on."""
        return tuple(range(self._trained, self.candidates.size))

    def label(self, rows: Int[np.ndarray, " n"]) -> ProductData:
        """Values (n, L)."""
        return ProductData((self.candidates.taken(rows),), self._values[rows], self._outputs)

    def training(self, n_cases: int) -> ProductData:
        """All points of the first cases of the training pool."""
        return self._part(slice(0, int(self._ends[n_cases])))

    def evaluation(self) -> dict[str, ProductData]:
        """All points of the cases of every split."""
        return {name: self._part(rows) for name, rows in self._splits.items()}

    def _part(self, rows: slice) -> ProductData:
        """Consecutive rows, which share memory with the table."""
        axis = self.candidates
        return ProductData(
            (Axis(axis.name, axis.points[rows], axis.coordinates, axis.units),), self._values[rows], self._outputs
        )
