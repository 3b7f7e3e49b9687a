"""Conductivity and power from twenty temperatures: how near without noise, and whether intervals hold with noise."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from binn_cli import build
from binn_cli.config.schema import GalerkinConfig
from binn_cli.datasets.heat_problem import heat_truth
from binn_cli.models.galerkin.model import Galerkin
from binn_cli.models.scope import Scope
from binn_cli.tasks.evaluation import domain_of
from binn_cli.tasks.questions.distributions import joint_of
from binn_cli.tasks.questions.inverse.inference import infer
from binn_cli.tasks.questions.inverse.observations import Observations
from binn_cli.tasks.questions.source import Source
from binn_cli.views.plots.style import COLOURS, LINES
from tests.studies.kept import KeptRows, Row
from tests.studies.loop import settings_of
from tests.studies.page import Study, table

KEPT = Path("outputs") / "inverse.jsonl"
UNKNOWN = ("k", "P")
OBSERVED = 20
NOISES = (0.0, 0.01)
"""Standard deviation of the noise, as a share of that of the temperature."""
INN_TD = (2.8e-3, 2.6e-3)
"""Relative errors of k and P that its authors report, without noise, by Adam."""

Truth = Callable[[np.ndarray], np.ndarray]


def _source(dataset: Any, fitted: object, model: str) -> Source:
    problem = dataset.problem()
    blank = ("",) * len(problem.inputs)
    low, high = problem.domain.T
    return Source(fitted, Scope(problem.inputs, blank, ("u",), ("",), low, high), model, dataset.name)


@cache
def learned() -> tuple[Source, Truth]:
    """The heated plate from simulations, as `binn run dataset=heat task=regress` learns it, and its series."""
    settings = settings_of("dataset=heat", "model=binn", "task=regress")
    dataset: Any = build.dataset(settings)
    train = dataset.training()
    fitted = build.model(settings).fit(train, domain=domain_of(dataset, train))
    centers, radius = np.array(settings.dataset.source_centers), settings.dataset.source_radius
    return _source(dataset, fitted, "binn"), lambda points: heat_truth(points, centers, radius)


@cache
def solved() -> tuple[Source, Truth]:
    """The heated cube from its equation, as `binn run dataset=heat3d task=solve model=galerkin` solves it, and its
    series."""
    dataset: Any = build.dataset(settings_of("dataset=heat3d", "model=galerkin", "task=solve"))
    problem, solver = dataset.problem(), Galerkin(GalerkinConfig())
    attempt = solver.attempt(problem, solver.resolution(problem))
    return _source(dataset, solver.judged(problem, attempt, 0).fitted, "galerkin"), dataset.solution


SURROGATES = {"heat": learned, "heat3d": solved}


def target(surrogate: str, noise: float, seed: int) -> Row:
    """One pair of k and P: its relative error, whether the intervals hold it, and processor time."""
    source, truth = SURROGATES[surrogate]()
    random = np.random.default_rng([seed, 5])
    names, low, high = source.scope.inputs, source.scope.low, source.scope.high
    points = low + (high - low) * random.random((OBSERVED, len(names)))
    unknown = [names.index(name) for name in UNKNOWN]
    points[:, unknown] = points[0, unknown]
    values = truth(points)
    spread = np.std(truth(low + (high - low) * np.random.default_rng(6).random((2000, len(names)))))
    values = values + noise * spread * random.standard_normal(OBSERVED)
    known = [i for i in range(len(names)) if i not in unknown]
    observed = Observations("0", tuple(names[i] for i in known), points[:, known], (0,), values[:, None])
    began = time.process_time()
    found = infer(source, observed, joint_of(source, "task.prior", UNKNOWN, None), seed=seed)
    processor = time.process_time() - began
    right = points[0, unknown]
    return {
        "error": (np.abs(found.mode - right) / right).tolist(),
        "inside": [bool(a <= x <= b) for (a, b), x in zip(found.interval, right, strict=True)],
        "processor": processor,
    }


def study(
    surrogates: Sequence[str] = tuple(SURROGATES), targets: int = 100, path: Path = KEPT, asks: bool = True
) -> Study:
    """Medians, quantiles and coverage over many targets."""
    kept, rows = KeptRows(path, asks), []
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    ax = figure.subplots()
    for place, surrogate in enumerate(surrogates):
        for level, noise in enumerate(NOISES):
            found = [
                kept.row(
                    {"surrogate": surrogate, "noise": noise, "seed": seed},
                    partial(target, surrogate, noise, seed),
                )
                for seed in range(targets)
            ]
            own = [row for row in found if row is not None]
            if not own:
                continue
            error, inside = (np.array([row[key] for row in own], dtype=float) for key in ("error", "inside"))
            for i, name in enumerate(UNKNOWN):
                label = f"{surrogate}, {name}, " + (f"{100 * noise:g} % noise" if noise else "no noise")
                ax.plot(
                    np.sort(error[:, i]), np.arange(1, len(own) + 1) / len(own), LINES[i], label=label,
                    color=COLOURS[(place * len(NOISES) + level) % len(COLOURS)],
                )  # fmt: skip
                rows.append(
                    (
                        surrogate, f"{100 * noise:g} %", name, str(len(own)), f"{np.median(error[:, i]):.1e}",
                        f"{np.quantile(error[:, i], 0.9):.1e}", f"{100 * inside[:, i].mean():.0f} %",
                        f"{np.median([row['processor'] for row in own]):.2f}",
                    )
                )  # fmt: skip
    ax.set(xscale="log", xlabel="relative error of the most probable value", ylabel="share of targets")
    ax.legend(fontsize="small")
    headings = (
        "surrogate", "noise", "unknown", "targets", "median relative error", "nine of ten below", "inside 95 %",
        "seconds of processor time",
    )  # fmt: skip
    text = (
        f"Each target is a pair of k and P drawn from their ranges; {OBSERVED} temperatures at random places and times "
        f"are given, from the series of the equation, and `task=inverse` with its defaults asks for both. `heat` is "
        f"learned from simulations by `binn`, `heat3d` solved from its equation. Noise is a share of the standard "
        f"deviation of the temperature, and is not told. INN-TD reports errors of {INN_TD[0]:.1e} for k and "
        f"{INN_TD[1]:.1e} for P, by Adam, without intervals.\n\n{table(headings, rows)}"
    )
    return Study("What is inside, from outside", text, figure, kept.rests_on)
