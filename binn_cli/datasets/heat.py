"""The paper's heat problem (Table 4, Eq. 36): transient conduction for a pool of conductivities k and source strengths
P."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from binn_cli.config.schema import HeatConfig
from binn_cli.datasets.case_split import CaseSplit
from binn_cli.datasets.dataset import Announce, silent
from binn_cli.datasets.heat_fem import VERSION, HeatSolver
from binn_cli.datasets.heat_problem import heat_problem, heat_truth
from binn_cli.datasets.once import made_once
from binn_cli.datasets.problem import Problem, random_points
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.random_streams import stream
from binn_cli.datasets.slab_cache import SlabCache

SOLVED_POINTS = 101
"""Points along each coordinate with which task=solve solves the equation unless told otherwise: the sources are
narrow."""


@dataclass(frozen=True)
class Lattice:
    """Where solutions are read off: a product of x, y and time.

    Attributes:
        x: (nx,) coordinates.
        y: (ny,) coordinates.
        steps: (nt,) rising numbers of substeps since t = 0.
    """

    x: Float[np.ndarray, " nx"]
    y: Float[np.ndarray, " ny"]
    steps: Int[np.ndarray, " nt"]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(nx, ny, nt)"""
        return len(self.x), len(self.y), len(self.steps)

    @cached_property
    def digest(self) -> str:
        """A hash of the coordinates and the steps."""
        parts = (
            self.x.astype("<f8"),
            self.y.astype("<f8"),
            self.steps.astype("<i8"),
            np.array(self.shape, dtype="<i8"),
        )
        return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


class Heat:
    """u_t − kΔu = P Σ_i exp(−2|x − x_i|²/r0²) on the unit square, zero on the boundary and at t = 0.

    The axes are x, y (`grid` points each with both ends), t (`times` with t = 0) and `case` with the coordinates k and
    P. The solution is linear in P, so that one time integration at P = 1 serves every P of a k; it is kept in memory
    and in the cache folder, which is relative to the working directory.
    """

    name = "heat"
    size_parameter = "train_cases"
    note = ""

    def __init__(self, config: HeatConfig, seed: int) -> None:
        """Nothing is solved before it is asked for."""
        self.config = config
        self.seed = seed
        self.initial_cases = config.initial_cases
        self._split = CaseSplit.drawn(self.candidates.size, config.test_cases, seed)
        self._solver = HeatSolver(config)
        self._cache = SlabCache(config.cache)
        self._known: dict[tuple[str, float], Float[np.ndarray, "nx ny nt"]] = {}

    def identity(self) -> dict[str, str]:
        """The version of the solver."""
        return {"solver": VERSION}

    @property
    def solves(self) -> int:
        """How many time integrations this object has done; what came from the cache does not count."""
        return self._solver.solves

    @cached_property
    def candidates(self) -> Axis:
        """All candidate (k, P), an equispaced grid with k outer: (n_k n_P, 2)."""
        n_k, n_strength = self.config.candidates
        (k_low, k_high), (low, high) = self.config.k_range, self.config.P_range
        k, strength = np.linspace(k_low, k_high, n_k), np.linspace(low, high, n_strength)
        return Axis("case", np.column_stack([np.repeat(k, n_strength), np.tile(strength, n_k)]), ("k", "P"))

    @property
    def held_out(self) -> tuple[int, ...]:
        """The rows of the test split, drawn at random."""
        return self._split.held_out

    @property
    def order(self) -> Int[np.ndarray, " n"]:
        """All other rows, in random order."""
        return self._split.order

    def problem(self) -> Problem:
        """The equation, for solving without simulations."""
        config = self.config
        centers = np.array(config.source_centers, dtype=np.float64)
        return heat_problem(
            ("x", "y"), centers, config.source_radius, config.end_time, config.k_range, config.P_range, SOLVED_POINTS
        )

    def truth(self, points: int, seed: int) -> ProductData:
        """The series solution at random points of the whole domain."""
        table = random_points(self.problem(), stream(seed, "heat truth").random((points, 5)))
        values = heat_truth(table, np.array(self.config.source_centers, dtype=np.float64), self.config.source_radius)
        return ProductData((Axis("point", table, self.problem().inputs),), values[:, None], ("u",))

    def label(self, cases: Sequence[int] | np.ndarray, announce: Announce = silent) -> ProductData:
        """The solutions of the given candidates: values (grid, grid, times, n, 1); solves for every k not met
        before."""
        return self._simulated(self._training_lattice, self.candidates.taken(np.asarray(cases, dtype=int)), announce)

    def training(self, announce: Announce = silent) -> ProductData:
        """The first `train_cases` candidates of `order`."""
        return self.label(self.order[: self.config.train_cases], announce)

    def evaluation(self, announce: Announce = silent) -> Mapping[str, ProductData]:
        """`test`: the held-out candidates on the grid.

        `offgrid` has points, times and (k, P) that are all none of the training nodes; `offgrid_at_times` has the same
        points and (k, P) at the training times but t = 0. Both are left out if any of the `offgrid_` sizes is zero.
        """
        splits = {"test": self.label(self.held_out, announce)}
        config = self.config
        if min(config.offgrid_points, config.offgrid_times, config.offgrid_cases) > 0:
            between, at_times = self._offgrid_steps(), self._output_steps[1:]
            draw = stream(self.seed, "heat offgrid points")
            x, y = np.sort(draw.uniform(size=(2, config.offgrid_points)), axis=1)
            both = self._simulated(Lattice(x, y, np.union1d(between, at_times)), self._offgrid_cases(), announce)
            splits["offgrid"] = self._at(both, between)
            splits["offgrid_at_times"] = self._at(both, at_times)
        return splits

    @cached_property
    def _output_steps(self) -> Int[np.ndarray, " times"]:
        return np.arange(self.config.times) * self.config.substeps

    @cached_property
    def _training_lattice(self) -> Lattice:
        side = np.linspace(0.0, 1.0, self.config.grid)
        return Lattice(side, side, self._output_steps)

    def _time_axis(self, steps: Int[np.ndarray, " nt"]) -> Axis:
        # The same expression for every split: equal steps have equal times to the last bit.
        return Axis.of("t", self.config.end_time * (steps / self._output_steps[-1]))

    def _at(self, data: ProductData, steps: Int[np.ndarray, " nt"]) -> ProductData:
        x, y, t, case = data.axes
        chosen = self._time_axis(steps)
        return ProductData(
            (x, y, chosen, case), data.values[:, :, np.isin(t.points, chosen.points)[:, 0]], data.outputs
        )

    def _simulated(self, lattice: Lattice, case: Axis, announce: Announce) -> ProductData:
        missing = []
        for k in np.unique(case.points[:, 0]).tolist():
            if (lattice.digest, k) not in self._known:
                found = self._cache.load(f"k-{k:.6g}", self._description(k, lattice), lattice.shape)
                if found is None:
                    missing.append(k)
                else:
                    self._known[lattice.digest, k] = found
        for done, k in enumerate(missing):
            label, description = f"k-{k:.6g}", self._description(k, lattice)
            with made_once(self._cache.path(label, description), announce):
                solution = self._cache.load(label, description, lattice.shape)
                if solution is None:
                    announce(f"solving k = {k:.4g}", done, len(missing))
                    solution = self._solver.solution(k, lattice.x, lattice.y, lattice.steps)
                    self._cache.store(label, description, solution)
            self._known[lattice.digest, k] = solution
        if missing:
            announce(f"solved {len(missing)} values of k", len(missing), len(missing))
        values = np.empty((*lattice.shape, case.size, 1))
        for column, (k, strength) in enumerate(case.points.tolist()):
            np.multiply(self._known[lattice.digest, k], strength, out=values[..., column, 0])
        axes = (Axis.of("x", lattice.x), Axis.of("y", lattice.y), self._time_axis(lattice.steps), case)
        return ProductData(axes, values, ("u",))

    def _description(self, k: float, lattice: Lattice) -> dict[str, object]:
        config = self.config
        return {
            "solver": VERSION,
            "k": k,
            "P": 1.0,
            "end_time": config.end_time,
            "times": config.times,
            "source_centers": [[float(c) for c in center] for center in config.source_centers],
            "source_radius": config.source_radius,
            "element_order": config.element_order,
            "cells": config.cells,
            "scheme": config.scheme,
            "substeps": config.substeps,
            "lattice": lattice.digest,
        }

    def _offgrid_steps(self) -> Int[np.ndarray, " offgrid_times"]:
        """Substeps strictly between output times, spread over all intervals, the first one always among them."""
        intervals, inside, wanted = self.config.times - 1, self.config.substeps - 1, self.config.offgrid_times
        draw = stream(self.seed, "heat offgrid times")
        chosen = (
            np.arange(wanted) % intervals
            if wanted > intervals
            else np.rint(np.linspace(0, intervals - 1, wanted)).astype(int)
        )
        steps = []
        for interval, count in zip(*np.unique(chosen, return_counts=True), strict=True):
            steps.append(interval * self.config.substeps + 1 + draw.permutation(inside)[:count])
        return np.sort(np.concatenate(steps))

    def _offgrid_cases(self) -> Axis:
        """Random (k, P) inside the ranges, one in each of equal strata of either coordinate, so that few cover them
        evenly."""
        n = self.config.offgrid_cases
        draw = stream(self.seed, "heat offgrid cases")
        k, strength = (np.arange(n) + draw.uniform(size=n)) / n, (draw.permutation(n) + draw.uniform(size=n)) / n
        (k_low, k_high), (low, high) = self.config.k_range, self.config.P_range
        return Axis("case", np.column_stack([k_low + (k_high - k_low) * k, low + (high - low) * strength]), ("k", "P"))
