"""Data and equation together: draws against a dense posterior, and fields whose intervals hold."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from binn_cli.config.schema import GalerkinConfig
from binn_cli.datasets.problem import (
    DERIVATIVE,
    MASS,
    PARAMETER,
    SPACE,
    STIFFNESS,
    TIME,
    ZERO,
    Load,
    Problem,
    Term,
    Variable,
    coordinate,
)
from binn_cli.datasets.product import Axis
from binn_cli.models.galerkin.informed import informed
from binn_cli.models.galerkin.model import FittedGalerkin, Galerkin
from binn_cli.models.galerkin.population import population

RANGES = np.array([[1.0, 4.0], [100.0, 200.0]])


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(scope="module")
def rod() -> FittedGalerkin:
    """u_t - k u_xx = P, zero at both ends and at the start; inputs x, t, k and P."""
    problem = Problem(
        (
            Variable("x", 0.0, 1.0, SPACE, (ZERO, ZERO)),
            Variable("t", 0.0, 0.1, TIME),
            Variable("k", *RANGES[0], PARAMETER),
            Variable("P", *RANGES[1], PARAMETER),
        ),
        (Term({"t": DERIVATIVE}), Term({"x": STIFFNESS, "k": MASS.weighted(coordinate("k"))})),
        (Load({"P": coordinate("P")}),),
    )
    solver = Galerkin(GalerkinConfig(points=17))
    return solver.judged(problem, solver.attempt(problem, solver.resolution(problem)), 0).fitted


def observed(rod: FittedGalerkin, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Places (10, 2), noisy values, the true parameters and the noise: 2 % of the values' spread."""
    draw = np.random.default_rng(seed)
    theta = draw.uniform(*RANGES.T)
    places = draw.random((10, 2)) * [1.0, 0.1]
    exact = rod.solution([np.column_stack([places, np.tile(theta, (10, 1))])])
    noise = 0.02 * float(np.std(exact))
    return places, exact + noise * draw.standard_normal(10), theta, noise


def test_the_crossing_is_the_function(rod: FittedGalerkin):
    draw = np.random.default_rng(0)
    points, others = draw.random((5, 2)) * [0.1, 3.0] + [0.0, 1.0], draw.random((4, 2)) * [1.0, 100.0] + [0.0, 100.0]
    found = rod.solution.crossed(points, others, (0, 3))  # x and P
    for s in range(4):
        table = np.column_stack([np.full(5, others[s, 0]), points, np.full(5, others[s, 1])])
        np.testing.assert_allclose(found[s], rod.solution([table]), rtol=1e-10, atol=1e-12)


def test_draws_are_those_of_the_posterior_on_a_fine_grid(rod: FittedGalerkin):
    places, values, _, noise = observed(rod, 1)
    _, found = informed(rod, (2, 3), places, values, noise, 0)
    grid = [np.linspace(*ends, 201) for ends in RANGES]
    theta = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1).reshape(-1, 2)
    missing = rod.solution.crossed(places, theta, (2, 3)) - values
    log = -0.5 * np.sum(missing**2, axis=1) / noise**2
    weights = np.exp(log - log.max())
    weights /= weights.sum()
    mean = weights @ theta
    std = np.sqrt(weights @ (theta - mean) ** 2)
    assert np.all(np.abs(found.draws.mean(axis=0) - mean) < 0.2 * std)
    np.testing.assert_allclose(found.draws.std(axis=0), std, rtol=0.15)


def test_several_maxima_are_found():
    """Two equal ones, far apart and narrow."""
    found = population(lambda x: -0.5 * ((np.abs(x[:, 0] - 0.5) - 0.3) / 0.005) ** 2, 1, 1024, 0)
    assert 0.35 < np.mean(found.draws > 0.5) < 0.65
    np.testing.assert_allclose(np.std(np.abs(found.draws - 0.5)), 0.005, rtol=0.15)


@pytest.mark.parametrize(("learned", "repeats"), [(False, 10), pytest.param(True, 200, marks=pytest.mark.thorough)])
def test_intervals_of_the_field_hold(rod: FittedGalerkin, learned: bool, repeats: int):
    covered = []
    for seed in range(repeats):
        places, values, theta, noise = observed(rod, seed)
        known = np.column_stack([places, np.full(10, theta[1])])
        field, _ = informed(rod, (2,), known, values, None if learned else noise, seed)
        anywhere = np.random.default_rng(seed + 1000).random((200, 2)) * [1.0, 0.1]
        table = np.column_stack([anywhere, np.tile(theta, (200, 1))])
        prediction = field.predict([Axis("point", table[:, [0, 1, 3]], ("x", "t", "P"))])
        error = np.abs(prediction.mean[:, 0] - rod.solution([table]))
        covered.append(np.mean(error <= 1.96 * np.sqrt(prediction.epistemic_var[:, 0])))
    # 0.95 within what so many repeats, each with one error of k, can tell.
    assert np.mean(covered) >= 0.95 - 2.5 * np.sqrt(0.95 * 0.05 / repeats)
    assert repeats < 100 or np.mean(covered) <= 0.99


def test_kept_and_restored(rod: FittedGalerkin):
    places, values, _, noise = observed(rod, 2)
    field, _ = informed(rod, (2, 3), places, values, noise, 0)
    again = Galerkin(GalerkinConfig()).from_state(field.state())
    axes = [Axis.of("x", np.linspace(0, 1, 4)), Axis.of("t", np.linspace(0, 0.1, 3))]
    one, other = field.predict(axes), again.predict(axes)
    assert one.mean.shape == (4, 3, 1) and np.array_equal(one.mean, other.mean)
    assert np.array_equal(one.total_std, other.total_std)
    flat = np.stack(np.meshgrid(*(axis.points[:, 0] for axis in axes), indexing="ij"), axis=-1).reshape(-1, 2)
    scattered = field.predict([Axis("point", flat, ("x", "t"))])
    np.testing.assert_allclose(one.mean.ravel(), scattered.mean.ravel())
