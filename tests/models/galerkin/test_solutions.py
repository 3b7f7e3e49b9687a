"""Solutions of equations against closed forms and series, their estimates, and what has no solution."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from threadpoolctl import threadpool_limits

from binn_cli.config.schema import (
    AdvectionConfig,
    GalerkinConfig,
    Heat3dConfig,
    HeatConfig,
    HelmholtzConfig,
    PoissonConfig,
    PoissonNdConfig,
)
from binn_cli.datasets.advection import Advection
from binn_cli.datasets.heat import Heat
from binn_cli.datasets.heat3d import Heat3d
from binn_cli.datasets.helmholtz import Helmholtz
from binn_cli.datasets.poisson import Poisson
from binn_cli.datasets.poisson_nd import PoissonNd
from binn_cli.datasets.problem import (
    DERIVATIVE,
    FREE,
    MASS,
    PARAMETER,
    SPACE,
    STIFFNESS,
    TIME,
    ZERO,
    Factor,
    Load,
    Problem,
    Term,
    Variable,
    coordinate,
)
from binn_cli.errors import BinnError, ConfigError
from binn_cli.models.galerkin.model import Galerkin, Solved
from binn_cli.results.tree import read_tree, write_tree

CONF = Path(__file__).parents[3] / "conf" / "dataset"
WIDE = {"source_centers": [[0.4, 0.6]], "source_radius": 0.3}
EQUATIONS = {
    # Data set, points, and the largest relative error.
    "poisson": (Poisson(PoissonConfig(wave_numbers=[[1, 2, 1], [2, 1, 1]], coefficients=[1.0, 0.8]), 0), 17, 1e-8),
    "poisson_nd_2": (PoissonNd(PoissonNdConfig(dimensions=2), 0), 32, 1e-9),
    "poisson_nd_5": (PoissonNd(PoissonNdConfig(dimensions=5), 0), 16, 1e-9),
    "heat": (Heat(HeatConfig(**WIDE), 0), 17, 1e-5),
    "heat3d": (Heat3d(Heat3dConfig(source_centers=[[0.4, 0.6, 0.5]], source_radius=0.3), 0), 13, 1e-3),
    "helmholtz": (Helmholtz(HelmholtzConfig(wave_number=3.0, source_radius=0.2), 0), 17, 1e-4),
    "advection": (Advection(AdvectionConfig(pulse_width=0.045, end_time=0.2), 0), 33, 1e-2),
}


@pytest.fixture(autouse=True)
def one_thread():
    """As task=solve does."""
    with threadpool_limits(1, user_api="blas"):
        yield


def solved(problem: Problem, points: int, **settings: object) -> Solved:
    """A solution with its estimate."""
    solver = Galerkin(GalerkinConfig(points=points, **settings))
    return solver.judged(problem, solver.attempt(problem, solver.resolution(problem)), 0)


def error_of(found: Solved, dataset) -> tuple[float, float]:
    """Relative error, and the share of points within the 95 % interval."""
    truth = dataset.truth(2000, 1)
    prediction = found.fitted.predict(truth.axes)
    difference = np.abs(prediction.mean - truth.values)
    relative = np.sqrt(np.mean(difference**2) / np.mean(truth.values**2))
    return float(relative), float(np.mean(difference <= 1.96 * prediction.total_std))


@pytest.mark.parametrize("name", list(EQUATIONS))
def test_the_error_is_small_and_known(name: str):
    dataset, points, largest = EQUATIONS[name]
    found = solved(dataset.problem(), points)
    relative, covered = error_of(found, dataset)
    assert relative <= largest
    # Where round-off is what is left, nobody can say how much of it there is.
    assert 1.0 <= found.estimate.relative / relative <= 5.0 or found.estimate.relative < 1e-11
    assert covered >= 0.9


@pytest.mark.parametrize(("basis", "degree", "rate"), [("spline", 3, 4), ("hat", 1, 2), ("chidenn", 4, 4)])
def test_the_rate_of_every_basis(basis: str, degree: int, rate: int):
    dataset = EQUATIONS["helmholtz"][0]
    problem, errors = dataset.problem(), []
    truth = dataset.truth(2000, 1)
    for points in (17, 33):
        solver = Galerkin(GalerkinConfig(points=points, basis=basis, degree=degree))
        mean = solver.attempt(problem, solver.resolution(problem)).solution([truth.axes[0].points])
        errors.append(np.sqrt(np.mean((mean - truth.values[:, 0]) ** 2)))
    assert np.log2(errors[0] / errors[1]) > rate - 0.3


def test_alternation_finds_what_diagonalisation_does():
    problem = EQUATIONS["helmholtz"][0].problem()
    one, other = (solved(problem, 9, method=method) for method in ("diagonal", "alternating"))
    points = np.random.default_rng(0).random((100, 2))
    a, b = (found.attempt.solution([points]) for found in (one, other))
    np.testing.assert_allclose(a, b, atol=1e-9 * np.abs(a).max())
    residuals = other.attempt.diagnostics["residual"]
    assert residuals[-1] < 1e-8 * residuals[1] and other.attempt.diagnostics["converged"]


def test_the_initial_value_and_a_free_end():
    """u_t - u_xx = 0, u = cos(πx) at t = 0 and no flux: exp(-π²t) cos(πx)."""
    wave = Factor("cos(pi x)", lambda x: np.cos(np.pi * x))
    problem = Problem(
        (Variable("x", 0.0, 1.0, SPACE, (FREE, FREE)), Variable("t", 0.0, 0.2, TIME)),
        (Term({"t": DERIVATIVE}), Term({"x": STIFFNESS})),
        (),
        initial=(Load({"x": wave}),),
    )
    found = solved(problem, 17)
    points = np.random.default_rng(0).random((500, 2)) * [1.0, 0.2]
    expected = np.exp(-(np.pi**2) * points[:, 1]) * np.cos(np.pi * points[:, 0])
    np.testing.assert_allclose(found.attempt.solution([points]), expected, atol=1e-8)


def test_kept_and_restored(tmp_path):
    import h5py

    found = solved(EQUATIONS["helmholtz"][0].problem(), 9).fitted
    with h5py.File(tmp_path / "kept.h5", "w") as file:
        write_tree(file, "surrogate", found.state())
        again = Galerkin(GalerkinConfig()).from_state(read_tree(file["surrogate"]))
    axes = EQUATIONS["helmholtz"][0].truth(100, 0).axes
    one, other = found.predict(axes), again.predict(axes)
    assert np.array_equal(one.mean, other.mean) and np.array_equal(one.epistemic_var, other.epistemic_var)


def test_a_grid_is_its_points_and_gradients_are_slopes():
    found = solved(EQUATIONS["poisson_nd_5"][0].problem(), 9).fitted
    draw = np.random.default_rng(0)
    points = draw.random((4, 5))
    mean, step = found.solution([points]), 1e-5
    for d in range(5):
        moved = step * np.eye(5)[d]
        slope = (found.solution([points + moved]) - found.solution([points - moved])) / (2 * step)
        np.testing.assert_allclose(found.gradient(points)[:, 0, d], slope, atol=1e-6)
    grid = found.solution([points[:, :2], points[:, 2:]])
    np.testing.assert_allclose(np.diag(grid), mean, rtol=1e-12)


def test_nothing_is_known_outside_of_the_domain():
    dataset = EQUATIONS["helmholtz"][0]
    found = solved(dataset.problem(), 9).fitted
    inside, outside = (replace(dataset.truth(1, 0).axes[0], points=np.array([[x, 0.5]])) for x in (0.5, 1.3))
    assert found.predict([inside]).total_std < 0.1 * found.size <= found.predict([outside]).total_std


def heat_with(k: tuple[float, float], weight: Factor | None = None) -> Problem:
    weight = coordinate("k") if weight is None else weight
    return Problem(
        (
            Variable("x", 0.0, 1.0, SPACE, (ZERO, ZERO)),
            Variable("t", 0.0, 0.1, TIME),
            Variable("k", *k, PARAMETER),
        ),
        (Term({"t": DERIVATIVE}), Term({"x": STIFFNESS, "k": MASS.weighted(weight)})),
        (Load({}),),
    )


def test_what_has_no_solution_says_why():
    with pytest.raises(ConfigError, match=r"resonance: sin\(1 pi x\) sin\(2 pi y\).*stay away from pi sqrt"):
        Helmholtz(HelmholtzConfig(wave_number=float(np.pi * np.sqrt(5))), 0).problem()
    with pytest.raises(BinnError, match="runs backwards in t: a coefficient has the wrong sign"):
        solved(heat_with((-1.0, 1.0)), 9)
    with pytest.raises(BinnError, match=r'"1/k" has no finite value at k = '), np.errstate(divide="ignore"):
        solved(heat_with((0.0, 1.0), Factor("1/k", lambda k: 1 / np.where(k < 0.5, 0.0, k))), 9)
    with pytest.raises(ConfigError, match=r"dataset.k_range: must be greater than 0 at both ends"):
        Heat3dConfig(k_range=[-1.0, 1.0])


@pytest.mark.thorough
def test_the_papers_problems_at_full_size():
    heat = Heat(HeatConfig(**{"source_centers": yaml.safe_load((CONF / "heat.yaml").read_text())["source_centers"]}), 0)
    heat3d = Heat3d(Heat3dConfig(), 0)
    for dataset, largest in ((heat, 1e-5), (heat3d, 1e-4)):
        found = solved(dataset.problem(), 101)
        relative, covered = error_of(found, dataset)
        assert relative <= largest and 1.0 <= found.estimate.relative / relative <= 5.0 and covered > 0.9
