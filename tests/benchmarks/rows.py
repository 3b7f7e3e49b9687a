"""The comparisons themselves. A new one is a function that returns a `Row` and a line in `ROWS`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from binn_cli.config.schema import BinnConfig, PoissonConfig, SineConfig
from binn_cli.datasets.poisson import Poisson
from binn_cli.datasets.sine import Sine
from binn_cli.models.binn.surrogate import Binn
from tests.benchmarks.baselines import grid_against_kronecker_gp, line_against_exact_gp
from tests.benchmarks.commands import commands_with_full_caches, start_against_imports
from tests.benchmarks.growth import (
    slope_in_dimensions,
    slope_in_functions,
    slope_in_modes,
    slope_in_points,
    sweeps_on_grids,
)
from tests.benchmarks.outputs import outputs_at_scattered_points, outputs_on_one_mesh, outputs_on_own_meshes
from tests.benchmarks.prediction import (
    exported_c,
    product_grid,
    scattered_means,
    scattered_variances,
    table_variances,
)
from tests.benchmarks.reading import reading_against_pandas
from tests.benchmarks.scale import mean_against_both, scattered_against_dense, streamed_against_reading
from tests.benchmarks.sharing import two_processes_against_one
from tests.benchmarks.timing import Row, compared
from tests.models.binn import dense_reference as dense

PAPER_POISSON = {
    "modes": 10, "centers": [16, 16, 16, 6], "length": [1.2, 1.2, 1.2, 1.0], "padding": 0, "stretch": 0,
    "prior": "weight",
    "prior_mean": "start", "relevance": "none", "noise": "fixed", "tolerance": 0.0, "start": "random",
    "compression": 0.0,
    "output_scaling": "standard", "inference": "als", "variance": "modes",
}  # fmt: skip
"""The model of Table 3."""


def structured_against_dense() -> Row:
    """A whole fit of Table 3's model on Poisson with 8 cases, five sweeps, against the printed algorithm on the same
    points."""
    data = Poisson(PoissonConfig(train_cases=8), 0).training()
    model = Binn(BinnConfig(sweeps=5, **PAPER_POISSON))
    fitted = model.fit(data)
    assert fitted.stated is not None
    inputs, outputs = data.table()
    scaled = (inputs - fitted.units.inputs.low) / fitted.units.inputs.span
    u = (outputs[:, 0] - fitted.units.outputs.shift[0]) / fitted.units.outputs.scale[0]
    rng = np.random.default_rng(0)
    prior = [rng.standard_normal((10, len(b.centers))) for b in fitted.stated[0]]

    def theirs() -> None:
        phi = [
            dense.gaussian(scaled[:, d], np.asarray(b.centers), float(b.length)) for d, b in enumerate(fitted.stated[0])
        ]
        weights = prior
        for _ in range(5):
            weights, _ = dense.sweep(phi, u, prior, weights, 1.0, 1e-3, dense.printed)

    note = f"N = {data.n_points:,}, M = 10, J = 16, 16, 16, 6; five sweeps; theirs: NumPy, N x MJ design matrices"
    return compared("structured fit / printed algorithm", lambda: model.fit(data), theirs, note, repeats=5)


def long_axis_against_normal_equations() -> Row:
    """The 1-D problem of Fig. 4 at its largest size, against the normal equations in NumPy."""
    data = Sine(SineConfig(n_train=1_310_720), 0).training()
    options = {
        "centers": 20,
        "length": 0.5,
        "length_unit": "input",
        "padding": 0,
        "stretch": 0,
        "prior": "weight",
        "relevance": "none",
    }
    model = Binn(BinnConfig(modes=1, noise="fixed", noise_variance=0.04, output_scaling="none", **options))
    fitted = model.fit(data)
    assert fitted.stated is not None
    x = (data.axes[0].points[:, 0] - fitted.units.inputs.low[0]) / fitted.units.inputs.span[0]
    centers, length, y = np.asarray(fitted.stated[0][0].centers), float(fitted.stated[0][0].length), data.values[:, 0]

    def theirs() -> None:
        phi = dense.gaussian(x, centers, length)
        np.linalg.solve(phi.T @ phi / 0.04 + np.eye(20), phi.T @ y / 0.04)

    note = "N = 1,310,720, 20 Gaussian bases; theirs: NumPy, features and solve"
    return compared("long axis / normal equations", lambda: model.fit(data), theirs, note)


def long_axis_against_one_pass() -> Row:
    """The same fit against reading the same bytes once: the floor."""
    data = Sine(SineConfig(n_train=1_310_720), 0).training()
    options = {
        "centers": 20,
        "length": 0.5,
        "length_unit": "input",
        "padding": 0,
        "stretch": 0,
        "prior": "weight",
        "relevance": "none",
    }
    model = Binn(BinnConfig(modes=1, noise="fixed", noise_variance=0.04, output_scaling="none", **options))

    def floor() -> None:
        np.sum(data.axes[0].points)
        np.sum(data.values)

    return compared(
        "long axis / one pass over bytes", lambda: model.fit(data), floor, "N = 1,310,720; theirs: numpy.sum of x and y"
    )


ROWS: tuple[Callable[[], Row | list[Row]], ...] = (
    structured_against_dense,
    long_axis_against_normal_equations,
    long_axis_against_one_pass,
    line_against_exact_gp,
    grid_against_kronecker_gp,
    scattered_against_dense,
    outputs_on_own_meshes,
    outputs_at_scattered_points,
    outputs_on_one_mesh,
    streamed_against_reading,
    sweeps_on_grids,
    slope_in_points,
    slope_in_modes,
    slope_in_functions,
    slope_in_dimensions,
    scattered_means,
    scattered_variances,
    table_variances,
    exported_c,
    product_grid,
    mean_against_both,
    reading_against_pandas,
    two_processes_against_one,
    start_against_imports,
    commands_with_full_caches,
)
