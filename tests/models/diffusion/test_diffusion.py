"""The diffusion model against conditional distributions that are known: the solver with the exact denoiser, and what
training makes of a normal law and of one with two modes."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from binn_cli.config.schema import DiffusionConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.diffusion.denoiser import Shape, begun, denoiser_of
from binn_cli.models.diffusion.model import Diffusion, FittedDiffusion
from binn_cli.models.diffusion.sampling import drawn, normal_draws
from binn_cli.models.diffusion.training import advanced

SHAPE = Shape(1, 1, 24, 2)
NEW = Axis.of("x", np.linspace(0.1, 0.9, 5))


@pytest.mark.parametrize(("number", "outputs"), [(8, 1), (16, 3), (3, 4)])
def test_starts_have_the_moments_of_a_normal_law(number: int, outputs: int) -> None:
    starts = normal_draws(number, outputs, 3)
    np.testing.assert_allclose(starts.mean(axis=0), 0, atol=1e-12)
    covariance = starts.T @ starts / number
    if number > outputs + 1:
        np.testing.assert_allclose(covariance, np.eye(outputs), atol=1e-12)
    np.testing.assert_allclose(np.diag(covariance), 1, atol=1e-12)


def test_the_solver_draws_from_a_normal_law_whose_denoiser_is_known() -> None:
    """y = 1 − x + s ε for three s: noisy outputs are normal too, and what y should be, given them, is linear."""
    x, starts = jnp.asarray([[0.2], [0.7]]), jnp.asarray(normal_draws(8, 1, 0))

    @jax.jit
    @jax.vmap
    def drawn_with(std: jax.Array) -> jax.Array:
        def velocity(x: jax.Array, noisy: jax.Array, time: jax.Array) -> jax.Array:
            alpha, sigma = jnp.cos(jnp.pi * time / 2), jnp.sin(jnp.pi * time / 2)
            mean = 1 - x
            clean = mean + alpha * std**2 / (alpha**2 * std**2 + sigma**2) * (noisy - alpha * mean)
            return (alpha * noisy - clean) / sigma

        return jax.vmap(lambda start: drawn(velocity, x, start, 16))(starts)  # type: ignore[arg-type]

    for std, draws in zip((1.0, 0.3, 0.03), np.asarray(drawn_with(jnp.asarray([1.0, 0.3, 0.03]))), strict=True):
        np.testing.assert_allclose(draws.mean(axis=0)[:, 0], [0.8, 0.3], atol=0.03 * std)
        np.testing.assert_allclose(draws.std(axis=0), std, rtol=0.03)


def test_parameters_are_one_vector_by_the_law_of_the_layers() -> None:
    shape = Shape(2, 1, 24, 1)
    vector = begun(shape, np.random.default_rng(0))
    found = denoiser_of(shape, jnp.asarray(vector))
    np.testing.assert_array_equal(ravel_pytree(found)[0], vector)
    own = eqx.nn.Linear(24, 24, key=jax.random.key(1))
    np.testing.assert_allclose(np.std(found.blocks[0].second.weight), np.std(own.weight), rtol=0.1)
    np.testing.assert_allclose(np.abs(found.blocks[0].second.bias).max(), np.abs(own.bias).max(), rtol=0.2)


def learned(y: np.ndarray, x: np.ndarray, **settings: object) -> FittedDiffusion:
    """What so many points teach two small networks."""
    small = {"width": SHAPE.width, "blocks": SHAPE.blocks, "members": 2, "steps": 4000, "draws": 32}
    config = DiffusionConfig(**(small | settings))  # type: ignore[arg-type]
    return Diffusion(config).fit(ProductData((Axis.of("x", x),), y[:, None], ("y",)))


def test_a_warm_start_goes_on_from_the_weights_and_compiles_nothing_anew() -> None:
    x = np.linspace(0, 1, 12)
    data = ProductData((Axis.of("x", x),), x[:, None] ** 2, ("y",))
    config = {"width": 8, "blocks": 1, "members": 2, "steps": 300, "draws": 2}
    first = Diffusion(DiffusionConfig(**config)).fit(data)
    built = advanced.compilations
    again = Diffusion(DiffusionConfig(**config, steps_again=100, learning_rate=1e-8)).fit(data, warm_start=first)
    assert advanced.compilations == built
    assert again.report.diagnostics["training_loss"].shape == (2, 1)
    np.testing.assert_allclose(again.members, first.members, atol=1e-4)


@pytest.fixture(scope="module")
def inputs() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=2000)


@pytest.mark.thorough
def test_normal_outputs_whose_mean_and_noise_depend_on_the_input(inputs: np.ndarray) -> None:
    """y = 5 + 2 x + (0.2 + x) ε / 2: both are known at every input."""
    std = 0.1 + 0.5 * inputs
    found = learned(5 + 2 * inputs + std * np.random.default_rng(1).standard_normal(len(inputs)), inputs)
    prediction = found.predict([NEW])
    x = NEW.points[:, 0]
    true = 0.1 + 0.5 * x
    assert (np.abs(prediction.mean[:, 0] - 5 - 2 * x) < 0.15 * true + 0.02).all()
    np.testing.assert_allclose(np.sqrt(prediction.noise_var[:, 0]), true, rtol=0.2)
    # Two thousand points leave little open.
    assert (prediction.epistemic_var < 0.1 * prediction.noise_var).all()
    draws = found.draws(NEW.points)
    assert draws.shape == (64, 5, 1)
    np.testing.assert_allclose(draws.mean(axis=0), prediction.mean, atol=1e-5)


@pytest.mark.slow
def test_outputs_of_two_modes_are_drawn_from_both(inputs: np.ndarray) -> None:
    """y is 1 with probability x and else −1, within 0.1: no normal law has these draws or this standard deviation."""
    rng = np.random.default_rng(2)
    y = np.where(rng.uniform(size=len(inputs)) < inputs, 1.0, -1.0) + 0.1 * rng.standard_normal(len(inputs))
    found = learned(y, inputs)
    draws, x = found.draws(NEW.points)[..., 0], NEW.points[:, 0]
    assert np.mean(np.abs(np.abs(draws) - 1) > 0.4) < 0.08
    np.testing.assert_allclose((draws > 0).mean(axis=0), x, atol=0.13)
    np.testing.assert_allclose(draws.std(axis=0), np.sqrt(4 * x * (1 - x) + 0.01), rtol=0.15)
    low, high = np.quantile(draws[:, 2], [0.25, 0.75])
    assert abs(low + 1) < 0.25 and abs(high - 1) < 0.25


@pytest.mark.thorough
def test_members_disagree_where_nothing_was_learned_and_one_alone_cannot() -> None:
    x = np.random.default_rng(0).uniform(0, 0.5, 200)
    axis = Axis.of("x", np.concatenate([x, [1.0]]))  # the last one only spans the domain
    data = ProductData((axis,), np.sin(6 * axis.points), ("y",))
    settings = {"width": 16, "blocks": 1, "steps": 2000, "members": 3}
    found = Diffusion(DiffusionConfig(**settings)).fit(data).predict([Axis.of("x", np.array([0.25, 0.75]))])
    assert found.epistemic_var[1, 0] > 10 * found.epistemic_var[0, 0]
    alone = Diffusion(DiffusionConfig(**(settings | {"members": 1}))).fit(data).predict([NEW])
    assert (alone.epistemic_var == 0).all() and (alone.noise_var > 0).all()
