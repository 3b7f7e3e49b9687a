"""Every command of the README and of docs/, and what is added to it so that a test runs it within seconds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from binn_cli.cli import main
from binn_cli.tasks import proposing

NO_FIGURES = "output.figures=false"
FIXED = "model.length=2 model.stretch=0 model.modes=2 model.sweeps=2"
TINY_BINN = f"{FIXED} model.centers=3 model.padding=0"
POISSON = f"dataset.grid=4 dataset.candidates=8 dataset.offgrid_points=0 dataset.train_cases=4 {NO_FIGURES}"
HEAT = (
    "dataset.grid=4 dataset.times=3 dataset.cells=4 dataset.substeps=2 dataset.candidates=[3,3] dataset.test_cases=2 "
    "dataset.train_cases=4 dataset.initial_cases=4 dataset.offgrid_points=0 task.rounds=1 model.modes=2 model.sweeps=2 "
    f"{NO_FIGURES}"
)
TWO_HEATS = (
    "dataset.grid=4 dataset.times=3 dataset.substeps=2 dataset.candidates=[3,3] dataset.test_cases=2 "
    "dataset.train_cases=4 dataset.offgrid_points=0 model.length=2 model.stretch=0 model.modes=2 model.sweeps=2 "
    f"{NO_FIGURES}"
)
CHEAP_TABLE = "binn run dataset=table dataset.path=cheap.csv dataset.outputs=[drag] output.root=cheap"
PAPER = "model=binn_paper"
TABLE_2 = f"dataset.stride=30 model.sweeps=2 {NO_FIGURES}"
SWEEP = f"budget=smoke dataset.n_train=20 {NO_FIGURES}"
RUNS_TABLE = "dataset=table dataset.path=runs.csv dataset.outputs=[drag] task=regress"
SOLVER = (
    "binn run task=active_learn dataset=simulator 'dataset.parameters={k: [1, 4], P: [100, 200]}' "
    "'dataset.command=\"python heat.py --k {k} --P {P} --out {output}\"' dataset.output=field.csv "
    "'dataset.outputs=[u]' "
    "'dataset.files=[heat.py]' dataset.at_once=2 task.rounds=2"
)
BY_HAND = (
    "binn run task=active_learn dataset=simulator 'dataset.parameters={k: [1, 4], P: [100, 200]}' "
    "'dataset.outputs=[u]' "
    "'dataset.axes=[x, y, t]' output.root=by_hand"
)
COARSE = "--cells 4 --times 3 --substeps 2"
SMALL_SOLVER = f"'dataset.command=\"python heat.py --k {{k}} --P {{P}} {COARSE} --out {{output}}\"'"
INTERRUPTED = "outputs/2026-11-22_11-28-13_active_learn_heat_binn"

# The command as a page has it, and what is added; None for those of make, which are only looked at.
# By page: a new page gets a section of its own.
COMMANDS: dict[str, str | None] = {
    # README.md
    "make run": None,
    "make test": None,
    "make setup": None,
    "make docs": None,
    "make PYTHON=/path/to/python3.12 run": None,
    'export PATH="$PWD/.venv/bin:$PATH"': "",
    "binn --help": "",
    "binn --version": "",
    "binn run --help": "",
    "binn run experiment=smoke": "",
    "binn run dataset=sine task=regress": f"{FIXED} {NO_FIGURES}",
    "binn run -m model=binn,gp,mlp dataset=sine task=regress": f"budget=smoke {NO_FIGURES} model=gp,mlp",
    "binn compare outputs/*_sweep": "",
    # docs/getting-started.md
    "make PYTHON=/path/to/python3.12 setup": None,
    f"binn run {RUNS_TABLE}": f"{TINY_BINN} {NO_FIGURES}",
    f"binn run model=gp {RUNS_TABLE}": f"budget=smoke {NO_FIGURES}",
    "binn show outputs/*_regress_table_*": "",
    # docs/commands.md
    "binn run --cfg job": "",
    "binn run dataset=poisson task=regress model.modes=6": f"{POISSON} model.length=2 model.stretch=0 model.sweeps=2",
    "binn run dataset=heat task=active_learn task.acquisition=maximin": f"{HEAT} model.length=2 model.stretch=0",
    "binn run --cfg job dataset=sine task=regress seed=3": "",
    "binn run budget=smok": "",
    "binn run task.rounds=0": "",
    "binn show outputs/*_sweep": "",
    "binn run -m seed=0,1,2 dataset=sine task=regress": f"{FIXED} {NO_FIGURES} seed=0,1",
    "results=$(binn run experiment=smoke)": NO_FIGURES,
    'binn show "$results"': "",
    "binn show outputs/*_sine_binn": "",
    "binn show --json outputs/*_sine_binn > runs.json": "",
    f"binn resume {INTERRUPTED}": "",
    'eval "$(binn -sc install=bash)"': "",
    # docs/sweeps.md
    "binn run -m seed=0,1,2 model=binn,gp dataset=sine task=regress": SWEEP,
    "binn run -m seed=0,1,2 model=binn,gp dataset=sine task=regress resume=true dry_run=true": SWEEP,
    "binn run -m seed=0,1,2 model=binn,gp dataset=sine task=regress resume=true": SWEEP,
    "binn resume outputs/*_sweep": "",
    "binn run -m model=binn,gp dataset=sine task=regress limits.seconds=600 limits.memory_gb=8": (
        f"{SWEEP} output.root=elsewhere"
    ),
    "binn compare outputs": "",
    "binn compare 'outputs/*_sweep' --by model --metric rmse,crps --split test": "",
    "binn compare outputs --csv runs.csv --latex runs.tex --json -": "",
    "binn rerun outputs/*_sweep/0_regress_sine_binn": "",
    "binn run hydra/callbacks=mlflow": "",
    # docs/reporting.md
    "binn run -m model=binn,gp seed=0,1 dataset=sine task=regress": f"{SWEEP} model=gp,mlp seed=0",
    "binn report outputs/*_sweep -o report.html": "",
    "binn report 'outputs/*' --title \"Sine, four runs\" --metric rmse,crps,coverage_90 -o all.html": "",
    "binn figures outputs/*_sweep -o figures": "",
    # docs/launchers.md
    "binn run -m hydra/launcher=cores hydra.launcher.n_jobs=2 dataset=sine task=regress seed=0,1,2,3": (
        f"{SWEEP} {FIXED}"
    ),
    "binn run -m hydra/launcher=local hydra.sweeper.max_batch_size=2 dataset=sine task=regress seed=0,1": (
        f"{SWEEP} {FIXED}"
    ),
    "binn run hydra/launcher=slurm --cfg hydra": "",
    (
        "binn run -m hydra/launcher=slurm hydra.launcher.partition=cpu hydra.launcher.timeout_min=120 "
        "model=binn,gp seed=0,1,2"
    ): ("dry_run=true"),
    # Ray is no part of what tests install: everything but its launcher.
    "binn run -m hydra/launcher=ray_cluster hydra.launcher.address=10.0.0.1:6379 model=binn,gp seed=0,1,2": (
        "dry_run=true hydra.launcher._target_=hydra._internal.core_plugins.basic_launcher.BasicLauncher"
    ),
    # docs/active-learning.md
    "binn run task=active_learn dataset=heat": HEAT,
    "binn run -m dataset=poisson task=active_learn task.rounds=5 task.acquisition=mean_std,random": (
        f"{POISSON} {FIXED} dataset.initial_cases=3 task.rounds=1"
    ),
    "binn run dataset=heat task=active_learn task.acquisition=ivr task.batch=4 task.rounds=5": f"{HEAT} task.batch=2",
    # docs/simulator.md
    SOLVER: f"{SMALL_SOLVER} {TINY_BINN} task.initial=3 task.rounds=1 {NO_FIGURES}",
    BY_HAND: f"{TINY_BINN} {NO_FIGURES}",
    "binn ask by_hand/* -n 6 --csv > cases.csv": "",
    "python heat.py --cases cases.csv --out results.csv": COARSE,
    "binn tell by_hand/* results.csv": "",
    "binn ask by_hand/* -n 2": "",
    "binn status by_hand/*": "",
    "binn run task=active_learn dataset=heat task.stop.rel_rmse=0.01": HEAT,
    # docs/cheap-solvers.md
    "binn run task=regress dataset=heat dataset.cells=8 dataset.train_cases=60 output.root=coarse": (
        f"{TWO_HEATS} dataset.cells=3"
    ),
    "binn run task=regress dataset=heat dataset.train_cases=4 'dataset.cheap=coarse/*'": f"{TWO_HEATS} dataset.cells=6",
    "binn show outputs/*_regress_heat_binn": "",
    CHEAP_TABLE: f"{TINY_BINN} {NO_FIGURES}",
    "binn run dataset=table dataset.path=costly.csv dataset.outputs=[drag] 'dataset.cheap=cheap/*' "
    "output.root=costly": f"{TINY_BINN} {NO_FIGURES}",
    "binn predict costly/* points.csv -o answers.csv": "",
    # docs/solving.md
    "binn run task=solve dataset=poisson_nd dataset.dimensions=5 dataset.points=32": (
        f"dataset.dimensions=2 dataset.points=9 {NO_FIGURES}"
    ),
    "binn run task=solve dataset=heat": f"model.points=9 dataset.source_radius=0.3 {NO_FIGURES}",
    "binn show outputs/*_solve_*": "",
    (
        'binn run task=solve dataset=equation \'dataset.operator=["d(u,t)","-k*d(u,x,x)","5*u"]\' '
        "'dataset.source=[\"exp(-x)*cos(t)\"]' 'dataset.boundary=[[x,zero,free]]' dataset.exact="
    ): f"model.points=9 {NO_FIGURES}",
    "binn run task=solve dataset=helmholtz task.tolerance=1e-6": f"dataset.wave_number=3 {NO_FIGURES}",
    "binn run task=solve dataset=helmholtz": f"dataset.points=9 {NO_FIGURES}",
    "printf 'x,y\\n0.5,0.25\\n' > points.csv": "",
    "binn predict outputs/*_solve_helmholtz_* points.csv -o answers.csv": "",
    "printf 'x,y,t,u\\n0.1,0.5,0.01,0.032\\n0.4,0.2,0.02,0.03\\n0.8,0.7,0.03,0.051\\n' > sensors.csv": "",
    "binn run task=solve dataset=heat task.observations=sensors.csv 'task.unknown=[k,P]' task.noise_std=0.001": (
        f"model.points=9 {NO_FIGURES}"
    ),
    "printf 'x,y,t\\n0.25,0.75,0.04\\n' > places.csv": "",
    "binn predict outputs/*_solve_heat_* places.csv -o field.csv": "",
    # docs/questions.md
    "binn run task=inverse 'task.run=outputs/*_regress_table_binn' task.observations=measured.csv "
    "'task.unknown=[speed]'": NO_FIGURES,
    "binn show outputs/*_inverse_table_binn": "",
    "binn run task=sensitivity 'task.run=outputs/*_regress_table_binn'": NO_FIGURES,
    "binn run task=optimize 'task.run=outputs/*_regress_table_binn' task.output=drag "
    "'task.constraints=[\"speed >= 20\"]'": NO_FIGURES,
    # docs/blendednet.md
    "binn run dataset=blendednet task=regress dataset.outputs=[cp] model.modes=2": (
        f"dataset.stride=30 model.length=2 model.stretch=0 model.sweeps=2 {NO_FIGURES}"
    ),
    "binn run experiment=table2": f"model=binn dataset.outputs=[cp],[cf_x] {TABLE_2}",
    "binn run experiment=table2 model=binn dataset.outputs=[cp]": TABLE_2,
    "binn run experiment=table2_smooth": f"model=binn dataset.outputs=[cp] {TABLE_2}",
    "binn run experiment=table2 dataset.test_cases=[case_136]": f"model=binn dataset.outputs=[cp] {TABLE_2}",
    "binn run experiment=blendednet_all dataset.geometries=200 dataset.stride=50": (
        f"dataset.inputs=[x,alpha_deg] {TINY_BINN} {NO_FIGURES}"
    ),
    "python -m binn_cli.datasets.blendednet.synthetic big.zip --points 85000": "--points 100 --train-geometries 0",
    # docs/tables.md
    "binn run dataset=table dataset.path=runs.csv dataset.outputs=[drag] dataset.missing=drop": (
        f"{TINY_BINN} {NO_FIGURES}"
    ),
    "binn check runs.csv dataset.outputs=[drag] dataset.missing=drop": "",
    "binn check --json runs.csv dataset.outputs=[drag] dataset.missing=drop > check.json": "",
    "binn run dataset=table dataset.path=fields.csv dataset.outputs=[u]": f"{TINY_BINN} {NO_FIGURES}",
    "binn run dataset=table dataset.path=fields.csv dataset.outputs=[u] dataset.stream=true": (
        f"{TINY_BINN} {NO_FIGURES}"
    ),
    # docs/snapshots.md
    "binn check runs dataset.outputs=[p]": "",
    "binn run dataset=snapshots dataset.path=runs dataset.outputs=[p]": f"{TINY_BINN} {NO_FIGURES}",
    "mkdir named && for k in 1 2 3 4 5; do cp runs/run_$k.vtu named/case_${k}.5_$((k * k)).vtu; done": "",
    "binn check dataset=snapshots dataset.path=named dataset.outputs=[p] 'dataset.pattern=\"case_{k}_{P}.vtu\"'": "",
    (
        "binn run task=active_learn dataset=snapshots dataset.path=runs dataset.outputs=[p] "
        "dataset.initial_cases=3 task.rounds=2"
    ): (f"{TINY_BINN} {NO_FIGURES}"),
    # docs/predicting.md
    "binn run dataset=table dataset.path=runs.csv dataset.outputs=[drag]": f"{TINY_BINN} {NO_FIGURES}",
    "binn predict outputs/*_regress_table_binn points.csv -o answers.csv": "",
    "binn predict outputs/*_regress_table_binn grid.npz -o grid.nc": "",
    "binn update outputs/*_regress_table_binn new.csv -o outputs/updated": "",
    "binn predict outputs/updated points.csv -o updated.csv": "",
    # docs/exporting.md
    "binn export outputs/*_regress_sine_binn -o stands_alone": "",
    # docs/paper.md
    "binn run experiment=fig3": f"{PAPER} seed=0 {NO_FIGURES}",
    "binn run experiment=fig4": f"{PAPER} task.sizes=[40] task.repeats=1 {NO_FIGURES}",
    "binn run experiment=table1": f"model=inn,binn_paper seed=0 budget=smoke {NO_FIGURES}",
    "binn run experiment=table3": (
        f"{PAPER} {POISSON} dataset.initial_cases=3 task.rounds=1 model.sweeps=2 model.modes=2"
    ),
    "binn run experiment=table4": f"{PAPER} {HEAT}",
    "binn run experiment=fig3_limit": f"seed=0 {NO_FIGURES}",
    "binn run experiment=inn_td": f"dataset.dimensions=2 dataset.points=9 {NO_FIGURES}",
    "binn run experiment=inn_td_heat": f"dataset.points=9 {NO_FIGURES}",
    "binn run experiment=cold_posterior": f"seed=0 model.temperature=1 budget=smoke {NO_FIGURES}",
    "binn run experiment=few_cases": f"{PAPER} dataset.train_cases=4 seed=0 budget=smoke {NO_FIGURES}",
    "binn run experiment=acquisitions": f"seed=0 task.acquisition=random budget=smoke {NO_FIGURES}",
    "binn run experiment=table3 model=binn_paper": f"budget=smoke {NO_FIGURES}",
    "binn run experiment=fig3 budget=paper dry_run=true": "",
    # docs/gallery.md: composed, not run.
    "binn run task=active_learn dataset=heat task.rounds=10": "",
    "binn run dataset=blendednet task=regress dataset.outputs=[cp] dataset.test_cases=[case_136]": "",
    "binn run dataset=sine task=scaling task.sizes=[100,1000,10000,100000]": "",
    "binn run task=sensitivity task.run=outputs/*_active_learn_heat_binn": "",
    "binn run -m model=binn,gp,gp_local,mlp,kan,inn dataset=sine task=regress": "",
    # docs/performance.md and docs/studies/
    "make bench": None,
    "make studies": None,
    "make reproduce": None,
    "make lint": None,
    "binn run task=regress budget=quick": "",
}

REFUSED = {
    "binn run budget=smok": 'budget: "smok" is not one of paper, quick, smoke; did you mean "smoke"?',
    "binn run task.rounds=0": "task.rounds: must be at least 1, not 0",
}
"""What is refused, with the sentence that the page has as a comment."""

NOT_COMMANDS = {
    "binn ask RUN -n 5",
    "binn predict",
    "binn export",
    "binn tell RUN FILE",
    "binn update",
    "binn status RUN",
    "binn serve RUN --port 4242",
    "binn -sc install=fish | source",
    "binn compare",
    "binn compare …",
    "binn report",
    "binn figures",
    "binn rerun RUN",
    "binn check",
    "binn resume",
    "binn resume SWEEP",
    "binn resume SWEEP limits.memory_gb=16",
    "binn run",
    "binn show",
    "binn show SWEEP",
    "binn run dataset=<TAB>",
    "binn run model.<TAB>",
    "binn run --cfg job model=NAME",
}
"""Verbs alone, and examples of what the shell completes."""

THOROUGH = {
    "binn run dataset=blendednet task=regress dataset.outputs=[cp] model.modes=2",
    "binn run experiment=table2",
    "binn run experiment=fig3",
    # tests/sweeps/test_launchers.py runs jobs with both launchers.
    "binn run -m hydra/launcher=cores hydra.launcher.n_jobs=2 dataset=sine task=regress seed=0,1,2,3",
    "binn run -m dataset=poisson task=active_learn task.rounds=5 task.acquisition=mean_std,random",
}
"""The first commands of the blocks that are left to `make test-thorough`."""


def finished_run() -> None:
    """A complete run, as the text before a snippet has made."""
    assert main(["run", "dataset=sine", "task=regress", *FIXED.split(), NO_FIGURES]) == 0


def interrupted_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was stopped after its first round, under the name that the page uses."""
    choose, asked = proposing.choose, []

    def stop_at_the_second(*arguments) -> int:
        asked.append(True)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return choose(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(proposing, "choose", stop_at_the_second)
        assert main(["run", "dataset=sine", *FIXED.split(), "task.rounds=3", NO_FIGURES]) == 1
    (directory,) = Path("outputs").iterdir()
    directory.rename(INTERRUPTED)


def example_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program of the page, saved where its commands are typed."""
    shutil.copy(Path(__file__).resolve().parents[1] / "docs" / "examples" / "heat.py", "heat.py")


def two_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of a cheap and of a costly solver, and points to ask about."""
    for name, count, factor in (("cheap", 30, 1.0), ("costly", 10, 1.2)):
        rows = [f"{i / count},{factor * (i / count) ** 2}" for i in range(count + 1)]
        Path(f"{name}.csv").write_text("\n".join(["speed,drag", *rows]))
    Path("points.csv").write_text("speed\n0.25\n0.5\n")


BEFORE: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    f"binn resume {INTERRUPTED}": interrupted_run,
    SOLVER: example_solver,
    CHEAP_TABLE: two_tables,
}
"""What must be there before a command is run."""
