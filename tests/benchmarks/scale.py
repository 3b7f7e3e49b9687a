"""Comparisons at scale: scattered points, data read from a file, and prediction."""

from __future__ import annotations

import tempfile
from pathlib import Path

import h5py
import numpy as np

from binn_cli.config.schema import BinnConfig, PoissonConfig, SineConfig
from binn_cli.datasets.columns.column_file import Reading
from binn_cli.datasets.columns.streaming import streamed_rows
from binn_cli.datasets.poisson import Poisson
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.sine import Sine
from binn_cli.models.binn.rows.fit import fit_rows
from binn_cli.models.binn.rows.sums import rows_per_chunk
from binn_cli.models.binn.surrogate import Binn
from tests.benchmarks.timing import Row, compared
from tests.models.binn import dense_reference as dense

CENTERS = [25, 25, 16, 10, 10, 10, 12]
"""Of the paper's Table 2."""

SWEEPS = 5


def scattered_against_dense(n: int = 100_000) -> Row:
    """Sweeps over scattered points of seven inputs, against N x MJ design matrices and NumPy's matrix product."""
    x = np.random.default_rng(0).uniform(0, 1, (n, 7))
    data = ProductData((Axis("point", x, tuple("abcdefg")),), np.sin(2.5 * x + 0.3).prod(axis=1)[:, None], ("u",))
    options = {
        "modes": 2,
        "centers": CENTERS,
        "length": 1.2,
        "padding": 0,
        "stretch": 0,
        "prior": "weight",
        "relevance": "none",
    }
    model = Binn(
        BinnConfig(
            sweeps=SWEEPS,
            tolerance=0.0,
            inference="als",
            variance="modes",
            noise="fixed",
            noise_variance=0.0225,
            **options,
        )
    )
    fitted = model.fit(data)
    assert fitted.stated is not None
    scaled = (x - fitted.units.inputs.low) / fitted.units.inputs.span

    def theirs() -> None:
        phi = [
            dense.gaussian(scaled[:, d], np.asarray(b.centers), float(b.length)) for d, b in enumerate(fitted.stated[0])
        ]
        weights = [np.random.default_rng(0).standard_normal((p.shape[1], 2)) for p in phi]
        for _ in range(SWEEPS):
            functions = [p @ w for p, w in zip(phi, weights, strict=True)]
            for d, p in enumerate(phi):
                g = np.prod([f for e, f in enumerate(functions) if e != d], axis=0)
                design = (g[:, :, None] * p[:, None, :]).reshape(n, -1)
                np.linalg.inv(design.T @ design / 0.0225 + np.eye(design.shape[1]))

    note = (
        f"N = {n:,}, M = 2, J = {CENTERS}, {SWEEPS} sweeps; theirs: NumPy, the design matrix of every block and "
        f"its posterior covariance"
    )
    return compared("scattered sweeps / NumPy, dense blocks", lambda: model.fit(data), theirs, note, repeats=3)


def streamed_against_reading(n: int = 4_000_000) -> Row:
    """A line fitted from HDF5 in one pass, against reading the same file in the same chunks."""
    data = Sine(SineConfig(n_train=n), 0).training()
    model = BinnConfig(
        modes=1, centers=20, length=0.5, length_unit="input", padding=0, stretch=0, prior="weight", relevance="none",
        noise="fixed",
        noise_variance=0.04, output_scaling="none",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "sine.h5"
        with h5py.File(path, "w") as file:
            file["x"], file["y"] = data.axes[0].points[:, 0], data.values[:, 0]
        rows = streamed_rows(path, Reading(), ["x"], ["y"], drop_missing=False, directory=path.parent)[0]
        domain = np.array([[-1.0, 1.0]])

        def reading() -> None:
            for _ in rows.chunks(rows_per_chunk(rows)):
                pass

        note = f"N = {n:,}, 20 Gaussian bases, stated domain; theirs: h5py reading every row, from the file cache"
        return compared(
            "streamed line / reading the file", lambda: fit_rows(model, rows, domain), reading, note, repeats=3
        )


def mean_against_both(n: int = 20_000) -> Row:
    """Scattered predictions of a Tucker decomposition: the mean alone against mean and variance."""
    data = Poisson(PoissonConfig(train_cases=8), 0).training()
    fitted = Binn(BinnConfig()).fit(data)
    points = [Axis("point", np.random.default_rng(0).uniform(0, 1, (n, 4)), data.inputs)]
    note = f"{n:,} scattered points of Poisson's surrogate; theirs: the same with the standard deviation"
    return compared(
        "mean alone / with variance",
        lambda: fitted.predict(points, variance=False),
        lambda: fitted.predict(points),
        note,
        repeats=3,
    )
