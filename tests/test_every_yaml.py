"""Every YAML file under conf/ composes and runs, at a tiny size, and keeps what the results contract promises."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

from binn_cli.cli import main
from binn_cli.config.schema import SCHEMAS
from binn_cli.config.store import options
from binn_cli.metrics import METRICS
from binn_cli.results.record import PHASES
from tests.datasets.snapshots.folders import a_folder
from tests.datasets.table_files import a_table
from tests.marks import thorough_for

LARGE = {
    *(("experiment", name) for name in options("experiment") if name != "smoke"),
    ("budget", "paper"),
    ("budget", "quick"),
    *(("model", f"bnn_{name}") for name in ("hmc", "mh", "sgld", "swag", "ensemble", "laplace", "map", "vi")),
    ("model", "bnn_nuts"),
    ("model", "kan"),
    ("model", "gp_local"),
    ("model", "gp_grid"),
    ("model", "gp_vecchia"),
    ("task", "scaling"),
    ("model", "mlp"),
    ("model", "inn"),
    ("model", "diffusion"),
    ("model", "gp_sparse"),
    ("dataset", "heat3d"),
}
"""Files whose runs repeat what others do."""
ASKING = [("task", name) for name in ("inverse", "optimize", "sensitivity")]
"""Tasks that ask a run; `tests/tasks/questions` runs them."""
FILES = [
    (group, name)
    for group in (*SCHEMAS, "budget", "experiment")
    for name in options(group)
    if (group, name) not in ASKING
]

HEAT = (
    "dataset.grid=6 dataset.cells=6 dataset.times=4 dataset.substeps=4 dataset.candidates=[3,3] dataset.train_cases=5 "
    "dataset.test_cases=2 dataset.initial_cases=3 dataset.offgrid_points=5 dataset.offgrid_times=3 "
    "dataset.offgrid_cases=3"
)
POISSON = (
    "dataset.grid=6 dataset.candidates=8 dataset.train_cases=4 dataset.test_cases=2 dataset.initial_cases=3 "
    "dataset.offgrid_points=60"
)
SINE = "dataset.n_train=30 dataset.n_test=40"
BRISK = "model.modes=2 model.centers=4 model.length=1.5 model.padding=1 model.stretch=0 model.sweeps=3"
"""No search for hyperparameters, which takes most of the time at this size."""

BLENDEDNET = f"dataset.stride=30 dataset.train_cases=5 dataset.outputs=[cp] {BRISK}"
NETWORK = "model.widths=[8] budget=smoke"
"""Effort and size of a Bayesian neural network."""

NETWORKS = [name for name in options("model") if name.startswith("bnn_")]

EQUATIONS = ("poisson_nd", "heat3d", "helmholtz", "advection", "equation")
"""Data sets of random points, which are the solution of an equation."""

TINY = {
    ("dataset", "blendednet"): f"task=regress {BLENDEDNET}",
    ("dataset", "heat"): f"task=active_learn task.rounds=1 {HEAT} {BRISK}",
    ("dataset", "poisson"): f"task=active_learn task.rounds=2 {POISSON} {BRISK}",
    ("dataset", "simulator"): (
        "task=active_learn task.rounds=2 dataset.parameters={k:[1,4],P:[100,200]} dataset.callable=functions:decay "
        f"dataset.outputs=[u] dataset.initial_cases=5 dataset.test_cases=2 dataset.at_once=2 {BRISK}"
    ),
    ("dataset", "sine"): f"task=regress {SINE}",
    **{("dataset", name): f"task=regress {SINE} {BRISK}" for name in EQUATIONS},
    ("dataset", "snapshots"): f"task=regress dataset.path={a_folder()} dataset.outputs=[u] {BRISK}",
    ("dataset", "table"): f"task=regress dataset.path={a_table()} dataset.outputs=[u] {BRISK}",
    ("model", "binn"): f"dataset=sine task=regress {SINE}",
    ("model", "binn_paper"): f"dataset=sine task=regress model.sweeps=3 {SINE}",
    **{("model", name): f"dataset=sine task=regress {SINE} {NETWORK}" for name in NETWORKS},
    ("model", "gp"): f"dataset=sine task=regress budget=smoke {SINE}",
    ("model", "gp_grid"): f"dataset=sine task=regress budget=smoke {SINE}",
    ("model", "gp_sparse"): f"dataset=sine task=regress budget=smoke {SINE}",
    ("model", "gp_local"): f"dataset=sine task=regress budget=smoke {SINE}",
    ("model", "gp_vecchia"): f"dataset=sine task=regress budget=smoke {SINE}",
    ("model", "mlp"): f"dataset=sine task=regress budget=smoke {SINE}",
    ("model", "kan"): f"dataset=sine task=regress budget=smoke {SINE}",
    ("model", "diffusion"): f"dataset=sine task=regress budget=smoke model.width=8 {SINE}",
    ("model", "inn"): f"dataset=sine task=regress budget=smoke {SINE}",
    ("task", "active_learn"): f"dataset=sine task.rounds=2 {SINE}",
    ("task", "regress"): f"dataset=poisson {POISSON} {BRISK}",
    ("model", "galerkin"): "task=solve dataset=helmholtz dataset.points=9 dataset.wave_number=3",
    ("task", "solve"): "dataset=poisson_nd dataset.dimensions=3 model.points=9",
    ("task", "scaling"): f"dataset=sine task.sizes=[20,40] task.repeats=1 dataset.n_test=40 {BRISK}",
    **{("budget", name): f"dataset=sine task=regress {SINE}" for name in options("budget")},
    # In memory, since reading in chunks compiles a block for each of the 19 inputs.
    ("experiment", "blendednet_all"): f"dataset.outputs=[cp] dataset.stream=false {BRISK}",
    ("experiment", "smoke"): SINE,
    # One value of each instead of a sweep; tests/test_experiments.py has the sweeps.
    ("experiment", "acquisitions"): f"hydra.mode=RUN task.rounds=1 {HEAT} {BRISK}",
    ("experiment", "cold_posterior"): f"hydra.mode=RUN {SINE} {NETWORK}",
    ("experiment", "few_cases"): f"hydra.mode=RUN {HEAT} {BRISK}",
    ("experiment", "fig3"): f"hydra.mode=RUN {SINE}",
    ("experiment", "inn_td"): "hydra.mode=RUN dataset.dimensions=2 dataset.points=9",
    ("experiment", "inn_td_heat"): "dataset.points=9",
    ("experiment", "fig3_limit"): f"hydra.mode=RUN {SINE}",
    ("experiment", "fig4"): "hydra.mode=RUN dataset.n_test=40 task.sizes=[20] task.repeats=1",
    ("experiment", "table1"): f"hydra.mode=RUN {HEAT} {BRISK}",
    ("experiment", "table2"): "hydra.mode=RUN model=binn dataset.outputs=[cp] dataset.stride=30 model.sweeps=2",
    ("experiment", "table2_smooth"): "hydra.mode=RUN model=binn dataset.outputs=[cp] dataset.stride=30 model.sweeps=2",
    (
        "experiment",
        "table3",
    ): f"hydra.mode=RUN {POISSON} task.rounds=1 model.sweeps=2 model.modes=2 model.centers=[4,4,4,3]",
    (
        "experiment",
        "table4",
    ): f"hydra.mode=RUN {HEAT} task.rounds=1 model.sweeps=2 model.modes=2 model.centers=[4,4,4,3,3]",
}
"""What makes each file a matter of seconds; the rest of it runs as it stands."""

OUTPUT = {
    "sine": "y",
    "poisson": "u",
    "heat": "u",
    "blendednet": "cp",
    "table": "u",
    "snapshots": "u",
    "simulator": "u",
    **dict.fromkeys(EQUATIONS, "u"),
}
SPLITS = {
    "blendednet": ["train", "test"],
    "sine": ["train", "test"],
    "poisson": ["train", "test", "offgrid"],
    "heat": ["train", "test", "offgrid", "offgrid_at_times"],
    "table": ["train", "test"],
    "snapshots": ["train", "test"],
    "simulator": ["train", "test"],
    **{name: ["train", "test"] for name in EQUATIONS},
}
GROUPS = ("step", "metrics", "timings", "resources", "diagnostics")
N_TRAIN = {
    ("dataset", "blendednet"): [101 * 5],
    ("dataset", "heat"): [36 * 4 * 3, 36 * 4 * 4],
    ("dataset", "poisson"): [216 * 3, 216 * 4, 216 * 5],
    ("dataset", "simulator"): [6 * 5, 6 * 6, 6 * 7],
    ("dataset", "sine"): [30],
    **{("dataset", name): [30] for name in EQUATIONS},
    ("dataset", "snapshots"): [12 * 7],
    ("dataset", "table"): [32],
    ("model", "binn"): [30],
    ("model", "binn_paper"): [30],
    **{("model", name): [30] for name in NETWORKS},
    ("model", "gp"): [30],
    ("model", "gp_grid"): [30],
    ("model", "gp_sparse"): [30],
    ("model", "gp_local"): [30],
    ("model", "gp_vecchia"): [30],
    ("model", "mlp"): [30],
    ("model", "kan"): [30],
    ("model", "inn"): [30],
    ("model", "diffusion"): [30],
    ("model", "galerkin"): [0],
    ("task", "active_learn"): [8, 9, 10],
    ("task", "regress"): [216 * 4],
    ("task", "scaling"): [20, 40],
    ("task", "solve"): [0],
    **{("budget", name): [30] for name in options("budget")},
    ("experiment", "blendednet_all"): [9 * 21],
    ("experiment", "acquisitions"): [36 * 4 * 3, 36 * 4 * 4],
    ("experiment", "cold_posterior"): [30],
    ("experiment", "few_cases"): [36 * 4 * 5],
    ("experiment", "fig3"): [30],
    ("experiment", "inn_td"): [0],
    ("experiment", "inn_td_heat"): [0],
    ("experiment", "fig3_limit"): [30],
    ("experiment", "fig4"): [20],
    ("experiment", "smoke"): [30],
    ("experiment", "table1"): [36 * 4 * 5],
    ("experiment", "table2"): [101 * 9],
    ("experiment", "table2_smooth"): [101 * 8],
    ("experiment", "table3"): [216 * 3, 216 * 4],
    ("experiment", "table4"): [36 * 4 * 3, 36 * 4 * 4],
}
"""Training points of every step."""

MODEL_DIAGNOSTICS = {
    "binn": "settled",
    "binn_paper": "effective_parameters",
    "gp": "log_evidence",
    "gp_grid": "log_evidence",
    "gp_sparse": "log_evidence_bound",
    "gp_local": "log_evidence_experts",
    "gp_vecchia": "log_evidence",
}
MODEL_DIAGNOSTICS |= dict.fromkeys(("bnn_nuts", "bnn_hmc", "bnn_mh", "bnn_sgld"), "log_density")
MODEL_DIAGNOSTICS |= {
    "bnn_vi": "elbo",
    "bnn_map": "loss",
    "bnn_ensemble": "loss",
    "bnn_laplace": "log_evidence",
    "bnn_swag": "loss",
}
MODEL_DIAGNOSTICS |= dict.fromkeys(("mlp", "kan", "inn", "diffusion"), "n_parameters")
MODEL_DIAGNOSTICS["galerkin"] = "ranks"
"""A diagnostic that each model keeps."""


def test_every_file_has_an_entry() -> None:
    assert set(TINY) == set(N_TRAIN) == set(FILES), (
        "a new YAML file needs settings that make it small, and its numbers of points"
    )


@pytest.mark.parametrize(("group", "name"), thorough_for(LARGE, FILES), ids=lambda part: part)
def test_runs_and_keeps_its_promises(group: str, name: str, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "datasets" / "simulator"))
    status = main(["run", f"{group}={name}", *TINY[group, name].split(), "output.root=runs", "seed=2"])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    path = Path(printed.out.splitlines()[-1])
    (claimed,) = (tmp_path / "runs").iterdir()
    assert path == claimed.relative_to(tmp_path) / "results.h5"
    with h5py.File(path) as file:
        task, dataset = file.attrs["task"], file.attrs["dataset"]
        check_root(file, group, name, path)
        check_metrics(file, task, dataset, name)
        check_rest(file, task, dataset)
        assert file["step/n_train"][...].tolist() == N_TRAIN[group, name]
    check_readable_by_others(path, task)
    assert {figure.stem for figure in path.parent.glob("*.png")} == expected_figures(task, dataset)
    assert all(figure.stat().st_size > 5000 for figure in path.parent.glob("*.png"))
    assert {entry.name for entry in tmp_path.iterdir()} <= {"runs", "cache", "data"}, "a run writes nowhere else"


def expected_figures(task: str, dataset: str) -> set[str]:
    if task == "scaling":
        return {"scaling"}
    figures = {"parity", "calibration"}
    if dataset == "blendednet":
        figures |= {"surface_plan", "surface_oblique"}
    return (
        figures | ({"acquisitions"} if task == "active_learn" else set()) | ({"curve"} if dataset == "sine" else set())
    )


OTHER_MODELS = {
    "fig3_limit": "binn_paper",
    "cold_posterior": "bnn_nuts",
    **dict.fromkeys(("solve", "inn_td", "inn_td_heat"), "galerkin"),
}


def model_of(group: str, name: str) -> str:
    return name if group == "model" else OTHER_MODELS.get(name, "binn")


def check_root(file: h5py.File, group: str, name: str, path: Path) -> None:
    model = model_of(group, name)
    expected = {"schema": "binn-results/1", "status": "complete", "model": model, "seed": 2}
    assert {key: file.attrs[key] for key in expected} == expected
    assert len(file.attrs["config_id"]) == 16
    synthetic = file.attrs["dataset"] == "blendednet"
    assert set(file.attrs) == {*expected, "config_id", "task", "dataset", *({"note"} if synthetic else ())}
    assert ("surface" in file) == synthetic == (path.parent / "surface.vtk").is_file()
    if group in SCHEMAS:
        assert file.attrs[group] == name
    assert file["config"].asstr()[()] == (path.parent / "config.yaml").read_text()
    known = set(file["provenance"].attrs)
    assert known >= {
        "program_version",
        "python",
        "platform",
        "cpu_count",
        "memory_bytes",
        "devices",
        "argv",
        "start_time",
        "end_time",
    }
    assert known >= {"version_jax", "version_numpy"}


def check_metrics(file: h5py.File, task: str, dataset: str, name: str) -> None:
    splits = file["metrics/split"].asstr()[...].tolist()
    promised = (
        ["truth"] if task == "solve" else SPLITS[dataset] + (["interpolation"] if name == "table2_smooth" else [])
    )
    assert splits == [split for split in promised if task != "scaling" or split != "train"]
    assert file["metrics/output"].asstr()[...].tolist() == [OUTPUT[dataset]]
    shape = (len(file["step/step"]), len(splits), 1)
    for metric in METRICS:
        values = file[f"metrics/{metric}"]
        assert values.shape == shape and values.dtype == np.float64
        assert np.isfinite(values[...]).all(), metric
        assert [values.dims[i][0].name for i in range(3)] == [
            f"/metrics/{name}" for name in ("step", "split", "output")
        ]
    assert set(file["metrics"]) == {*METRICS, "step", "split", "output"}
    assert (file["metrics/rmse"][...] > 0).all()
    assert ((file["metrics/coverage_95"][...] >= 0) & (file["metrics/coverage_95"][...] <= 1)).all()


def check_rest(file: h5py.File, task: str, dataset: str) -> None:
    assert set(file["timings"]) == {*PHASES, "step", *({"estimate"} if task == "solve" else ())}
    for phase in PHASES:
        assert (file[f"timings/{phase}"][...] >= 0).all()
    assert (file["timings/fit"][...] > 0).all()
    assert (file["resources/peak_rss_bytes"][...] > 10**7).all()
    assert ("round" in file["step"], "size" in file["step"]) == (task == "active_learn", task == "scaling")
    if task == "scaling":
        assert "fit_seconds" in file["diagnostics"]
        return
    assert file["surrogate"].attrs["kind"] == file.attrs["model"].removesuffix("_paper")
    assert MODEL_DIAGNOSTICS[file.attrs["model"]] in file["diagnostics"]
    found = {
        name: file[f"predictions/{name}"][...] for name in ("inputs", "truth", "mean", "std_epistemic", "std_total")
    }
    assert {len(values) for values in found.values()} == {file["predictions"].attrs["n_points_total"]}
    # Nobody has observed an equation, so that its solution has no noise.
    noise = found["std_total"] - found["std_epistemic"]
    assert ((noise == 0) if task == "solve" else (noise > 0)).all() and (found["std_epistemic"] >= 0).all()
    rmse = np.sqrt(np.mean((found["mean"] - found["truth"]) ** 2))
    np.testing.assert_allclose(rmse, file["metrics/rmse"][-1, -1 if task == "solve" else 1, 0], rtol=1e-10)
    if task == "active_learn":
        acquired = {name for name in file["step"] if name.startswith("acquired_")}
        assert acquired == {f"acquired_{name}" for name in {"sine": "x", "poisson": "p"}.get(dataset, "kP")}
        for name in acquired:
            assert np.isnan(file[f"step/{name}"][0]) and np.isfinite(file[f"step/{name}"][1:]).all()


def check_readable_by_others(path: Path, task: str) -> None:
    for group in (*GROUPS, *(() if task == "scaling" else ("predictions",))):
        with xarray.open_dataset(path, group=group, engine="h5netcdf") as data:
            data.load()
            assert not any("phony" in str(dimension) for dimension in data.dims), group
            if group == "metrics":
                split = "truth" if task == "solve" else "test"
                assert float(data["rmse"].isel(step=-1).sel(split=split, output=data["output"][0])) > 0
