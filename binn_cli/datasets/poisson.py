"""The paper's Poisson problem (Table 3, Eq. 35): a closed-form solution on the unit cube, linear in a source strength
p."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from binn_cli.config.schema import PoissonConfig
from binn_cli.datasets.case_split import CaseSplit
from binn_cli.datasets.dataset import Announce, silent
from binn_cli.datasets.problem import (
    PARAMETER,
    SPACE,
    STIFFNESS,
    ZERO,
    Factor,
    Load,
    Problem,
    Term,
    Variable,
    coordinate,
    random_points,
)
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.random_streams import stream


class Poisson:
    """−Δu = f on [0, 1]³ with u = 0 on the boundary, on a grid of points for every candidate p.

    u(x; p) = Σ_r c_r p / (π² Σ_j (m_j^r)²) Π_j sin(π m_j^r x_j)   (Eq. 35)

    The axes are x1, x2, x3, `grid` equispaced points each with both ends, and `case`, whose coordinate is p.
    """

    name = "poisson"
    size_parameter = "train_cases"
    note = ""

    def __init__(self, config: PoissonConfig, seed: int) -> None:
        """Nothing is computed before it is asked for."""
        self.config = config
        self.seed = seed
        self.initial_cases = config.initial_cases
        self._split = CaseSplit.drawn(config.candidates, config.test_cases, seed)
        self._waves = np.array(config.wave_numbers, dtype=np.float64)
        self._scale = np.array(config.coefficients, dtype=np.float64) / (np.pi**2 * (self._waves**2).sum(axis=1))

    @cached_property
    def candidates(self) -> Axis:
        """All candidate p, equispaced over `p_range`: (candidates, 1)."""
        low, high = self.config.p_range
        return Axis("case", np.linspace(low, high, self.config.candidates)[:, None], ("p",))

    @property
    def held_out(self) -> tuple[int, ...]:
        """The rows of the test split, drawn at random."""
        return self._split.held_out

    @property
    def order(self) -> Int[np.ndarray, " n"]:
        """All other rows, in random order."""
        return self._split.order

    def solution(self, x: Float[np.ndarray, "n 3"], p: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """u at scattered points (Eq. 35)."""
        total = np.zeros(len(p))
        for scale, wave in zip(self._scale, self._waves, strict=True):
            total += scale * np.prod(np.sin(np.pi * wave * x), axis=1)
        return total * p

    def problem(self) -> Problem:
        """The equation, whose source is that of the solution."""
        names, zero = ("x1", "x2", "x3"), (ZERO, ZERO)
        low, high = self.config.p_range
        loads = []
        for waves, coefficient in zip(self.config.wave_numbers, self.config.coefficients, strict=True):
            factors = {name: _sine(number) for name, number in zip(names, waves, strict=True)}
            loads.append(Load({**factors, "p": coordinate("p")}, float(coefficient)))
        return Problem(
            variables=(
                *(Variable(name, 0.0, 1.0, SPACE, zero) for name in names),
                Variable("p", float(low), float(high), PARAMETER),
            ),
            operator=tuple(Term({name: STIFFNESS}) for name in names),
            source=tuple(loads),
            points=33,
        )

    def truth(self, points: int, seed: int) -> ProductData:
        """The exact solution at random points of the whole domain."""
        return self._at(random_points(self.problem(), stream(seed, "poisson truth").random((points, 4))))

    def label(self, cases: Sequence[int] | np.ndarray, announce: Announce = silent) -> ProductData:
        """The solution on the grid for the given candidates: values (grid, grid, grid, n, 1)."""
        case = self.candidates.taken(np.asarray(cases, dtype=int))
        nodes = np.linspace(0.0, 1.0, self.config.grid)
        sines = np.sin(np.pi * self._waves[:, :, None] * nodes)
        # sin(mπ) is round-off rather than zero; the boundary value is known.
        sines[:, :, [0, -1]] = 0.0
        values = np.einsum(
            "r,ri,rj,rk,c->ijkc", self._scale, sines[:, 0], sines[:, 1], sines[:, 2], case.points[:, 0], optimize=True
        )
        axes = (*(Axis.of(name, nodes) for name in ("x1", "x2", "x3")), case)
        return ProductData(axes, values[..., None], ("u",))

    def training(self, announce: Announce = silent) -> ProductData:
        """The first `train_cases` candidates of `order`."""
        return self.label(self.order[: self.config.train_cases])

    def evaluation(self, announce: Announce = silent) -> Mapping[str, ProductData]:
        """`test`: the held-out p on the grid; `offgrid`: random points of the cube, each with a random p of its own."""
        splits = {"test": self.label(self.held_out)}
        if self.config.offgrid_points > 0:
            splits["offgrid"] = self._offgrid()
        return splits

    def _offgrid(self) -> ProductData:
        low, high = self.config.p_range
        unit = stream(self.seed, "poisson offgrid").uniform(size=(self.config.offgrid_points, 4))
        return self._at(np.column_stack([unit[:, :3], low + (high - low) * unit[:, 3]]))

    def _at(self, points: Float[np.ndarray, "n 4"]) -> ProductData:
        values = self.solution(points[:, :3], points[:, 3])
        return ProductData((Axis("point", points, ("x1", "x2", "x3", "p")),), values[:, None], ("u",))


def _sine(number: int) -> Factor:
    return Factor(f"sin({number} pi x)", lambda x: np.sin(np.pi * number * x))
