"""Every model on the same problems on one machine: error, calibration, time and memory, each run in a process of its
own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from binn_cli.build import CLASSES
from binn_cli.results import store
from binn_cli.results.record import Step
from tests.studies.loop import score
from tests.studies.page import Study, table

MODELS = tuple(name for name in CLASSES["model"] if name != "galerkin")
"""All that learn from data."""

DIRECTORY = Path("outputs") / "comparison"
SECONDS = 300
"""After which a run is given up."""

DENSE, SAMPLED = (
    ("gp",),
    ("bnn_nuts", "bnn_hmc", "bnn_mh", "bnn_vi", "bnn_map", "bnn_ensemble", "bnn_laplace", "bnn_sgld", "bnn_swag"),
)
DENSE_POINTS, SAMPLED_POINTS = 4096, 32_768
ONE_CHAIN = ("model.chains=1", "model.warmup=40", "model.samples=60")
"""On 10,240 points the four long chains that the budget has for `sine` would take a quarter of an hour."""


@dataclass(frozen=True)
class Problem:
    """Data that all models learn.

    Attributes:
        words: the data set, as words of `binn run`.
        split: on which models are judged.
        parts: for models that cannot take all points, how many they are given.
        efforts: for models whose effort is not that of the budget, further words.
    """

    words: tuple[str, ...]
    split: str
    parts: dict[str, int] = field(default_factory=dict)
    efforts: dict[str, tuple[str, ...]] = field(default_factory=dict)


PROBLEMS = {
    "sine, N = 60": Problem(("dataset=sine", "dataset.n_train=60"), "test"),
    "sine, N = 10,240": Problem(
        ("dataset=sine", "dataset.n_train=10240"),
        "test",
        dict.fromkeys(DENSE, DENSE_POINTS),
        dict.fromkeys(("bnn_nuts", "bnn_hmc"), ONE_CHAIN),
    ),
    "poisson, 8 cases": Problem(
        ("dataset=poisson", "dataset.train_cases=8"), "offgrid", dict.fromkeys(DENSE, DENSE_POINTS)
    ),
    "heat, 35 cases": Problem(
        ("dataset=heat", "dataset.train_cases=35"),
        "offgrid",
        # Half as many points as elsewhere: the test cases have 338,130 points, for each of which the variance takes the
        # square of these.
        {**dict.fromkeys(DENSE, DENSE_POINTS // 2), **dict.fromkeys(SAMPLED, SAMPLED_POINTS)},
    ),
}


@dataclass(frozen=True)
class Outcome:
    """What became of a run: its step, or the sentence with which it was refused."""

    step: Step | None
    refusal: str


def outcome(problem: Problem, model: str, directory: Path, words: tuple[str, ...] = ()) -> Outcome:
    """Run a model on a problem, unless the directory holds the finished run already."""
    known = sorted(directory.glob("*/results.h5"))
    if not (known and store.read(known[-1]).steps):
        part = [f"task.train_points={problem.parts[model]}"] if model in problem.parts else []
        effort = [*problem.words, *part, *problem.efforts.get(model, ())]
        command = [
            "task=regress",
            f"model={model}",
            *effort,
            "output.figures=false",
            f"output.root={directory}",
            *words,
        ]
        environment = os.environ | {"COLUMNS": "10000"}
        try:
            done = subprocess.run(
                [sys.executable, "-m", "binn_cli", "run", *command],
                env=environment,
                capture_output=True,
                text=True,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            return Outcome(None, f"not finished after {SECONDS} s")
        if done.returncode:
            return Outcome(None, refusal(done.stderr))
        known = sorted(directory.glob("*/results.h5"))
    return Outcome(store.read(known[-1]).steps[0], "")


def refusal(printed: str) -> str:
    """The sentence that a failed run printed."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("error: ")]
    return (told or lines or ["no word"])[-1].removeprefix("error: ")


def study(
    problems: dict[str, Problem] = PROBLEMS,
    models: tuple[str, ...] = MODELS,
    directory: Path = DIRECTORY,
    words: tuple[str, ...] = (),
) -> Study:
    """Run all models on all problems, those that are kept in the directory apart."""
    found = {
        name: {
            model: outcome(problem, model, directory / re.sub(r"[^a-z0-9]+", "_", name.lower()) / model, words)
            for model in models
        }
        for name, problem in problems.items()
    }
    parts = [TEXT.format(_minutes(found))]
    for name, problem in problems.items():
        parts += [f"## {name}", _scores(problem, found[name]), *_refusals(found[name])]
    return Study("Every model on the same problems", "\n\n".join(parts), _figure(problems, found))


TEXT = """Each run is `binn run task=regress budget=quick` in a process of its own, one after the other; those that are
kept in `outputs/comparison` are read, not repeated. All of them together took {} minutes. Scores are on the test points
(sine) or between the grid's points, times and cases (poisson, heat), where `test RMSE` is on held-out cases at the
grid's points. Seconds are of the fit, with compilation apart. `ratio`: seconds over those of `binn`. `points`: what the
model was given; where that is fewer than the others, a random part (`task.train_points`), because it cannot take all of
them."""


def _minutes(found: dict[str, dict[str, Outcome]]) -> int:
    """Minutes of all phases of all runs."""
    steps = [one.step for outcomes in found.values() for one in outcomes.values() if one.step is not None]
    return round(sum(sum(step.timings.values()) for step in steps) / 60)


def _scores(problem: Problem, outcomes: dict[str, Outcome]) -> str:
    ours = outcomes["binn"].step.timings["fit"] if "binn" in outcomes and outcomes["binn"].step else np.nan
    rows = []
    both = problem.split != "test"
    for model, one in outcomes.items():
        if one.step is None:
            continue
        values = [score(one.step, problem.split, metric) for metric in ("rmse", "crps", "nlpd", "coverage_95")]
        fit, compiling = one.step.timings["fit"], one.step.timings["compile"]
        rows.append(
            (
                model,
                f"{one.step.n_train:,}",
                *([f"{score(one.step, 'test'):.2e}"] if both else []),
                *(f"{value:{form}}" for value, form in zip(values, (".2e", ".2e", ".2f", ".3f"), strict=True)),
                *(f"{seconds:.3g}" for seconds in (fit, fit / ours, compiling)),
                f"{one.step.peak_rss_bytes / 1e6:.0f}",
            )
        )
    scores = (*(["test RMSE"] if both else []), "RMSE", "CRPS", "NLPD", "95 % covers")
    return table(("model", "points", *scores, "seconds", "ratio", "compiling", "peak MB"), rows)


def _refusals(outcomes: dict[str, Outcome]) -> list[str]:
    told = [f"- {model}: {one.refusal}" for model, one in outcomes.items() if one.step is None]
    return ["\n".join(told)] if told else []


def _figure(problems: dict[str, Problem], found: dict[str, dict[str, Outcome]]) -> Figure:
    figure, axes = plt.subplots(
        1, len(problems), figsize=(3.9 * len(problems), 3.6), layout="constrained", squeeze=False
    )
    for ax, (name, problem) in zip(axes[0], problems.items(), strict=True):
        for model, one in found[name].items():
            if one.step is None:
                continue
            place = one.step.timings["fit"], score(one.step, problem.split)
            ax.loglog(*place, "o", color="C1" if model == "binn" else "C0")
            ax.annotate(model, place, textcoords="offset points", xytext=(4, 3), fontsize=7)
        ax.set(xlabel="seconds of fitting", ylabel=f"RMSE ({problem.split})", title=name)
    return figure
