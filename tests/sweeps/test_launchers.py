"""Launchers: jobs side by side, in a queue, on a cluster; what is said without them, and what a cluster ends goes
on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.plugins import Plugins
from joblib.externals.loky import get_reusable_executor
from omegaconf import OmegaConf

from binn_cli.cli import main
from binn_cli.config import explain
from binn_cli.config.store import conf_directory
from binn_cli.results.fate import fates_of
from binn_cli.results.store import read
from binn_cli.sweeps.job import run_job
from binn_cli.sweeps.launchers import every_job_waited_for, stopping_all
from tests.sweeps.conftest import QUICK, Program, as_killed, sweeps

TINY = [
    *("dataset=sine", "task=regress", "output.figures=false", "model.modes=1", "model.centers=5", "model.length=2"),
    *("model.stretch=0", "model.sweeps=2"),
]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # The processes of an earlier test would still be in its directory.
    get_reusable_executor().shutdown(wait=True)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param(["hydra/launcher=cores", "hydra.launcher.n_jobs=2"], id="joblib"),
        pytest.param(["hydra/launcher=local"], id="submitit", marks=pytest.mark.thorough),
    ],
)
def test_jobs_in_other_processes(elsewhere: Path, capsys, launcher: list[str]) -> None:
    assert main(["run", "-m", *launcher, *TINY, "seed=0,1", "model.modes=1,0"]) == 1
    printed = capsys.readouterr()
    (sweep,) = sweeps()
    assert [fate.status for fate in fates_of(sweep)] == ["complete", "complete", "failed", "failed"]
    assert [line.split("/")[2] for line in printed.out.splitlines()] == ["0_regress_sine_binn", "1_regress_sine_binn"]
    assert "job 2 failed" in printed.err and "model.modes: must be a whole number" in printed.err
    records = [read(Path(line)) for line in printed.out.splitlines()]
    assert [record.header.seed for record in records] == [0, 1]
    assert {path.name for path in Path("outputs").iterdir()} == {sweep.name}, "what a launcher keeps is below the sweep"
    # They began at once, and perhaps other tests were running too.
    assert min(record.provenance["side_by_side"] for record in records) >= 1
    assert main(["compare", "outputs"]) == 0
    printed = capsys.readouterr()
    assert (
        "2 runs shared the machine with others: their times are left out" in printed.out and " fit" not in printed.out
    )


@pytest.mark.parametrize(
    ("launcher", "extra"),
    [("cores", "joblib"), ("local", "submitit"), ("slurm", "submitit"), ("ray_cluster", "ray")],
)
def test_without_the_extra(binn: Program, monkeypatch: pytest.MonkeyPatch, launcher: str, extra: str) -> None:
    known = Plugins.instance().class_name_to_class
    monkeypatch.setattr(
        Plugins.instance(), "class_name_to_class", {n: c for n, c in known.items() if "hydra_plugins" not in n}
    )
    monkeypatch.setattr("binn_cli.sweeps.launchers.find_spec", lambda name: None)
    assert binn.sweep("seed=0,1", f"hydra/launcher={launcher}") == 1
    assert binn.err == [f'hydra/launcher={launcher} needs the extra "{extra}": pip install "binn[{extra}]"']
    assert not Path("outputs").exists()


def test_without_the_package_that_names_it(binn: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "LAUNCHERS", {"condor": "condor"})
    assert binn.sweep("seed=0,1", "hydra/launcher=condor") == 1
    assert binn.err == ['hydra/launcher=condor needs the extra "condor": pip install "binn[condor]"']
    assert binn.sweep("seed=0,1", "hydra/launcher=ray") == 1
    assert "is not one of basic, cores," in binn.err[0] and "ray_cluster, slurm" in binn.err[0]


def test_ready_configurations_compose(binn: Program) -> None:
    for launcher in ("cores", "local", "slurm", "ray_cluster"):
        assert binn("run", f"hydra/launcher={launcher}", "--cfg", "hydra") == 0
        assert any("_target_:" in line for line in binn.out)


def test_the_first_signal_stops_the_jobs_and_the_second_leaves_them(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("binn_cli.sweeps.launchers.SAME_WISH_SECONDS", 0.0)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), stopping_all(tmp_path / ".stop") as came:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        assert (tmp_path / ".stop").read_text() == "the sweep was stopped" and came == [signal.SIGINT]
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.05)
    assert signal.getsignal(signal.SIGINT) is before
    assert "stopping the jobs that run; Ctrl-C again leaves them" in capsys.readouterr().err


def test_jobs_behind_a_lost_one_are_waited_for() -> None:
    submitit = pytest.importorskip("submitit")
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import LocalLauncher

    class Lost(submitit.Job):
        def __init__(self) -> None:
            self._cancel_at_deletion = False

        def wait(self) -> None:
            raise submitit.core.utils.UncompletedJobError("the node failed")

    launcher = object.__new__(LocalLauncher)
    with every_job_waited_for(launcher) as troubles:
        assert len(Lost().results()) == 1
    assert "the node failed" in str(troubles[0])
    with pytest.raises(submitit.core.utils.UncompletedJobError):
        Lost().results()


def test_a_job_that_its_cluster_began_again_goes_on(binn: Program) -> None:
    """As Slurm does with a job whose time is up: the same job once more, from the same plan."""
    binn.steps = 3

    def end(model: object) -> None:
        raise SystemExit  # nothing answers to it

    binn.act = end
    with pytest.raises(SystemExit):
        binn.sweep("model.modes=1,2")
    (sweep,) = sweeps()
    as_killed(sweep / "0_regress_sine_binn")
    binn.act = lambda model: None
    overrides = [*QUICK, "model.modes=1"]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
        config = compose("config", overrides)
    hydra = {"sweep": {"dir": str(sweep)}, "job": {"num": 0}, "overrides": {"task": overrides}}
    run_job(config, OmegaConf.create({**hydra, "launcher": {"_target_": "x.SlurmLauncher"}}))
    record = read(sweep / "0_regress_sine_binn" / "results.h5")
    assert record.status == "complete" and "resume_time" in record.provenance and len(record.steps) == 3
    assert [path.name for path in sweep.glob("*/")] == ["0_regress_sine_binn"]
