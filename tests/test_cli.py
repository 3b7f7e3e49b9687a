"""The command line: verbs, help, completion, and one sentence for every mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest
import yaml

from binn_cli import __version__
from binn_cli.arguments import told_apart
from binn_cli.cli import main
from binn_cli.config.store import options

HEAVY = ("jax", "numpy", "scipy", "h5py", "hydra", "omegaconf", "matplotlib", "rich", "numpyro", "skfem")


def refused(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit status and what stands on stderr, which must be one line; nothing may stand on stdout."""
    try:
        status = main(list(arguments))
    except SystemExit as leaving:
        status = int(leaving.code or 0)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.endswith("\n")
    assert printed.err.count("\n") == 1, printed.err
    return status, printed.err.strip()


def test_help_and_version_import_nothing_heavy() -> None:
    script = (
        "import sys; from binn_cli.cli import main; main(['--help']); main(['--version']);"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert printed[0].startswith("usage: binn ")
    assert printed[-2:] == [f"binn {__version__}", "[]"]


def test_module_can_be_run() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "binn_cli", "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert printed == f"binn {__version__}\n"


def test_without_arguments_the_help_goes_to_stderr(capsys) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("usage: binn ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("rnu", 'binn: there is no verb "rnu"; did you mean "run"?'),
        ("zzz", 'binn: there is no verb "zzz"; the verbs are '),
        ("--nope", 'binn: there is no option "--nope"; see binn --help'),
        ("dataset=sine", "binn: the verb comes first: binn run GROUP=OPTION ..."),
        ("show", "binn show: the following arguments are required: RUN; see binn show --help"),
        ("resume", "binn resume: the following arguments are required: RUN; see binn resume --help"),
        (
            "run --dataset sine",
            "binn run: there is no flag --dataset; values are set without dashes, as in dataset=VALUE; see binn run "
            "--help",
        ),
        (
            "run --model.modes=3",
            "binn run: there is no flag --model.modes=3; values are set without dashes, as in model.modes=VALUE",
        ),
        ("run --nope", "binn run: unrecognized arguments: --nope; see binn run --help"),
        ("run dataset=sine --cfg", "binn run: argument --cfg/-c: expected one argument; see binn run --help"),
        ("run --cfg jobs seed=1", "binn run: argument --cfg/-c: invalid choice: 'jobs' (choose from "),
    ],
)
def test_misuse(capsys, arguments: str, sentence: str) -> None:
    status, said = refused(arguments.split(), capsys)
    assert (status, said[: len(sentence)]) == (2, sentence)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            "dataset=heet",
            'dataset: "heet" is not one of advection, blendednet, equation, heat, heat3d, helmholtz, poisson, '
            "poisson_nd, simulator, sine, snapshots, table; did you "
            'mean "heat"?',
        ),
        (
            "experiment=fig33",
            f'experiment: "fig33" is not one of {", ".join(options("experiment"))}; did you mean "fig3"?',
        ),
        ("hydra/launcher=basik", 'hydra/launcher: "basik" is not one of '),
        ("task=null", f'task: "null" is not one of {", ".join(options("task"))}'),
        ("modle=binn", 'modle: no such group or key; did you mean "model"?'),
        ("sed=3", 'sed: no such group or key; did you mean "seed"?'),
        ("modle.modes=3", 'modle.modes: no such key; did you mean "model.modes"?'),
        ("model.moodes=3", 'model.moodes: no such key; did you mean "model.modes"?'),
        ("experiment=table3 model.moodes=3", 'model.moodes: no such key; did you mean "model.modes"?'),
        ("dataset=sine dataset.gird=3", "dataset.gird: no such key; dataset has n_train, n_test, "),
        (
            "dataset=sine dataset.grid=3",
            "dataset.grid: no such key in the chosen dataset; it belongs to dataset=poisson and dataset=heat",
        ),
        ("task=regress task.rounds=3", "task.rounds: no such key in the chosen task; it belongs to task=active_learn"),
        (
            "dataset=poisson dataset.wave_numbers=[[1.5,2,3]]",
            'dataset.wave_numbers: must hold whole numbers only, not "[[1.5,2,3]]"',
        ),
        (
            "dataset=poisson dataset.wave_numbers=[1,2,3]",
            "dataset.wave_numbers: must be a list of lists, as in [[1,2,3]], not ",
        ),
        ("task=regress task.foo=3", "task.foo: no such key; task has train_points, seed"),
        ("DATASET=sine", 'DATASET: no such group or key; did you mean "dataset"?'),
        (
            "zzz=3",
            "zzz: no such group or key; there are dataset, model, task, budget, experiment, output, limits, seed, "
            "verbose, ",
        ),
        ("model={a:1}", 'model: "{a:1}" is not one of binn'),
        ("=3", '"=3" is neither GROUP=OPTION nor KEY=VALUE'),
        (
            "dataset = sine",
            "dataset: has no value; write dataset=OPTION without spaces, where OPTION is one of advection, "
            "blendednet, equation, heat, heat3d, helmholtz, poisson, poisson_nd, simulator, sine, snapshots, table",
        ),
        ("dataset: sine", "dataset: has no value; write dataset=OPTION without spaces, "),
        ("σ=3", '"σ" is no name of a group or a key in "σ=3"; write KEY=VALUE without spaces around the ='),
        ("output=3", "output: has values of its own; set one of output.root, output.max_points, output.figures"),
        ("output.root=[a]", 'output.root: must be a single text, not "[a]"'),
        ("output.root=", 'output.root: must name a directory, not ""'),
        ("seed=${oc.env:BINN_NOPE}", "model.seed: environment variable 'BINN_NOPE' not found"),
        ("xyz.abc=3", "xyz.abc: no such key; the groups are output, limits, dataset, model, task"),
        ("hydra.job.nme=3", "hydra.job.nme: Hydra has no such key; see binn run --hydra-help"),
        ("+model.mode=1", 'model.mode: no such key; did you mean "model.modes"?'),
        ("++model.mode=1", 'model.mode: no such key; did you mean "model.modes"?'),
        ("+dataset=sine", "dataset: exists, so write dataset=sine without the +"),
        ("dataset=sine dataset=heat", "dataset: is chosen twice, sine and heat; leave one out"),
        ("+model=binn", "model: exists, so write model=binn without the +"),
        ("++task=regress seed=1", "task: exists, so write task=regress without the +"),
        ("+experiment=smoke", "experiment: exists, so write experiment=smoke without the +"),
        ("-m +dataset=sine,heat", "dataset: exists, so write dataset=sine,heat without the +"),
        ("+model.modes=3", "model.modes: exists, so leave out the + before it"),
        ("~model.modes", "model.modes: cannot be deleted; every key has a value"),
        ("model.sweeps=abc", 'model.sweeps: must be a whole number, not "abc"'),
        ("model.tolerance=abc", 'model.tolerance: must be a number, not "abc"'),
        ("model.sweeps=2.5", 'model.sweeps: must be a whole number, not "2.5"'),
        ("output.figures=maybe", 'output.figures: must be true or false, not "maybe"'),
        ("model.prior_variance=null", "model.prior_variance: must have a value, not null"),
        ("dataset.k_range=3", 'dataset.k_range: must be a list in brackets, not "3"'),
        ("task.rounds=0", "task.rounds: must be at least 1, not 0"),
        ("seed=1,2", '"seed=1,2" gives several values, which needs a sweep: binn run -m'),
        (
            "model.centers=[1",
            '"model.centers=[1" cannot be read; put lists and text with spaces or special characters in quotes',
        ),
        ("dataste", '"dataste" is neither GROUP=OPTION nor KEY=VALUE; did you mean "dataset"?'),
        (
            "experiment=fig3 dataset=heat",
            "conf/experiment/fig3.yaml sets dataset.n_train, which the chosen option does not have",
        ),
        ("--config-name nope", 'there is no configuration file "nope"'),
        ("--config-dir nope", "--config-dir: Additional config directory "),
        ("-m seed=1,2 model.moodes=3", 'model.moodes: no such key; did you mean "model.modes"?'),
        (
            "output.root=/dev/null/x",
            'output.root: cannot make a directory below "/dev/null/x" (Not a directory); choose another with '
            "output.root=DIR",
        ),
    ],
)
def test_what_run_refuses(capsys, monkeypatch, tmp_path, arguments: str, sentence: str) -> None:
    monkeypatch.chdir(tmp_path)
    status, said = refused(["run", *arguments.split()], capsys)
    assert (status, said[: len(sentence)]) == (1, sentence)
    assert list(tmp_path.iterdir()) == []


def test_resume_without_a_run(capsys, tmp_path) -> None:
    status, said = refused(["resume", str(tmp_path / "nope")], capsys)
    assert status == 1
    assert said.endswith(
        "cannot be read (No such file or directory); name the directory of a run, which holds config.yaml"
    )


def test_tracebacks_on_request(monkeypatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(Exception, match="heet"):
        main(["run", "dataset=heet"])
    assert os.environ["HYDRA_FULL_ERROR"] == "1"


def test_run_help_lists_groups_and_examples(capsys) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["run", "--help"])
    assert leaving.value.code == 0
    printed = capsys.readouterr().out
    for expected in (
        "dataset     advection, blendednet, equation, heat, heat3d, helmholtz, poisson, poisson_nd, simulator, sine, ",
        "binn run experiment=smoke",
        "HYDRA_FULL_ERROR=1",
        "acquisition: mean_std",
    ):
        assert expected in printed
    assert "schema" not in printed


def test_cfg_job(capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "dataset=sine", "seed=3", "--cfg", "job", "--resolve"]) == 0
    printed = capsys.readouterr().out
    assert "name: sine" in printed
    assert printed.count("seed: 3") == 3
    assert "hydra" not in printed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["show", "resume"])
def test_a_variable_that_is_not_set(capsys, verb: str) -> None:
    assert refused([verb, ""], capsys) == (
        2,
        f'binn {verb}: argument RUN: a path is needed, not ""; see binn {verb} --help',
    )


@pytest.mark.parametrize("arguments", ["run --cfg job", "show x", "resume x"])
def test_a_directory_that_is_gone(capsys, monkeypatch, tmp_path, arguments: str) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert refused(arguments.split(), capsys) == (1, "binn: the present directory no longer exists; change to another")


def test_a_path_that_is_too_long(capsys) -> None:
    assert refused(["show", 300 * "a"], capsys) == (1, f"{300 * 'a'}: File name too long")


@pytest.mark.parametrize(
    "arguments",
    [
        "dataset=sine --cfg job seed=3",
        "dataset=sine -c job seed=3",
        "--cfg=job dataset=sine seed=3",
        "dataset=sine seed=3 --cfg job",
        "dataset=sine --resolve seed=2 --cfg job seed=3",
        "dataset=sine --config-name config --cfg job seed=3",
        "dataset=sine -cd . --cfg job seed=3",
    ],
)
def test_flags_may_stand_anywhere(capsys, monkeypatch, tmp_path, arguments: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", *arguments.split()]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert (printed["dataset"]["name"], printed["seed"]) == ("sine", 3)


@pytest.mark.parametrize(
    ("arguments", "flags", "overrides"),
    [
        ("a=1 -m b=1,2", ["--multirun"], ["a=1", "b=1,2"]),
        ("a=1 -p task --cfg job b=2", ["--cfg=job", "--package=task"], ["a=1", "b=2"]),
        ("a=1 --info b=2", ["--info=all"], ["a=1", "b=2"]),
        ("a=1 -i defaults b=2", ["--info=defaults"], ["a=1", "b=2"]),
        ("a=1 --info", ["--info=all"], ["a=1"]),
        ("-cn x a=1 -cp y ~b", ["--config-path=y", "--config-name=x"], ["a=1", "~b"]),
        ("query=bash -sc", ["--shell-completion"], ["query=bash"]),
        ("a=-1 -1", [], ["a=-1", "-1"]),
    ],
)
def test_flags_and_overrides_are_told_apart(arguments: str, flags: list[str], overrides: list[str]) -> None:
    known = told_apart(arguments.split(), "binn run")
    assert (known.flags, known.overrides) == (tuple(flags), tuple(overrides))
    assert known.ordered == [*flags, *overrides]


def test_hydras_help_is_not_about_overrides(capsys) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["run", "seed=1", "--hydra-help"])
    assert leaving.value.code == 0
    assert "--experimental-rerun" in capsys.readouterr().out
