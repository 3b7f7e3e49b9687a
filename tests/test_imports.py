"""What each verb imports: nothing that it does not need, since importing is most of what a short command costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ARRAYS = ("numpy", "h5py", "jaxtyping", "xarray", "pandas", "scipy")
MODELS = ("jax", "numpyro", "optax", "skfem", "scoringrules")
VIEWS = ("rich", "matplotlib", "vtk", "pyvista")
SWEEPS = ("psutil", "binn_cli.sweeps.isolation", "binn_cli.execute")

RUN = "run dataset=sine task=regress budget=smoke model.centers=4 model.length=1 model.modes=1 model.sweeps=1"


def imported(arguments: str, directory: Path) -> set[str]:
    """The modules that a process has imported when `binn ARGUMENTS` has ended well."""
    script = (
        "import sys\nfrom binn_cli.cli import main\ntry:\n    status = main(sys.argv[1:])\nexcept SystemExit as "
        "leaving:\n"
        "    status = leaving.code or 0\nassert status == 0, status\nprint(*sys.modules, sep=chr(10))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments.split()], cwd=directory, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("imports")


@pytest.fixture(scope="module")
def of_a_run(place: Path) -> set[str]:
    return imported(f"{RUN} output.figures=false output.root=runs", place)


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        ("--help", (*ARRAYS, *MODELS, *VIEWS, *SWEEPS, "hydra", "omegaconf", "yaml")),
        ("--version", (*ARRAYS, *MODELS, *VIEWS, *SWEEPS, "hydra", "omegaconf", "yaml")),
        ("run --cfg job", (*ARRAYS, *MODELS, *VIEWS, *SWEEPS, "importlib.metadata")),
        ("run --help", (*ARRAYS, *MODELS, *VIEWS, *SWEEPS)),
        ("show runs", (*MODELS, "matplotlib", "vtk", "pandas", "xarray", "scipy", "hydra", "omegaconf")),
    ],
)
@pytest.mark.usefixtures("of_a_run")
def test_a_verb_imports_nothing_that_it_does_not_need(arguments: str, unwanted: tuple[str, ...], place: Path) -> None:
    assert sorted(set(unwanted) & imported(arguments, place)) == []


def test_a_run_imports_neither_other_models_nor_other_data_nor_figures(of_a_run: set[str]) -> None:
    unwanted = {
        "jax",
        "numpyro",
        "optax",
        "skfem",
        "matplotlib",
        "vtk",
        "pandas",
        "xarray",
        "pyarrow",
        "binn_cli.models.gp",
        "binn_cli.models.bnn",
    }
    assert sorted(unwanted & of_a_run) == []
    assert "scipy.linalg" in of_a_run, "the check sees what is imported"


def test_a_small_table_is_read_without_pandas(place: Path) -> None:
    (place / "rows.csv").write_text("a,y\n" + "\n".join(f"{i / 20},{(i / 20) ** 2}" for i in range(20)) + "\n")
    run = "run dataset=table dataset.path=rows.csv dataset.outputs=[y] task=regress output.figures=false output.root=t"
    assert sorted({"pandas", "pyarrow"} & imported(run, place)) == []


def test_a_question_to_a_run_loads_no_jax_where_it_draws_without_chains() -> None:
    script = "import sys, binn_cli.tasks.questions.inverse.task\nprint(*{'jax', 'numpyro'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "\n"
