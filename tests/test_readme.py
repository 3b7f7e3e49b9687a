"""README.md: every command and every snippet in it runs, every link leads somewhere, every picture is small enough."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from binn_cli import execute
from binn_cli.cli import VERBS, main
from binn_cli.config.schema import SCHEMAS
from binn_cli.config.store import options
from binn_cli.metrics import METRICS
from binn_cli.tasks import active_learn

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)

NO_FIGURES = "output.figures=false"
FIXED = "model.length=2 model.stretch=0 model.modes=2 model.sweeps=2"
POISSON = f"dataset.grid=4 dataset.candidates=8 dataset.offgrid_points=0 dataset.train_cases=4 {NO_FIGURES}"
HEAT = (
    "dataset.grid=4 dataset.times=3 dataset.cells=4 dataset.substeps=2 dataset.candidates=[3,3] dataset.test_cases=2 dataset.train_cases=4 "
    f"dataset.initial_cases=4 dataset.offgrid_points=0 task.rounds=1 model.modes=2 model.sweeps=2 {NO_FIGURES}"
)
TABLE_2 = f"dataset.stride=30 model.sweeps=2 {NO_FIGURES}"
INTERRUPTED = "outputs/2026-11-22_11-28-13_active_learn_heat_binn"


def interrupted_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was stopped after its first round, under the name that the README uses."""

    choose, asked = active_learn.choose, []

    def stop_at_the_second(*arguments) -> int:
        asked.append(True)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return choose(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(active_learn, "choose", stop_at_the_second)
        assert main(["run", "dataset=sine", *FIXED.split(), "task.rounds=3", NO_FIGURES]) == 1
    (directory,) = Path("outputs").iterdir()
    directory.rename(INTERRUPTED)


def finished_run() -> None:
    """A complete run, as the text before a snippet has made."""
    assert main(["run", "dataset=sine", "task=regress", *FIXED.split(), NO_FIGURES]) == 0


# Every command of the README, with what is added to it so that it takes seconds; None for those of make, which are only looked at.
COMMANDS: dict[str, str | None] = {
    "make run": None,
    "make test": None,
    "make setup": None,
    "make studies": None,
    "make PYTHON=/path/to/python3.12 run": None,
    'export PATH="$PWD/.venv/bin:$PATH"': "",
    "binn --help": "",
    "binn --version": "",
    "binn run --help": "",
    "binn run --cfg job": "",
    "binn run experiment=smoke": "",
    "binn run dataset=sine task=regress": f"{FIXED} {NO_FIGURES}",
    "binn run dataset=poisson task=regress model.modes=6": f"{POISSON} model.length=2 model.stretch=0 model.sweeps=2",
    "binn run dataset=heat task=active_learn task.acquisition=maximin": f"{HEAT} model.length=2 model.stretch=0",
    "binn run --cfg job dataset=sine task=regress seed=3": "",
    "binn run dataset=heet": "",
    "binn run task.rounds=0": "",
    "binn run -m seed=0,1,2 dataset=sine task=regress": f"{FIXED} {NO_FIGURES}",
    "binn show outputs/*_sweep": "",
    "binn run -m model=binn,gp,mlp dataset=sine task=regress": f"budget=smoke {NO_FIGURES}",
    "binn run -m dataset=poisson task=active_learn task.rounds=5 task.acquisition=mean_std,random": (
        f"{POISSON} {FIXED} dataset.initial_cases=3 task.rounds=1"
    ),
    "binn run dataset=heat task=active_learn task.acquisition=ivr task.batch=4 task.rounds=5": f"{HEAT} task.batch=2",
    "binn run dataset=blendednet task=regress dataset.outputs=[cp] model.modes=2": (
        f"dataset.stride=30 model.length=2 model.stretch=0 model.sweeps=2 {NO_FIGURES}"
    ),
    "binn run experiment=table2": f"model=binn dataset.outputs=[cp],[cf_x] {TABLE_2}",
    "binn run experiment=table2 model=binn dataset.outputs=[cp]": TABLE_2,
    "binn run experiment=table2_smooth": f"model=binn dataset.outputs=[cp] {TABLE_2}",
    "binn run experiment=table2 dataset.test_cases=[case_136]": f"model=binn dataset.outputs=[cp] {TABLE_2}",
    "binn run experiment=blendednet_all dataset.geometries=200 dataset.stride=50": (
        "dataset.inputs=[x,alpha_deg] model.length=2 model.stretch=0 model.modes=2 model.centers=3 model.padding=0 model.sweeps=2 "
        f"{NO_FIGURES}"
    ),
    "python -m binn_cli.datasets.blendednet.synthetic big.zip --points 85000": "--points 100 --train-geometries 0",
    "binn run experiment=fig3": NO_FIGURES,
    "binn run experiment=fig4": f"task.sizes=[40] task.repeats=1 {NO_FIGURES}",
    "binn run experiment=table3": f"{POISSON} dataset.initial_cases=3 task.rounds=1 model.sweeps=2 model.modes=2",
    "binn run experiment=table4": HEAT,
    f"binn resume {INTERRUPTED}": "",
    'eval "$(binn -sc install=bash)"': "",
    "results=$(binn run experiment=smoke)": NO_FIGURES,
    'binn show "$results"': "",
    "binn show outputs/*_sine_binn": "",
    "binn show --json outputs/*_sine_binn > runs.json": "",
}
REFUSED = {
    "binn run dataset=heet": 'dataset: "heet" is not one of blendednet, heat, poisson, sine, table; did you mean "heat"?',
    "binn run task.rounds=0": "task.rounds: must be at least 1, not 0",
}
BEFORE: dict[str, Callable[[pytest.MonkeyPatch], None]] = {f"binn resume {INTERRUPTED}": interrupted_run}


def commands_of(block: str) -> list[tuple[str, str]]:
    """Command and comment of every line of a shell block."""
    found = []
    for line in filter(None, map(str.strip, block.splitlines())):
        command, _, comment = line.partition("  #")
        found.append((command.strip(), comment.strip()))
    return found


def shortened(command: str) -> str:
    """The command as it is run here."""
    extra = COMMANDS[command]
    assert extra is not None, f"{command!r} is not to be run"
    if not extra:
        return command
    return command[:-1] + f" {extra})" if command.endswith(")") else f"{command} {extra}"


SHELL = [commands_of(content) for language, content in BLOCKS if language == "bash"]
PYTHON = [content for language, content in BLOCKS if language == "python"]
PROSE = re.sub(r"^```.*?^```$|<!--.*?-->", "", README, flags=re.MULTILINE | re.DOTALL)
INLINE = set(re.findall(r"`((?:make|binn) [^`]+)`", PROSE))
# Verbs alone, and examples of what the shell completes.
NOT_COMMANDS = {"binn resume", "binn run dataset=<TAB>", "binn run model.<TAB>"}


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """The environment of a shell in an empty directory, with the installed `binn` on its path."""
    monkeypatch.chdir(tmp_path)
    execute.prepare_jax()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # Here compiling costs far more than running, and speed is not what is tested.
    return {**os.environ, "PATH": path, "COLUMNS": "120", "XLA_FLAGS": "--xla_backend_optimization_level=0"}


def test_only_known_languages() -> None:
    assert {language for language, _ in BLOCKS} == {"bash", "python"}


def test_every_command_is_known() -> None:
    written = {command for block in SHELL for command, _ in block} | INLINE - NOT_COMMANDS
    unknown, unused = written - set(COMMANDS), set(COMMANDS) - written
    assert not unknown, f"say in COMMANDS how these are run: {unknown}"
    assert not unused, f"the README no longer has these: {unused}"
    assert set(REFUSED) | set(BEFORE) <= written


@pytest.mark.parametrize("command", [name for name, extra in COMMANDS.items() if extra is None])
def test_make_knows_the_target(command: str) -> None:
    done = subprocess.run([*command.split(), "-n"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("block", SHELL, ids=lambda block: block[0][0])
def test_shell_block(block: list[tuple[str, str]], elsewhere: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for command, comment in block:
        if command in REFUSED:
            assert comment == REFUSED[command]
            done = subprocess.run(["bash", "-c", command], env=elsewhere, capture_output=True, text=True)
            assert (done.returncode, done.stderr.strip()) == (1, comment)
        if command in BEFORE:
            BEFORE[command](monkeypatch)
    script = "\n".join(shortened(command) for command, _ in block if command not in REFUSED)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=elsewhere, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("snippet", PYTHON, ids=range(len(PYTHON)))
def test_python_block(snippet: str, elsewhere: dict[str, str]) -> None:
    finished_run()
    done = subprocess.run([sys.executable, "-W", "error", "-c", snippet], env=elsewhere, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "nan" not in done.stdout.lower()


def test_every_local_link_leads_somewhere() -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)", README) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_pictures_are_small_and_none_is_left_over() -> None:
    pictures = {f"data/readme/{path.name}" for path in (ROOT / "data" / "readme").iterdir()}
    assert pictures == set(re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README))
    for picture in pictures:
        assert (ROOT / picture).stat().st_size < 200_000


def test_what_is_named_exists_and_what_exists_is_named() -> None:
    for group in (*SCHEMAS, "experiment"):
        (row,) = re.findall(rf"^\| `{group}` \|(.*)\|$", README, flags=re.MULTILINE)
        assert set(options(group)) <= set(re.findall(r"`(\w+)`", row))
    (row,) = re.findall(r"^\| `/metrics/NAME` \|(.*)\|$", README, flags=re.MULTILINE)
    named = [name if name[0] != "_" else f"coverage{name}" for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(METRICS)
    (limits,) = re.findall(r"^- (\w+) verbs, (.*?)\. ", README, flags=re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", limits[1])) == set(VERBS)
    for key in re.findall(r"`(?:(model|task|dataset)\.(\w+))(?:=\w+)?`", README):
        assert any(key[1] in schema.__dataclass_fields__ for schema in SCHEMAS[key[0]].values()), ".".join(key)
