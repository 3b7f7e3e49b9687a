"""The C-HiDeNN basis: what interpolation theory promises of it, against a direct solve of every patch, and its way to
disk and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binn_cli.config.schema import BinnConfig
from binn_cli.errors import ConfigError
from binn_cli.models.binn.bases.build import build_basis
from binn_cli.models.binn.bases.chidenn import ChidennBasis, Patch
from binn_cli.models.binn.surrogate import Binn
from tests.models.problems import new_points, problem, smooth

X = np.linspace(0, 1, 57)
# Few shapes, for each is compiled once; the dilation is free.
SHAPES = st.sampled_from([(1, 0), (1, 2), (2, 2), (3, 4), (4, 8)])
PATCHES = st.builds(lambda shape, dilation: Patch(*shape, dilation), SHAPES, st.floats(0.3, 20.0))


def _basis(patch: Patch, centers: int = 9, padding: int = 0) -> ChidennBasis:
    basis = build_basis("chidenn", centers, padding, 1.0, patch=patch)
    assert isinstance(basis, ChidennBasis)
    return basis


@given(patch=PATCHES)
@settings(max_examples=20, deadline=None)
def test_one_at_its_own_node_and_zero_at_the_others(patch: Patch) -> None:
    nodes = np.linspace(0, 1, 9)
    values = np.asarray(_basis(patch)(nodes))
    np.testing.assert_allclose(values, np.eye(9, 9 + 2 * patch.size, patch.size), atol=1e-9)


@pytest.mark.parametrize("padding", [0, 2])
@given(patch=PATCHES)
@settings(max_examples=20, deadline=None)
def test_reproduces_polynomials_up_to_its_order_everywhere_in_the_domain(padding: int, patch: Patch) -> None:
    basis = _basis(patch, padding=padding)
    centers, values = np.asarray(basis.centers), np.asarray(basis(X))
    for power in range(patch.order + 1):  # power 0 is the partition of unity
        np.testing.assert_allclose(values @ centers**power, X**power, atol=1e-9)


def test_a_power_beyond_the_order_is_not_reproduced() -> None:
    basis = _basis(Patch(2, 2, 4.0))
    assert np.abs(np.asarray(basis(X)) @ np.asarray(basis.centers) ** 3 - X**3).max() > 1e-5


@given(patch=PATCHES)
@settings(max_examples=20, deadline=None)
def test_support_ends_after_one_spacing_more_than_the_patch(patch: Patch) -> None:
    basis = _basis(patch)
    distance = np.abs(X[:, None] - np.asarray(basis.centers)) / float(basis.spacing)
    values = np.abs(np.asarray(basis(X)))
    assert values[distance >= patch.size + 1 + 1e-9].max() <= 1e-12
    assert values[(distance > patch.size) & (distance < patch.size + 1)].max() > 1e-6 or patch == Patch(
        patch.size, 0, patch.dilation
    )


@pytest.mark.parametrize("patch", [Patch(1, 0, 1.5), Patch(2, 2, 4.0), Patch(3, 6, 4.0)])
def test_blends_the_interpolants_of_the_two_nearest_patches(patch: Patch) -> None:
    """Against the definition: for every point, both patches' interpolation problems are set up and solved anew."""

    def radial(z: np.ndarray) -> np.ndarray:
        return np.where(
            z < 0.5, 2 / 3 - 4 * z**2 + 4 * z**3, np.where(z < 1, 4 / 3 - 4 * z + 4 * z**2 - 4 / 3 * z**3, 0.0)
        )

    def interpolated(x: float, nodes: np.ndarray, data: np.ndarray, h: float) -> float:
        powers, r, t = np.arange(patch.order + 1), (nodes - nodes.mean()) / h, (x - nodes.mean()) / h
        matrix = radial(np.abs(r[:, None] - r) / patch.dilation)
        block = np.block([[matrix, r[:, None] ** powers], [(r[:, None] ** powers).T, np.zeros((len(powers),) * 2)]])
        solved = np.linalg.solve(block, np.concatenate([data, np.zeros(len(powers))]))
        return float(np.concatenate([radial(np.abs(t - r) / patch.dilation), t**powers]) @ solved)

    basis, rng = _basis(patch), np.random.default_rng(0)
    centers, h, s = np.asarray(basis.centers), 1 / 8, patch.size
    data, points = rng.standard_normal(len(centers)), rng.uniform(0, 1, 25)
    expected = []
    for x in points:
        cell = int(x / h) + s
        t = (x - centers[cell]) / h
        two = [interpolated(x, centers[i - s : i + s + 1], data[i - s : i + s + 1], h) for i in (cell, cell + 1)]
        expected.append((1 - t) * two[0] + t * two[1])
    np.testing.assert_allclose(np.asarray(basis(points)) @ data, expected, atol=1e-9)


@pytest.mark.parametrize(("size", "order"), [(1, 1), (1, 2), (2, 2), (2, 3), (2, 4), (3, 5)])
def test_interpolation_converges_at_the_rate_of_its_order(size: int, order: int) -> None:
    x = np.linspace(0, 1, 1001)
    errors = []
    for centers in (17, 33, 65):
        basis = _basis(Patch(size, order, 4.0), centers)
        errors.append(
            np.abs(np.asarray(basis(x)) @ np.sin(7 * np.asarray(basis.centers) + 0.4) - np.sin(7 * x + 0.4)).max()
        )
    rates = np.log2(np.divide(errors[:-1], errors[1:]))
    np.testing.assert_allclose(rates, order + 1, atol=0.35)


def test_compiled_values_are_the_same_and_outside_the_nodes_there_is_nothing() -> None:
    basis = _basis(Patch())
    np.testing.assert_allclose(basis(X), basis(X), rtol=1e-13, atol=1e-15)
    assert np.abs(np.asarray(basis(np.array([-9.0, 9.0])))).max() == 0.0


@pytest.mark.parametrize("stretch", [0.0, 3.0])
def test_a_surrogate_is_right_between_its_points_and_survives_its_own_description(stretch: float) -> None:
    data = problem("grid")
    model = Binn(
        BinnConfig(basis="chidenn", centers=4, patch=1, order=2, dilation=2.5, stretch=stretch, modes=3, sweeps=10)
    )
    fitted = model.fit(data)
    tree = fitted.state()
    described = tree["stated"]["000"]
    assert (described["kind"], described["size"], described["order"], described["dilation"]) == ("chidenn", 1, 2, 2.5)
    axis = new_points(data)
    before, after = fitted.predict([axis]), model.from_state(tree).predict([axis])
    np.testing.assert_allclose(before.mean[:, 0], smooth(axis.points), atol=0.1 if stretch else 0.02)
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_array_equal(before.total_std, after.total_std)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch": 0}, r"model\.patch: must be from 1 to 8, not 0"),
        ({"order": 5}, r"model\.order: must be from 0 to 4, not 5"),
        ({"dilation": 0.0}, r"model\.dilation: must be greater than 0, not 0"),
    ],
)
def test_settings_out_of_range(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BinnConfig(**change)
