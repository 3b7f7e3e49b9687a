"""Fits of B-INN against Gaussian processes on the same data: scikit-learn's exact one, and our own on grids."""

from __future__ import annotations

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

from binn_cli.config.schema import BinnConfig, PoissonConfig, SineConfig
from binn_cli.config.schema.gp import GpGridConfig
from binn_cli.datasets.poisson import Poisson
from binn_cli.datasets.sine import Sine
from binn_cli.models.binn.surrogate import Binn
from binn_cli.models.gp.grid import GpGrid
from tests.benchmarks.timing import Row, compared


def line_against_exact_gp(n: int = 2_560) -> Row:
    """The noisy line with every hyperparameter chosen, against an exact Gaussian process whose hyperparameters are
    given."""
    data = Sine(SineConfig(n_train=n), 0).training()
    x, y = data.axes[0].points, data.values[:, 0]
    model = Binn(BinnConfig())
    gp = GaussianProcessRegressor(RBF(0.2), alpha=0.04, optimizer=None)
    note = f"N = {n:,}; ours chooses its hyperparameters, theirs (scikit-learn) does not"
    return compared("line / exact GP of scikit-learn", lambda: model.fit(data), lambda: gp.fit(x, y), note, repeats=5)


def grid_against_kronecker_gp() -> Row:
    """Poisson with 28 cases: defaults against defaults, both with all hyperparameters from the evidence."""
    data = Poisson(PoissonConfig(train_cases=28), 0).training()
    test = Poisson(PoissonConfig(train_cases=28), 0).evaluation()["offgrid"]
    ours, theirs = Binn(BinnConfig()), GpGrid(GpGridConfig())
    errors = [float(np.sqrt(np.mean((m.fit(data).predict(test.axes).mean - test.values) ** 2))) for m in (ours, theirs)]
    note = f"N = {data.n_points:,}; errors off the grid {errors[0]:.2g} and {errors[1]:.2g}"
    return compared(
        "Poisson, 28 cases / Kronecker GP", lambda: ours.fit(data), lambda: theirs.fit(data), note, repeats=3
    )
