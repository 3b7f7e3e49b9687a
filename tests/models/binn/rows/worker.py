"""One process of a fit on several: `python -m tests.models.binn.rows.worker OUT [die]`; the environment says which one
it is.

Writes the weights of a line and of scattered points. With `die`, every process but the first leaves in the middle of
the second.
"""

from __future__ import annotations

import os
import sys

import jax
import numpy as np

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import ProductData
from binn_cli.datasets.rows import TableRows, Watched
from binn_cli.errors import BinnError
from binn_cli.models.binn.rows.fit import fit_rows
from binn_cli.models.processes import join_if_asked, leave_without_waiting
from tests.models.problems import problem

CONFIG = BinnConfig(modes=2, centers=5, length=1.2, padding=1, stretch=0, noise_variance=1e-2)


def weights(data: ProductData, chunk: int) -> np.ndarray:
    """All weights of a fit."""
    return fit_rows(CONFIG, TableRows(data), None, chunk).posteriors[0].members[0][0].weights


def few(n: int) -> ProductData:
    """The first rows of a line of points."""
    line = problem("line", noise=0.05)
    return ProductData((line.axes[0].taken(range(n)),), line.values[:n], line.outputs)


def main() -> None:
    """Fit with the others."""
    join_if_asked()
    out, dying = sys.argv[1], len(sys.argv) > 2
    found = {
        "line": weights(problem("line", noise=0.05), 7),
        "scattered": weights(problem("scattered", noise=0.05), 150),
        "one_each": weights(few(jax.device_count()), 1),
    }
    if dying:
        calls = []

        def leave(done: int) -> None:
            calls.append(done)
            if jax.process_index() > 0 and len(calls) > 4:
                os._exit(9)

        try:
            fit_rows(CONFIG, Watched(TableRows(problem("scattered")), leave), None, 150)
        except BinnError as error:
            leave_without_waiting()
            sys.exit(f"BinnError: {error}")
    if jax.process_index() == 0:
        np.savez(out, devices=jax.device_count(), processes=jax.process_count(), **found)


if __name__ == "__main__":
    main()
