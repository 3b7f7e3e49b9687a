"""What accuracy costs without data: error against seconds beside INN-TD, and seconds against points and dimensions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from binn_cli.config.schema import GalerkinConfig, Heat3dConfig, PoissonNdConfig
from binn_cli.datasets.heat3d import Heat3d
from binn_cli.datasets.poisson_nd import PoissonNd
from binn_cli.models.galerkin.model import Galerkin
from binn_cli.views.plots.style import COLOURS, MARKERS
from tests.studies.kept import KeptRows
from tests.studies.page import Study, decay, table

Row = Mapping[str, Any]

INN_TD = {"poisson_nd 2": (0.81, 1.8e-8), "poisson_nd 5": (6.9, 1.7e-8), "poisson_nd 10": (57.0, 1.2e-8),
          "heat3d": (155.0, 3.4e-3)}  # fmt: skip
"""Seconds and relative errors that its authors report, on a workstation's GPU, 32 points an axis (heat3d 101; its error
is against finite elements on the same mesh)."""

POISSON, HEAT = (4, 6, 8, 12, 16, 24, 32, 48, 64), (9, 13, 17, 25, 33, 51, 75, 101)
DIMENSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
STATED = 32
KEPT = Path("outputs") / "solving.jsonl"


def measured(name: str, points: int) -> Row:
    """One solution with its estimate: processor time of each, errors at 20,000 random points."""
    dataset: Any = Heat3d(Heat3dConfig(), 0)
    if name != "heat3d":
        dataset = PoissonNd(PoissonNdConfig(dimensions=int(name.split()[1])), 0)
    problem, solver = dataset.problem(), Galerkin(GalerkinConfig(points=points))
    truth = dataset.truth(20_000, 1)
    began = time.process_time()
    attempt = solver.attempt(problem, solver.resolution(problem))
    fitted = time.process_time()
    solved = solver.judged(problem, attempt, 0)
    ended = time.process_time()
    size = np.sqrt(np.mean(truth.values**2))
    error = np.sqrt(np.mean((solved.fitted.predict(truth.axes).mean - truth.values) ** 2)) / size
    return {
        "name": name,
        "points": points,
        "error": float(error),
        "estimate": solved.estimate.relative,
        "fit": fitted - began,
        "est": ended - fitted,
        "unknowns": attempt.unknowns,
    }


def study(
    poisson: Sequence[int] = POISSON,
    heat: Sequence[int] = HEAT,
    dimensions: Sequence[int] = DIMENSIONS,
    path: Path = KEPT,
) -> Study:
    """Error against seconds, and seconds against points and dimensions."""
    curves = {name: heat if name == "heat3d" else poisson for name in INN_TD}
    wanted = [(name, points) for name, own in curves.items() for points in own]
    by_dimension = [(f"poisson_nd {d}", max(poisson) if STATED not in poisson else STATED) for d in dimensions]
    kept, found = KeptRows(path), dict[tuple[str, int], Row]()
    with threadpool_limits(1, user_api="blas"):
        for name, points in dict.fromkeys([*wanted, *by_dimension]):
            of = {"name": name, "points": points}
            row = kept.row(of, lambda n=name, p=points: dict(measured(n, p)))
            assert row is not None
            found[name, points] = row
    curve = {name: [found[name, points] for points in own] for name, own in curves.items()}
    wide = [found[key] for key in by_dimension]
    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    _errors(first, curve)
    for number, (name, rows) in enumerate(curve.items()):
        second.loglog([row["points"] for row in rows], [row["fit"] for row in rows],
                      MARKERS[number] + "-", color=COLOURS[number], label=name)  # fmt: skip
    second.set(xlabel="points an axis", ylabel="seconds of the fit")
    third.semilogy(dimensions, [row["fit"] for row in wide], "o-", label="fit")
    third.semilogy(dimensions, [row["fit"] + row["est"] for row in wide], "s--", label="with the estimate")
    third.set(xlabel=f"dimensions of poisson_nd, {by_dimension[0][1]} points an axis", ylabel="seconds")
    third.legend()
    rows = []
    for name, own in curve.items():
        for row in own:
            theirs = ""
            if row is own[-1] or row["points"] == STATED:
                theirs = "{1:.1e} in {0:g} s".format(*INN_TD[name]) if row["points"] in (STATED, 101) else ""
            rows.append([name, str(row["points"]), f"{row['unknowns']:.1e}", f"{row['error']:.1e}",
                         f"{row['estimate']:.1e}", f"{row['fit']:.2f}", f"{row['est']:.2f}", theirs])  # fmt: skip
    return Study("What accuracy costs without data", _text(curve, wide) + _table(rows), figure, kept.rests_on)


def _errors(axes: Axes, curve: Mapping[str, Sequence[Row]]) -> None:
    for number, (name, rows) in enumerate(curve.items()):
        colour = COLOURS[number]
        axes.loglog([row["fit"] for row in rows], [row["error"] for row in rows], MARKERS[number] + "-", color=colour,
                    label=name)  # fmt: skip
        axes.loglog(*INN_TD[name], marker="*", color=colour, markersize=10, linestyle="none")
    axes.set(xlabel="seconds of the fit", ylabel="relative error")
    axes.legend(fontsize=7, title="stars: INN-TD", title_fontsize=7)


def _text(curve: Mapping[str, Sequence[Row]], wide: Sequence[Row]) -> str:
    heat = curve["heat3d"]
    growth = decay([row["points"] for row in heat], [row["fit"] for row in heat])
    last = wide[-1]
    return f"""
Relative errors at 20,000 random points of the whole domain, against the closed form or the series; seconds are those of
one processor. INN-TD's are its authors' own, on a workstation's GPU, and for heat3d against finite elements on the
same mesh. The time of an estimate is that of the solutions in richer spaces by which the error is known. Solutions
are kept as they are measured (`{KEPT}`).

- heat3d has the six inputs x, y, z, t, k and P: over {heat[0]["points"]} to
  {heat[-1]["points"]} points an axis the time grows as the power {growth:.1f} of the points, its unknowns as the power
  four.
- poisson_nd with {last["points"]} points an axis takes {wide[0]["fit"]:.3f} s in one dimension and {last["fit"]:.2f} s
  in {last["name"].split()[1]}.

"""


def _table(rows: Sequence[Sequence[str]]) -> str:
    headings = ("equation", "points an axis", "unknowns", "true error", "estimated error", "fit, s", "estimate, s",
                "INN-TD")  # fmt: skip
    return table(headings, rows)
