"""The structured Tucker engine against dense design matrices: same factors, core, mean and variance after every sweep."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn import block
from binn_cli.models.binn.model import Binn
from binn_cli.models.binn.tucker import axes
from tests.marks import thorough_for
from tests.models import dense_reference as dense
from tests.models.tucker import dense_tucker

RANKS = {"grid": [2, 3, 2], "mixed": [2, 2, 3, 2], "scattered": [2, 3], "line": [1]}


def data_of(kind: str) -> ProductData:
    rng = np.random.default_rng(0)
    if kind == "grid":
        made: tuple[Axis, ...] = tuple(Axis.of(name, np.sort(rng.uniform(-1, 2, n))) for name, n in (("x", 7), ("y", 6), ("z", 5)))
    elif kind == "mixed":
        pairs = np.stack([rng.choice([1.0, 2.0, 4.0, 5.0], 11), rng.uniform(100, 200, 11)], axis=1)
        made = (Axis.of("x", np.linspace(0, 1, 6)), Axis.of("t", rng.uniform(0, 0.04, 5)), Axis("case", pairs, ("k", "P")))
    elif kind == "scattered":
        made = (Axis("point", rng.uniform(0, 1, (90, 2)), ("x", "y")),)
    else:
        made = (Axis("point", rng.uniform(0, 1, (30, 1)), ("x",)),)
    shape = tuple(axis.size for axis in made)
    inputs = ProductData(made, np.zeros((*shape, 1)), ("u",)).table()[0]
    scaled = (inputs - inputs.min(axis=0)) / np.ptp(inputs, axis=0)
    first = np.sin(3 * scaled + 0.4).prod(axis=1) + 0.5 * np.cos(scaled.sum(axis=1)) + 0.05 * rng.standard_normal(len(scaled))
    second = 10 + 3 * np.cos(2 * scaled + 1).prod(axis=1)
    return ProductData(made, np.stack([first, second], axis=1).reshape(*shape, 2), ("u", "v"))


def config_of(kind: str, **changes: object) -> BinnConfig:
    settings: dict[str, object] = {
        "decomposition": "tucker", "ranks": RANKS[kind], "centers": 4, "length": 1.2, "prior": "weight", "prior_mean": "start",
        "noise": "fixed", "noise_variance": 1e-2, "tolerance": 0.0, "start": "random", "compression": 0.0, "padding": 0, "stretch": 0,
        "relevance": "none", "output_scaling": "standard",
    }  # fmt: skip
    return BinnConfig(**{**settings, **changes})


def transcribed(data: ProductData, fitted, output: int, inputs: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Basis values at the inputs, and the data of one output in standard units."""
    scaled = (inputs - fitted.inputs.low) / fitted.inputs.span
    phi = [dense.gaussian(scaled[:, d], np.asarray(b.centers), float(b.length)) for d, b in enumerate(fitted.bases)]
    u = (data.table()[1][:, output] - fitted.outputs.shift[output]) / fitted.outputs.scale[output]
    return phi, u


def start_of(data: ProductData, kind: str, output: int, rows: int | None) -> tuple[list[np.ndarray], np.ndarray]:
    """The random start of a fit, recovered from a fit whose prior leaves the data no say."""
    # The draw is proportional to the prior's standard deviation, here 1e-3 where the fits that are tested have 1.
    pinned = Binn(config_of(kind, sweeps=1, noise_variance=1e12, prior_variance=1e-6)).fit(data, capacity=rows)
    return [1e3 * np.asarray(d.weights[output]) for d in pinned.dimensions], 1e3 * pinned.core.mean[output].reshape(RANKS[kind])


REPEATED = {
    ("mixed", True, 4),
    ("scattered", True, 4),
    ("scattered", False, None),
    ("grid", True, None),
    ("scattered", True, None),
}
CASES = [(kind, joint, None) for kind in RANKS for joint in (True, False)] + [("mixed", True, 4), ("scattered", True, 4)]


@pytest.mark.parametrize(("kind", "joint", "room"), thorough_for(REPEATED, CASES))
def test_every_sweep_equals_the_dense_updates(kind: str, joint: bool, room: int | None) -> None:
    data = data_of(kind)
    rows = None if room is None else data.axes[-1].size + room
    fits = [Binn(config_of(kind, sweeps=s, variance="joint" if joint else "modes")).fit(data, capacity=rows) for s in (1, 2, 3)]
    inputs = data.table()[0]
    new = np.random.default_rng(5).uniform(inputs.min(axis=0), inputs.max(axis=0), (9, inputs.shape[1]))
    for output in range(2):
        phi, u = transcribed(data, fits[0], output, inputs)
        phi_new, _ = transcribed(data, fits[0], output, new)
        prior, core_prior = start_of(data, kind, output, rows)
        weights = prior
        for fitted in fits:
            core, core_covariance, weights, covariances = dense_tucker.sweep(phi, u, prior, core_prior, weights, 1.0, 1e-2)
            np.testing.assert_allclose(fitted.core.mean[output].reshape(core.shape), core, rtol=1e-8, atol=1e-8)
            for mine, theirs in zip(fitted.dimensions, weights, strict=True):
                np.testing.assert_allclose(mine.weights[output], theirs, rtol=1e-8, atol=1e-8)
            mean, variance = dense_tucker.predict(phi_new, weights, covariances, core, core_covariance, joint)
            got = fitted.predict([Axis("point", new, data.inputs)])
            scale, shift = fitted.outputs.scale[output], fitted.outputs.shift[output]
            np.testing.assert_allclose((got.mean[:, output] - shift) / scale, mean, rtol=1e-8, atol=1e-8)
            np.testing.assert_allclose(got.epistemic_var[:, output] / scale**2, variance, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("kind", ["grid", "mixed", "scattered"])
def test_warm_start_makes_the_posterior_mean_the_prior_mean(kind: str) -> None:
    data = data_of(kind)
    before = Binn(config_of(kind, sweeps=2)).fit(data)
    after = Binn(config_of(kind, sweeps=1)).fit(data, warm_start=before)
    phi, u = transcribed(data, before, 0, data.table()[0])
    prior = [np.asarray(d.weights[0]) for d in before.dimensions]
    core_prior = before.core.mean[0].reshape(RANKS[kind])
    core, _, weights, _ = dense_tucker.sweep(phi, u, prior, core_prior, prior, 1.0, 1e-2)
    np.testing.assert_allclose(after.core.mean[0].reshape(core.shape), core, rtol=1e-8, atol=1e-8)
    for mine, theirs in zip(after.dimensions, weights, strict=True):
        np.testing.assert_allclose(mine.weights[0], theirs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("entries", [1, 60])
def test_chunks_of_rows_change_nothing(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums over points, by distinct value or point by point, do not depend on how many rows are summed at once."""
    from binn_cli.models.binn.statistics import PointAxis
    from binn_cli.models.binn.tucker.factor import point_statistics

    rng = np.random.default_rng(0)
    values, owner = rng.standard_normal((6, 3)), rng.integers(0, 6, 50)
    second, projection = rng.standard_normal((50, 4)), rng.standard_normal((50, 2))
    means, root, moment = (
        [rng.standard_normal((2, 3)), rng.standard_normal((3, 4))],
        rng.standard_normal((6, 5)),
        rng.standard_normal((2, 6)),
    )
    h = second @ means[1].T
    g = np.einsum("nq,rqp->nrp", h, root.reshape(2, 3, 5))
    design = np.einsum("nrp,nk->nprk", g, values[owner]).reshape(250, 6)
    targets = np.einsum("nz,zrq,nq->nr", projection, moment.reshape(2, 2, 3), h)
    monkeypatch.setattr(axes, "CHUNK_ENTRIES", entries)
    for first, owners in ((values, owner), (values[owner], None)):
        axis = PointAxis(projection, (first, second), (owners, None), ())
        gram, rhs = point_statistics(axis, 0, means, root, moment)
        np.testing.assert_allclose(np.asarray(gram).reshape(6, 6), design.T @ design, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(rhs, targets.T @ values[owner], rtol=1e-11, atol=1e-11)
        columns = axes.axis_columns(axis, means)
        products = np.einsum("nq,nr->nqr", values[owner] @ means[0].T, h).reshape(50, 6)
        np.testing.assert_allclose(columns.gram, products.T @ products, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(columns.compressed, projection.T @ products, rtol=1e-11, atol=1e-11)


def test_a_block_without_structure_is_bayesian_linear_regression() -> None:
    rng = np.random.default_rng(1)
    x, u, prior = rng.standard_normal((30, 6)), rng.standard_normal(30), rng.standard_normal((2, 3))
    found = block.dense_block((x.T @ x).reshape(2, 3, 2, 3), (x.T @ u).reshape(2, 3), prior, np.full(2, 0.7), np.asarray(0.1))
    mean, covariance = dense.printed(x, u, prior.ravel(), 0.7, 0.1)
    np.testing.assert_allclose(np.ravel(found.mean), mean, rtol=1e-10)
    np.testing.assert_allclose(np.reshape(found.covariance, (6, 6)), covariance, rtol=1e-10, atol=1e-14)
