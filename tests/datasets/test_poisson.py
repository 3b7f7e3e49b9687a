"""The Poisson data set against its differential equation and its contract."""

import numpy as np
import pytest

from binn_cli.config.schema import PoissonConfig
from binn_cli.datasets.poisson import Poisson
from binn_cli.errors import ConfigError


def test_solution_satisfies_the_equation():
    # −Δu = Σ_r c_r p Π_j sin(π m_j x_j), with the Laplacian by sixth-order central differences.
    poisson, p, h = Poisson(PoissonConfig(), 0), 0.7, 0.01
    x = np.random.default_rng(0).uniform(0.05, 0.95, size=(200, 3))
    weights = {1: 3 / 2, 2: -3 / 20, 3: 1 / 90}
    laplacian = np.zeros(len(x))
    for direction in np.eye(3):
        laplacian += -49 / 18 * poisson.solution(x, np.full(len(x), p))
        for shift, weight in weights.items():
            for sign in (-1, 1):
                laplacian += weight * poisson.solution(x + sign * shift * h * direction, np.full(len(x), p))
    laplacian /= h**2
    waves, c = np.array([[2, 3, 2], [4, 1, 3], [5, 5, 2]]), np.array([1.0, 0.8, 1.2])
    source = p * np.prod(np.sin(np.pi * waves * x[:, None, :]), axis=2) @ c
    np.testing.assert_allclose(-laplacian, source, atol=1e-6)


def test_grid_boundary_and_agreement_with_the_pointwise_formula():
    data = Poisson(PoissonConfig(grid=9, train_cases=3), 0).training()
    assert [axis.name for axis in data.axes] == ["x1", "x2", "x3", "case"]
    assert data.inputs == ("x1", "x2", "x3", "p") and data.values.shape == (9, 9, 9, 3, 1)
    values = data.values[..., 0]
    for axis in range(3):
        assert (np.take(values, [0, -1], axis=axis) == 0).all()
    inputs, outputs = data.table()
    np.testing.assert_allclose(
        Poisson(PoissonConfig(), 0).solution(inputs[:, :3], inputs[:, 3]), outputs[:, 0], atol=1e-17, rtol=1e-12
    )


def test_default_grid_includes_both_ends_and_all_candidates():
    poisson = Poisson(PoissonConfig(), 0)
    data = poisson.training()
    np.testing.assert_array_equal(data.axes[0].points[:, 0], np.linspace(0, 1, 16))
    np.testing.assert_array_equal(poisson.candidates.points[:, 0], np.linspace(0, 1, 100))
    assert data.n_points == 16**3 * 28


def test_offgrid_is_one_table_in_the_same_order_of_inputs():
    poisson = Poisson(PoissonConfig(offgrid_points=500, p_range=[2.0, 3.0]), 3)
    offgrid = poisson.evaluation()["offgrid"]
    (axis,) = offgrid.axes
    assert axis.name == "point" and axis.coordinates == poisson.training().inputs and axis.size == 500
    low, high = axis.points.min(axis=0), axis.points.max(axis=0)
    assert (low > [0, 0, 0, 2]).all() and (high < [1, 1, 1, 3]).all() and (high - low > 0.9).all()
    np.testing.assert_allclose(poisson.solution(axis.points[:, :3], axis.points[:, 3]), offgrid.values[:, 0])
    assert "offgrid" not in Poisson(PoissonConfig(offgrid_points=0), 0).evaluation()


@pytest.mark.parametrize(
    ("change", "key", "says"),
    [
        ({"grid": 1}, "dataset.grid", "at least 2"),
        ({"candidates": 1}, "dataset.candidates", "at least 2"),
        ({"train_cases": 99}, "dataset.train_cases", "at most 98"),
        ({"test_cases": 100}, "dataset.test_cases", "less than the 100"),
        ({"wave_numbers": [[1, 2]], "coefficients": [1.0]}, "dataset.wave_numbers", "three"),
        ({"wave_numbers": [[0, 2, 1]], "coefficients": [1.0]}, "dataset.wave_numbers", "at least 1"),
        ({"wave_numbers": [], "coefficients": []}, "dataset.wave_numbers", "three"),
        ({"coefficients": [1.0, 2.0, float("inf")]}, "dataset.coefficients", "finite"),
        ({"p_range": [1.0, 1.0]}, "dataset.p_range", "low < high"),
    ],
)
def test_unusable_settings_are_refused(change, key, says):
    with pytest.raises(ConfigError, match=says) as caught:
        PoissonConfig(**change)
    assert caught.value.key == key


def test_all_candidates_may_be_used():
    poisson = Poisson(PoissonConfig(grid=2, train_cases=98), 0)
    used = [*poisson.held_out, *poisson.order]
    assert sorted(used) == list(range(100)) and poisson.training().axes[-1].size == 98
