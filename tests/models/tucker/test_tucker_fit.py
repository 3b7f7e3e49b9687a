"""What a Tucker fit must recover, what must not matter to it, and data and settings that break careless code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import ConfigError
from binn_cli.models.binn.model import Binn
from binn_cli.models.binn.tucker import fit, ranks
from binn_cli.models.compilation import CompiledFunction
from tests.models.problems import KINDS, new_points, problem

QUICK = BinnConfig(decomposition="tucker", centers=6, length=1.5, padding=2, stretch=0, sweeps=8)


def _tucker_function(inputs: np.ndarray) -> np.ndarray:
    """Multilinear ranks (2, 3, 2), which no sum of two products has."""
    core = np.random.default_rng(3).standard_normal((2, 3, 2))
    f = [np.stack([np.sin(2 * x + r) + 0.2 * r * x**2 for r in range(n)], axis=1) for x, n in zip(inputs.T, (2, 3, 2), strict=True)]
    return np.einsum("abc,na,nb,nc->n", core, *f)


def _grid(function, sizes: tuple[int, ...] = (12, 11, 10)) -> ProductData:
    axes = tuple(Axis.of(name, np.linspace(0, 1, n)) for name, n in zip("xyz", sizes, strict=True))
    inputs = ProductData(axes, np.zeros((*sizes, 1)), ("u",)).table()[0]
    return ProductData(axes, function(inputs).reshape(*sizes, 1), ("u",))


def _error(data: ProductData, config: BinnConfig) -> float:
    prediction = Binn(config).fit(data).predict(data.axes)
    assert np.isfinite(prediction.mean).all()
    assert np.isfinite(prediction.total_std).all()
    assert (prediction.epistemic_var >= 0).all()
    assert (prediction.noise_var > 0).all()
    return float(np.sqrt(np.mean((prediction.mean - data.values) ** 2)))


def test_a_known_tucker_function_is_recovered_between_the_nodes() -> None:
    data = _grid(_tucker_function)
    fitted = Binn(BinnConfig(decomposition="tucker")).fit(data)
    assert fitted.report.diagnostics["tucker_ranks"].tolist() == [2, 3, 2]
    axis = new_points(data, n=200)
    got, truth = fitted.predict([axis]), _tucker_function(axis.points)
    assert np.sqrt(np.mean((got.mean[:, 0] - truth) ** 2)) < 1e-6 * np.std(truth)
    assert np.mean(np.abs(got.mean[:, 0] - truth) < 2 * got.total_std[:, 0]) > 0.9


def test_a_sum_of_two_products_is_learned_as_cp_learns_it() -> None:
    data = problem("grid", noise=0.01)
    axis = new_points(data)
    cp = Binn(replace(QUICK, decomposition="cp", modes=2, sweeps=60, tolerance=1e-8)).fit(data).predict([axis])
    tucker = Binn(replace(QUICK, ranks=2, sweeps=60, tolerance=1e-8)).fit(data).predict([axis])
    truth = np.std(data.values)
    np.testing.assert_allclose(tucker.mean, cp.mean, atol=0.01 * truth)
    np.testing.assert_allclose(np.sqrt(tucker.noise_var), np.sqrt(cp.noise_var), rtol=0.05)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
def test_order_of_rows(kind: str) -> None:
    data = problem(kind, noise=0.01)
    rng = np.random.default_rng(1)
    values, axes = data.values, []
    for a, axis in enumerate(data.axes):
        order = rng.permutation(axis.size)
        axes.append(axis.taken(order))
        values = np.take(values, order, axis=a)
    config = replace(QUICK, ranks="auto", tolerance=0.0)
    one, other = (Binn(config).fit(d).predict([new_points(data)]) for d in (data, replace(data, axes=tuple(axes), values=values)))
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(one.total_std, other.total_std, rtol=1e-5, atol=1e-7)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["mixed", "scattered"])
def test_room_for_later_cases_changes_nothing(kind: str) -> None:
    data = problem(kind, noise=0.01)
    config, axis = replace(QUICK, ranks=2, compression=0.0, tolerance=0.0), new_points(data)
    one, other = (Binn(config).fit(data, capacity=room).predict([axis]) for room in (None, data.axes[-1].size + 9))
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(one.total_std, other.total_std, rtol=1e-5, atol=1e-7)


def test_noise_does_not_ask_for_functions() -> None:
    data = _grid(_tucker_function)
    noisy = replace(data, values=data.values + 0.02 * np.random.default_rng(0).standard_normal(data.values.shape))
    fitted = Binn(replace(QUICK, sweeps=20)).fit(noisy)
    assert (fitted.report.diagnostics["tucker_ranks"] <= [2, 3, 2]).all()
    np.testing.assert_allclose(fitted.report.diagnostics["noise_std"], 0.02, rtol=0.1)


def test_a_growing_data_set_compiles_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = CompiledFunction(fit.infer)
    monkeypatch.setattr(fit, "inferred", fresh)
    data = problem("mixed")
    model, fitted = Binn(QUICK), None
    for count in (8, 9, 10):
        part = replace(data, axes=(*data.axes[:-1], data.axes[-1].taken(range(count))), values=data.values[..., :count, :])
        fitted = model.fit(part, warm_start=fitted, capacity=12)
    assert fresh.compilations == 1
    error = fitted.predict(data.axes).mean - data.values
    assert np.sqrt(np.mean(error**2)) < 0.02


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
def test_constant_output(kind: str) -> None:
    data = problem(kind)
    for constant in (0.0, 7.0):
        flat = replace(data, values=np.full(data.values.shape, constant))
        assert _error(flat, replace(QUICK, ranks="auto")) <= 1e-3 * constant + 1e-12


@pytest.mark.thorough
def test_one_training_case_and_duplicated_cases() -> None:
    data = problem("mixed")
    single = replace(data, axes=(*data.axes[:-1], data.axes[-1].taken([3])), values=data.values[..., [3], :])
    assert _error(single, QUICK) < 1e-2
    assert _error(data.appended(data), QUICK) < 2e-2


@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "wanted"), [("grid", 6), ("scattered", 5), ("mixed", 3)])
def test_more_functions_than_the_data_have(kind: str, wanted: int) -> None:
    assert _error(problem(kind), replace(QUICK, ranks=wanted, sweeps=15)) < 0.02


@pytest.mark.thorough
def test_several_outputs_are_learned_apart() -> None:
    """Two outputs of different functions and noise: each as well as its own rank and noise allow."""
    data = problem("grid", noise=0.01)
    other = 5.0 + _tucker_function(data.table()[0] / data.table()[0].max(axis=0)).reshape(data.values.shape)
    both = ProductData(data.axes, np.concatenate([data.values, other], axis=-1), ("u", "v"))
    found = Binn(replace(QUICK, ranks=4, sweeps=20)).fit(both).predict(data.axes)
    error = np.sqrt(np.mean((found.mean - both.values) ** 2, axis=(0, 1, 2)))
    np.testing.assert_allclose(np.sqrt(found.noise_var[0, 0, 0, 0]), 0.01, rtol=0.2)
    assert error[0] < 0.012 and error[1] < 1e-3 * np.std(other)


def test_ranks_are_cut_to_the_functions_of_a_dimension() -> None:
    fitted = Binn(replace(QUICK, centers=3, padding=0, ranks=[9, 2, 1])).fit(problem("grid"))
    assert fitted.report.diagnostics["tucker_ranks"].tolist() == [3, 2, 1]


def test_a_core_beyond_reason_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "LARGEST_CORE", 100)
    with pytest.raises(
        ConfigError, match=r"model\.ranks: make a core of 5 x 5 x 5 = 125 entries, more than 100; state smaller ranks or use"
    ):
        Binn(replace(QUICK, ranks=5)).fit(problem("grid"))


def test_automatic_ranks_of_too_many_coordinates_are_refused() -> None:
    rng = np.random.default_rng(0)
    axis = Axis("point", rng.uniform(size=(20, 13)), tuple("abcdefghijklm"))
    with pytest.raises(ConfigError, match=r"auto is for axes of at most 12 inputs, not 13; use model\.decomposition=cp"):
        Binn(replace(QUICK, centers=2)).fit(ProductData((axis,), rng.standard_normal((20, 1)), ("u",)))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"decomposition": "cp", "ranks": 3}, r"model\.ranks: is for model\.decomposition=tucker; cp has model\.modes"),
        ({"decomposition": "tucker", "modes": 3}, r"model\.modes: is for model\.decomposition=cp; tucker has model\.ranks"),
        ({"decomposition": "tucker", "ranks": 0}, r"model\.ranks: must be a whole number from 1 to 1024"),
        ({"ranks": 3, "modes": 3}, r"model\.ranks: is for model\.decomposition=tucker and model\.modes for cp; state one of them"),
        ({"decomposition": "tucker", "inference": "vb"}, r"model\.inference: vb is for model\.decomposition=cp; tucker has als"),
        ({"decomposition": "tuck"}, r'model\.decomposition: "tuck" is not one of auto, cp, tucker; did you mean "tucker"\?'),
    ],
)
def test_settings_that_make_no_sense(settings: dict, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        BinnConfig(**settings)


def test_reducing_ranks_gives_up_the_smallest_functions_first() -> None:
    sizes = [np.array([1.0, 0.5, 1e-3]), np.array([1.0, 0.1]), np.array([1.0, 0.4, 0.2])]
    assert ranks.reduced([3, 2, 3], sizes, 12) == [2, 2, 3]
    assert ranks.reduced([3, 2, 3], sizes, 6) == [2, 1, 3]
    assert ranks.reduced([3, 2, 3], sizes, 1, [False, True, True]) == [3, 1, 1]


def test_noise_of_unfoldings() -> None:
    """Noise alone is measured; a clean low-rank tensor has none; what compression cut off was round-off."""
    rng = np.random.default_rng(0)
    noise = 0.3 * rng.standard_normal((8, 40, 30))
    spectra = [np.linalg.svd(np.moveaxis(noise, a, 0).reshape(n, -1), compute_uv=False) ** 2 for a, n in enumerate(noise.shape)]
    np.testing.assert_allclose(ranks.noise_variance(spectra, list(noise.shape), 1), 0.09, rtol=0.1)
    assert ranks.noise_variance([s[:3] for s in spectra], list(noise.shape), 1) == 0.0
