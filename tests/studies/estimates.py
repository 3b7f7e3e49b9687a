"""How far the estimated error of a solution is from its true one, over random equations, spaces and resolutions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from binn_cli.config.schema import (
    AdvectionConfig,
    EquationConfig,
    GalerkinConfig,
    Heat3dConfig,
    HeatConfig,
    HelmholtzConfig,
    PoissonConfig,
    PoissonNdConfig,
)
from binn_cli.datasets.advection import Advection
from binn_cli.datasets.closed_form import ClosedForm
from binn_cli.datasets.equation.dataset import Equation
from binn_cli.datasets.heat import Heat
from binn_cli.datasets.heat3d import Heat3d
from binn_cli.datasets.helmholtz import Helmholtz
from binn_cli.datasets.poisson import Poisson
from binn_cli.datasets.poisson_nd import PoissonNd
from binn_cli.errors import BinnError
from binn_cli.models.galerkin.model import Galerkin
from binn_cli.views.plots.style import COLOURS, MARKERS
from tests.studies.kept import KeptRows
from tests.studies.page import Study, table

Row = Mapping[str, Any]
Solvable = ClosedForm | Heat | Poisson

DEVELOPMENT, UNSEEN = 1, 3
"""Seeds of the combinations with which the estimate was made, and of those that it had not seen."""

ROUND_OFF = 1e-11
"""Relative error below which nobody can say how much of it is round-off of the exact solution."""

MOST_POINTS = {"heat3d": 25, "poisson_nd": 33}
KEPT = Path("outputs") / "estimates.jsonl"


def _poisson(rng: np.random.Generator) -> Solvable:
    count = rng.integers(1, 4)
    waves, sizes = rng.integers(1, 6, (count, 3)).tolist(), rng.uniform(0.3, 2, count).tolist()
    return Poisson(PoissonConfig(wave_numbers=waves, coefficients=sizes), 0)


def _poisson_nd(rng: np.random.Generator) -> Solvable:
    return PoissonNd(PoissonNdConfig(dimensions=int(rng.choice([1, 2, 3, 4, 5, 7, 10]))), 0)


def _helmholtz(rng: np.random.Generator) -> Solvable:
    number, radius = float(rng.uniform(1, 60)), float(rng.uniform(0.06, 0.3))
    center = rng.uniform(0.25, 0.75, 2).tolist()
    return Helmholtz(HelmholtzConfig(wave_number=number, source_radius=radius, source_center=center), 0)


def _advection(rng: np.random.Generator) -> Solvable:
    width, end, low = float(rng.uniform(0.03, 0.045)), float(rng.uniform(0.1, 0.5)), float(rng.uniform(0.3, 1.0))
    speeds = [low, low + float(rng.uniform(0.1, 1.0))]
    return Advection(AdvectionConfig(pulse_width=width, end_time=end, c_range=speeds), 0)


def _rod(rng: np.random.Generator) -> Solvable:
    low = float(rng.uniform(0.1, 2))
    high, end, m = low * float(rng.uniform(1.2, 8)), float(rng.uniform(0.02, 0.4)), int(rng.integers(1, 5))
    config = EquationConfig(
        variables=[["x", 0, 1], ["t", 0, end], ["k", low, high]],
        initial=[f"sin({m}*pi*x)"],
        exact=f"exp(-{m * m}*pi**2*k*t)*sin({m}*pi*x)",
    )
    return Equation(config, 0)


def _flow(rng: np.random.Generator) -> Solvable:
    low = float(rng.uniform(0, 5))
    high, m = low + float(rng.uniform(0.5, 20)), int(rng.integers(1, 4))
    config = EquationConfig(
        variables=[["x", 0, 1], ["y", 0, 1], ["b", low, high]],
        time="",
        parameters=["b"],
        operator=["-d(u,x,x)", "-d(u,y,y)", "b*d(u,x)"],
        initial=[],
        source=[f"{1 + m * m}*pi**2*sin({m}*pi*x)*sin(pi*y)", f"b*{m}*pi*cos({m}*pi*x)*sin(pi*y)"],
        exact=f"sin({m}*pi*x)*sin(pi*y)",
    )
    return Equation(config, 0)


def _layer(rng: np.random.Generator) -> Solvable:
    small = float(10 ** rng.uniform(-3.5, -1))
    steep = small**-0.5
    config = EquationConfig(
        variables=[["x", 0, 1]],
        time="",
        parameters=[],
        operator=[f"-{small!r}*d(u,x,x)", "u"],
        initial=[],
        source=["1"],
        exact=f"1-(exp({steep!r}*(x-1))+exp(-{steep!r}*x))/(1+exp(-{steep!r}))",
    )
    return Equation(config, 0)


def _heated(dimensions: int) -> Callable[[np.random.Generator], Solvable]:
    def dataset(rng: np.random.Generator) -> Solvable:
        count, radius = int(rng.integers(1, 4)), float(rng.uniform(0.08, 0.35))
        low = float(rng.uniform(0.2, 2))
        high, end = low * float(rng.uniform(1.1, 6)), float(10 ** rng.uniform(-2, -0.5))
        weak = float(rng.uniform(1, 100))
        strong = weak * float(rng.uniform(1.1, 3))
        centers = rng.uniform(0.2, 0.8, (count, dimensions)).tolist()
        ranges = {"k_range": [low, high], "P_range": [weak, strong], "end_time": end}
        if dimensions == 2:
            return Heat(HeatConfig(source_centers=centers, source_radius=radius, **ranges), 0)
        return Heat3d(Heat3dConfig(source_centers=centers, source_radius=radius, **ranges), 0)

    return dataset


EQUATIONS: dict[str, Callable[[np.random.Generator], Solvable]] = {
    "poisson": _poisson,
    "poisson_nd": _poisson_nd,
    "helmholtz": _helmholtz,
    "advection": _advection,
    "heat": _heated(2),
    "heat3d": _heated(3),
    "rod": _rod,
    "flow": _flow,
    "layer": _layer,
}
"""Random members of nine families of equations; the last three are written by hand (`dataset=equation`)."""


def settings(rng: np.random.Generator, kind: str) -> dict[str, Any]:
    """Random spaces: functions, their degrees, and points along an axis."""
    basis = str(rng.choice(["spline", "spline", "spline", "hat", "chidenn"]))
    degree = int(rng.integers(2, 9)) if basis == "spline" else int(rng.choice([2, 4, 6])) if basis == "chidenn" else 1
    points = int(np.exp(rng.uniform(np.log(5), np.log(MOST_POINTS.get(kind, 65)))))
    return {"basis": basis, "degree": degree, "points": points, "time_degree": int(rng.integers(0, 6))}


def measured(seed: int, number: int) -> Row:
    """One combination: what the estimate says, and what is true at 20,000 random points."""
    rng = np.random.default_rng([seed, number])
    kind = list(EQUATIONS)[number % len(EQUATIONS)]
    dataset = EQUATIONS[kind](rng)
    own = settings(rng, kind)
    found: dict[str, Any] = {"number": number, "kind": kind, "own": own}
    try:
        problem, solver = dataset.problem(), Galerkin(GalerkinConfig(**own))
        began = time.process_time()
        attempt = solver.attempt(problem, solver.resolution(problem))
        fitted = time.process_time()
        solved = solver.judged(problem, attempt, 0)
        ended = time.process_time()
    except BinnError as error:
        return {**found, "error": str(error)}
    truth = cast(Any, dataset).truth(20_000, 5)
    prediction = solved.fitted.predict(truth.axes)
    away = np.abs(prediction.mean - truth.values)
    true = float(np.sqrt(np.mean(away**2)))
    return {
        **found,
        "relative": true / float(np.sqrt(np.mean(truth.values**2))),
        "effectivity": solved.estimate.rmse / true,
        "sure": solved.estimate.sure,
        "cover": float(np.mean(away <= 1.96 * prediction.total_std)),
        "fit": fitted - began,
        "est": ended - fitted,
    }


def study(counts: Mapping[int, int] | None = None, path: Path = KEPT, asks: bool = True) -> Study:
    """Effectivity over the error, for the combinations that were looked at and for those that were not."""
    counts = {DEVELOPMENT: 108, UNSEEN: 108} if counts is None else counts
    kept, found = KeptRows(path, asks), dict[int, list[Row]]()
    with threadpool_limits(1, user_api="blas"):
        for seed, count in counts.items():
            known = [
                kept.row({"seed": seed, "number": n}, lambda s=seed, n=n: dict(measured(s, n))) for n in range(count)
            ]
            found[seed] = [row for row in known if row is not None]
    solved = {seed: [row for row in rows if "error" not in row] for seed, rows in found.items()}
    names = {DEVELOPMENT: "looked at", UNSEEN: "not looked at"}
    rows = [_summary(names[seed], own) for seed, own in solved.items()]
    for kind in EQUATIONS:
        rows.append(_summary(kind, [row for own in solved.values() for row in own if row["kind"] == kind]))
    refused = [row for own in found.values() for row in own if "error" in row]
    text = f"""
Random members of nine families of equations, with random functions (splines of degree 2 to 8, hat, chidenn), degrees
in time from 0 to 5, and 5 to 65 points an axis. The true error is that at 20,000 random points; effectivity is the
estimate over it. The estimate was made with the first {counts.get(DEVELOPMENT, 0)} combinations; the others were drawn
afterwards, from another seed. Where the true error is below {ROUND_OFF:g} of the solution, it is round-off, of the
exact solution as well; these are not counted. `sure` is how often no warning says that the estimate is a guess.
{_said_of_refused(refused)} Combinations are kept as they are measured (`{KEPT}`).

"""
    headings = (
        "equations",
        "combinations",
        "error",
        "effectivity: least",
        "median",
        "greatest",
        "sure",
        "95 % intervals hold",
        "estimate / fit, processor time",
    )
    return Study(
        "How well the error of a solution is known", text + table(headings, rows), _figure(solved), kept.rests_on
    )


def _said_of_refused(rows: Sequence[Row]) -> str:
    if not rows:
        return "All of them were solved."
    return f"{len(rows)} were refused, for being too large: {rows[0]['error']}."


def _summary(name: str, rows: Sequence[Row]) -> list[str]:
    own = [row for row in rows if row["relative"] > ROUND_OFF]
    if not own:
        return [name, "0", *[""] * 7]
    ratios = np.array([row["effectivity"] for row in own])
    errors = [row["relative"] for row in own]
    hold = np.array([row["cover"] for row in own])
    cost = sum(row["est"] for row in own) / max(sum(row["fit"] for row in own), 1e-9)
    return [
        name, str(len(own)), f"{min(errors):.0e} to {max(errors):.0e}", f"{ratios.min():.2f}",
        f"{np.median(ratios):.2f}", f"{ratios.max():.2f}", str(sum(row["sure"] for row in own)),
        f"{hold.mean():.1%}, at worst {hold.min():.1%}", f"{cost:.1f}",
    ]  # fmt: skip


def _figure(solved: Mapping[int, Sequence[Row]]) -> Figure:
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.axhspan(1, 5, color="0.93")
    for number, kind in enumerate(EQUATIONS):
        for seed, rows in solved.items():
            own = [row for row in rows if row["kind"] == kind]
            colour = COLOURS[number % len(COLOURS)]
            axes.loglog(
                [row["relative"] for row in own],
                [row["effectivity"] for row in own],
                MARKERS[number % len(MARKERS)],
                color=colour,
                markersize=4,
                markerfacecolor=colour if seed == UNSEEN else "none",
                label=kind if seed == max(solved) else None,
            )
    axes.axvline(ROUND_OFF, color="0.6", linewidth=0.8, linestyle=":")
    axes.set(xlabel="true relative error", ylabel="estimated / true error", ylim=(0.3, 12))
    axes.legend(fontsize=7, ncol=3)
    return figure
