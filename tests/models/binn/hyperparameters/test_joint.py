"""What all field axes choose together: lengths, and whether their ends are mirrors."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.bases.mirrored import EVEN, FREE, ODD
from binn_cli.models.binn.hyperparameters import joint
from binn_cli.models.binn.surrogate import Binn


def test_a_long_axis_takes_no_more_than_some_of_its_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """A series of 50,000 points, as a server may give: its kernel would take 20 GB."""
    sizes: list[int] = []
    decompose = np.linalg.eigh
    monkeypatch.setattr(joint.np.linalg, "eigh", lambda matrix: sizes.append(len(matrix)) or decompose(matrix))
    x, cases = np.linspace(0.0, 1.0, 50_000), np.random.default_rng(0).uniform(1.0, 4.0, size=(5, 2))
    values = np.sin(3.0 * x[:, None]) * cases[:, 0] + x[:, None] * cases[:, 1] ** 2
    fitted = Binn(BinnConfig()).fit(
        ProductData((Axis.of("x", x), Axis("case", cases, ("k", "P"))), values[..., None], ("u",))
    )
    assert 0 < max(sizes) <= 200
    said = fitted.predict([Axis.of("x", x[7::5000]), Axis("case", cases, ("k", "P"))]).mean[..., 0]
    np.testing.assert_allclose(said, values[7::5000], atol=1e-2 * np.abs(values).max())


X, K = np.linspace(0.0, 1.0, 21), np.linspace(1.0, 2.0, 8)
TRULY = {
    "walls": (lambda x, k: np.sin(np.pi * x) * (k + np.cos(2.0 * np.pi * x) ** 3), [ODD, ODD]),
    "a wall and a plane of symmetry": (lambda x, k: np.sin(0.5 * np.pi * x) * k + np.sin(1.5 * np.pi * x), [ODD, EVEN]),
    "a slope": (lambda x, k: np.sin(np.pi * x) * k + 0.1 * x, [ODD, FREE]),
    "neither": (lambda x, k: np.exp(x * k), [FREE, FREE]),
    "zero at the ends, and yet not odd": (lambda x, k: x * (1.0 - x) * np.exp(x * k), [FREE, FREE]),
}


@pytest.mark.parametrize("name", list(TRULY))
def test_walls_and_planes_of_symmetry_are_found(name: str) -> None:
    truth, expected = TRULY[name]
    fitted = Binn(BinnConfig()).fit(
        ProductData((Axis.of("x", X), Axis.of("k", K)), truth(X[:, None], K)[..., None], ("u",))
    )
    assert fitted.report.diagnostics["mirrored_ends"][0].tolist() == expected
    between = (X[1:] + X[:-1]) / 2
    said = fitted.predict([Axis.of("x", between), Axis.of("k", K)]).mean[..., 0]
    size = np.abs(truth(X[:, None], K)).max()
    np.testing.assert_allclose(said, truth(between[:, None], K), atol=1e-5 * size)


def test_noise_hides_no_wall_and_makes_none() -> None:
    noise = 1e-3 * np.random.default_rng(0).standard_normal((len(X), len(K)))
    for truth, expected in (TRULY["walls"], TRULY["neither"]):
        data = ProductData((Axis.of("x", X), Axis.of("k", K)), (truth(X[:, None], K) + noise)[..., None], ("u",))
        found = Binn(BinnConfig()).fit(data).report.diagnostics["mirrored_ends"][0].tolist()
        assert found in (expected, [FREE, FREE])


def test_without_mirrors_a_field_between_walls_is_missed_by_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interpolation on a grid is worst beside its ends."""
    truth, _ = TRULY["walls"]
    x = X[::2]
    data = ProductData((Axis.of("x", x), Axis.of("k", K)), truth(x[:, None], K)[..., None], ("u",))
    near = np.linspace(0.0, 0.1, 11)

    def missed() -> float:
        said = Binn(BinnConfig()).fit(data).predict([Axis.of("x", near), Axis.of("k", K)])
        return float(np.sqrt(np.mean((said.mean[..., 0] - truth(near[:, None], K)) ** 2)))

    with_mirrors = missed()
    monkeypatch.setattr(joint, "WORTH_A_MIRROR", np.inf)
    assert with_mirrors < 0.1 * missed()


def test_a_case_that_breaks_a_wall_is_learned_without_it() -> None:
    """All that was asked for was zero at both ends; the next case is not."""
    x, k = np.linspace(0.0, 1.0, 21), np.linspace(1.0, 2.0, 6)
    field = np.sin(np.pi * x)[:, None] * k + np.sin(2.0 * np.pi * x)[:, None] * k**2
    before = Binn(BinnConfig()).fit(ProductData((Axis.of("x", x), Axis.of("k", k)), field[..., None], ("u",)))
    assert before.report.diagnostics["mirrored_ends"][0].tolist() == [ODD, ODD]
    assert "odd or even at both ends of x" in before.report.notes[0]
    another = field[:, -1:] + np.cos(x)[:, None]
    new = ProductData((Axis.of("x", x), Axis.of("k", np.array([1.5]))), another[..., None], ("u",))
    after = Binn(BinnConfig()).update(before, new)
    assert after.report.diagnostics["mirrored_ends"][0].tolist() == [FREE, FREE]
    said = after.predict([Axis.of("x", x), Axis.of("k", np.array([1.5]))]).mean[:, 0, 0]
    np.testing.assert_allclose(said, another[:, 0], atol=1e-4)


def test_too_few_points_know_of_no_wall() -> None:
    x = np.linspace(0.0, 1.0, 7)
    truth, _ = TRULY["walls"]
    fitted = Binn(BinnConfig()).fit(
        ProductData((Axis.of("x", x), Axis.of("k", K)), truth(x[:, None], K)[..., None], ("u",))
    )
    assert fitted.report.diagnostics["mirrored_ends"][0].tolist() == [FREE, FREE]
