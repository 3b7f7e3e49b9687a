"""Two small runs that have learned something: a table, and fields on a grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from binn_cli import build
from binn_cli.cli import main
from binn_cli.config.compose import validated
from binn_cli.config.store import conf_directory, register

MODEL = ["model=gp", "budget=smoke", "output.figures=false"]


@pytest.fixture(scope="session")
def table_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Gaussian process of the drag, on speed and `gap/mm`; the data are gone."""
    root = tmp_path_factory.mktemp("table")
    rng = np.random.default_rng(0)
    speed, gap = rng.uniform(10, 60, 40), rng.uniform(0.2, 2, 40)
    table = np.c_[speed, gap, speed * gap, speed - gap]
    np.savetxt(root / "runs.csv", table, delimiter=",", header="speed,gap/mm,drag,$lift$\nm/s,,N,N", comments="")
    data = ["dataset=table", f"dataset.path={root / 'runs.csv'}", "dataset.outputs=[drag,$lift$]"]
    assert main(["run", *data, *MODEL, f"output.root={root / 'outputs'}"]) == 0
    (root / "runs.csv").unlink()
    (found,) = (root / "outputs").iterdir()
    return found


@pytest.fixture(scope="session")
def heat_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A B-INN of a tiny heat problem, with five inputs on four axes."""
    root = tmp_path_factory.mktemp("heat")
    size = (
        "dataset.grid=4 dataset.times=3 dataset.cells=4 dataset.substeps=2 dataset.candidates=[3,3] "
        "dataset.test_cases=2"
    )
    few = "dataset.train_cases=4 dataset.offgrid_points=0 model.length=2 model.stretch=0 model.modes=2 model.sweeps=2"
    assert (
        main(
            [
                "run",
                "dataset=heat",
                "task=regress",
                *size.split(),
                *few.split(),
                "output.figures=false",
                f"output.root={root}",
            ]
        )
        == 0
    )
    (found,) = root.iterdir()
    return found


def composed_model(name: str, *options: str) -> Any:
    """A model with the settings of the smallest budget."""
    register()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
        return build.model(validated(compose("config", [f"model={name}", "budget=smoke", *options])))
