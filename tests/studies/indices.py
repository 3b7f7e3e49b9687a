"""Sobol indices from few runs: ours, from a surrogate, with intervals, and SALib's, from a sample of the same size."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from binn_cli.config.schema import BinnConfig, SensitivityConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.surrogate import Binn
from binn_cli.models.scope import Scope
from binn_cli.results.answers import Answer
from binn_cli.tasks.questions.sensitivity.task import Sensitivity
from binn_cli.tasks.questions.source import Source
from binn_cli.views.plots.style import COLOURS
from tests.studies.computer_experiments import g_function, g_weights, ishigami_function
from tests.studies.kept import KeptRows
from tests.studies.loop import Memory
from tests.studies.page import Study, table
from tests.tasks.questions.exact import source_of

Row = Mapping[str, Any]

BUDGETS = {
    "ishigami": {50: 6, 100: 6, 200: 4, 500: 1},
    "g, 6 inputs": {50: 4, 100: 4, 200: 2, 500: 1},
    "g, 20 inputs": {100: 1, 200: 1},
    "field": {50: 3, 100: 2, 500: 1},
}
"""Runs, and how many random designs of so many."""

KEPT = Path("outputs") / "indices.jsonl"
PLACES, TIMES, LATEST = 9, 5, 0.1
BOX = {"k": (1.0, 2.0), "P": (1.0, 3.0), "Q": (-1.0, 1.0)}
"""Of the field u = P sin(πx) exp(-kπ²t) + Q sin(2πx), whose indices have closed forms."""


@dataclass(frozen=True)
class Problem:
    """A function with known indices.

    Attributes:
        function: from points (n, D) to n values.
        ranges: of its inputs.
        first, total: exact indices of the inputs that vary, with the field's points behind (d, …).
        field: names of the coordinates of the field.
    """

    function: Callable[[np.ndarray], np.ndarray]
    ranges: Mapping[str, tuple[float, float]]
    first: np.ndarray
    total: np.ndarray
    field: tuple[str, ...] = ()

    @property
    def varied(self) -> tuple[str, ...]:
        """Inputs of a run."""
        return tuple(name for name in self.ranges if name not in self.field)


def ishigami() -> Problem:
    """Ishigami and Homma's function of three inputs."""
    one, two, pair = 0.5 * (1.0 + 0.1 * np.pi**4 / 5.0) ** 2, 49.0 / 8.0, 0.01 * np.pi**8 * 8.0 / 225.0
    whole = one + two + pair
    ranges = {f"x{i}": (-np.pi, np.pi) for i in (1, 2, 3)}
    return Problem(
        ishigami_function, ranges, np.array([one, two, 0.0]) / whole, np.array([one + pair, two, pair]) / whole
    )


def sobol_g(inputs: int) -> Problem:
    """Sobol's g-function, four of whose inputs matter."""
    a = g_weights(inputs)
    own = 1.0 / 3.0 / (1.0 + a) ** 2
    whole = np.prod(1.0 + own) - 1.0
    ranges = {f"x{i + 1}": (0.0, 1.0) for i in range(inputs)}
    return Problem(
        lambda x: g_function(x, a), ranges, own / whole,
        own * (whole + 1.0) / (1.0 + own) / whole,
    )  # fmt: skip


def heated(x: np.ndarray, t: np.ndarray) -> Problem:
    """The field, with exact indices (3, places, times) in the order of `BOX`."""
    rate = np.pi**2 * t
    k, p, q = (np.array(BOX[name]) for name in ("k", "P", "Q"))
    safe = np.where(rate > 0, rate, 1.0)

    def moment(power: int) -> np.ndarray:
        found = (np.exp(-power * k[0] * rate) - np.exp(-power * k[1] * rate)) / (power * safe * (k[1] - k[0]))
        return np.where(rate > 0, found, 1.0)

    spread, wide = np.ptp(p) ** 2 / 12.0, np.ptp(q) ** 2 / 12.0
    one, two = np.sin(np.pi * x)[:, None] ** 2, np.sin(2 * np.pi * x)[:, None] ** 2
    mean, square = moment(1), moment(2)
    by_k, by_p = one * p.mean() ** 2 * (square - mean**2), one * spread * mean**2
    both, by_q = one * spread * (square - mean**2), two * wide * np.ones_like(t)
    whole = by_k + by_p + both + by_q
    first, total = np.stack([by_k, by_p, by_q]), np.stack([by_k + both, by_p + both, by_q])

    def function(points: np.ndarray) -> np.ndarray:
        at, when, *rest = points.T
        return rest[1] * np.sin(np.pi * at) * np.exp(-rest[0] * np.pi**2 * when) + rest[2] * np.sin(2 * np.pi * at)

    ranges = {"x": (0.0, 1.0), "t": (0.0, LATEST), **BOX}
    with np.errstate(invalid="ignore"):
        return Problem(function, ranges, first / whole, total / whole, ("x", "t"))


def _grid() -> tuple[np.ndarray, np.ndarray]:
    return np.linspace(0.0, 1.0, PLACES), np.linspace(0.0, LATEST, TIMES)


def problems() -> dict[str, Problem]:
    """By name."""
    # The task's own points of the field: as many along each coordinate.
    places, times = np.linspace(0.0, 1.0, TIMES), np.linspace(0.0, LATEST, TIMES)
    return {
        "ishigami": ishigami(), "g, 6 inputs": sobol_g(6), "g, 20 inputs": sobol_g(20),
        "field": heated(places, times),
    }  # fmt: skip


@dataclass
class Kept(Memory):
    """A recorder that also keeps the answers."""

    answers: dict[str, Answer] = field(default_factory=dict)

    def step(self, step: Any, **rest: Any) -> None:
        """Keep one step and what was answered."""
        super().step(step, **rest)
        self.answers = dict(rest["answers"])


def asked(source: Source, problem: Problem, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices (2, d, …), first order and total, their intervals (…, 2), and exact ones; of a field at its points."""
    config = SensitivityConfig(inputs=list(problem.varied) if problem.field else [], field_points=TIMES**2, seed=seed)
    memory = Kept()
    Sensitivity(config, 0).ask(source, memory)  # type: ignore[arg-type]
    answer = memory.answers["sensitivity"]
    answer = answer.groups["fields"] if problem.field else answer
    found = np.stack([answer[name][..., 0] for name in ("first_order", "total")])
    intervals = np.stack([answer[f"{name}_interval_95"][..., 0, :] for name in ("first_order", "total")])
    exact = np.stack([problem.first, problem.total])
    # Where the field does not vary there are no indices.
    known = np.isfinite(exact) & np.isfinite(found)
    return found[known], intervals[known], exact[known]


def exact_error(problem: Problem) -> float:
    """How far the indices of the function itself are from the exact ones, at most."""
    widths = (1, 1, len(problem.varied)) if problem.field else ()
    source = source_of(lambda x: problem.function(x)[:, None], dict(problem.ranges), widths=widths)
    found, _, exact = asked(source, problem, 0)
    return float(np.abs(found - exact).max())


def learned(problem: Problem, runs: int, seed: int) -> Source:
    """A surrogate of random runs, of which each is a whole field where the problem has one."""
    low, high = np.array([problem.ranges[name] for name in problem.varied]).T
    cases = low + (high - low) * np.random.default_rng([seed, runs]).random((runs, len(low)))
    case = Axis("case", cases, problem.varied)
    if problem.field:
        x, t = _grid()
        index = np.indices((len(x), len(t), runs)).reshape(3, -1)
        table_ = np.concatenate([x[index[0], None], t[index[1], None], cases[index[2]]], axis=1)
        values = problem.function(table_).reshape(len(x), len(t), runs, 1)
        axes = (Axis("x", x[:, None], ("x",)), Axis("t", t[:, None], ("t",)), case)
        data = ProductData(axes, values, ("y",))
    else:
        data = ProductData((case,), problem.function(cases)[:, None], ("y",))
    box = np.array(list(problem.ranges.values()))
    return Source(Binn(BinnConfig()).fit(data), Scope.of(data).within(*box.T), "binn", "a run", runs)


def measured(name: str, runs: int, seed: int) -> Row:
    """One design: errors of both, and how many of the exact indices our intervals hold."""
    problem = problems()[name]
    began = time.process_time()
    found, intervals, exact = asked(learned(problem, runs, seed), problem, seed)
    seconds = time.process_time() - began
    held = (intervals[..., 0] <= exact + 1e-12) & (exact <= intervals[..., 1] + 1e-12)
    row = {"name": name, "runs": runs, "seed": seed, "error": float(np.abs(found - exact).max()),
           "held": int(held.sum()), "asked": int(held.size), "width": float(np.mean(np.diff(intervals))),
           "seconds": seconds}  # fmt: skip
    if not problem.field:
        row["salib"], row["salib_runs"] = _of_salib(problem, runs, seed)
    return row


def _of_salib(problem: Problem, runs: int, seed: int) -> tuple[float, int]:
    """The largest error of SALib's estimator from at most so many runs."""
    from SALib.analyze import sobol
    from SALib.sample import sobol as design

    names, d = list(problem.varied), len(problem.varied)
    given = {"num_vars": d, "names": names, "bounds": [list(problem.ranges[name]) for name in names]}
    size = 2 ** int(np.log2(runs // (d + 2)))
    points = design.sample(given, size, calc_second_order=False, seed=seed)
    found = sobol.analyze(given, problem.function(points), calc_second_order=False, seed=seed)
    away = np.stack([found["S1"] - problem.first, found["ST"] - problem.total])
    return float(np.abs(away).max()), len(points)


def study(budgets: Mapping[str, Mapping[int, int]] = BUDGETS, path: Path = KEPT) -> Study:
    """Errors and coverage from so many runs."""
    kept, rows = KeptRows(path), list[Row]()
    for name, own in budgets.items():
        for runs, seeds in own.items():
            for seed in range(10, 10 + seeds):
                of = {"name": name, "runs": runs, "seed": seed}
                row = kept.row(of, lambda n=name, r=runs, s=seed: dict(measured(n, r, s)))
                assert row is not None
                rows.append(row)
    exact = {name: exact_error(problems()[name]) for name in budgets}
    figure = Figure(figsize=(3.1 * len(budgets), 3.2), layout="constrained")
    lines = []
    for axes, (name, own) in zip(figure.subplots(1, len(budgets), squeeze=False)[0], budgets.items(), strict=True):
        for runs in own:
            here = [row for row in rows if (row["name"], row["runs"]) == (name, runs)]
            axes.loglog([runs] * len(here), [row["error"] for row in here], "o", color=COLOURS[0])
            theirs = [row for row in here if "salib" in row]
            axes.loglog([row["salib_runs"] for row in theirs], [row["salib"] for row in theirs], "x", color=COLOURS[1])
            lines.append(_line(name, runs, here, theirs))
        axes.set(title=name, xlabel="runs", ylabel="largest error of an index" if not lines[1:] else "")
    figure.axes[0].set_ylabel("largest error of an index")
    return Study("Sobol indices from few runs", _text(rows, exact) + _table(lines), figure, kept.rests_on)


def _line(name: str, runs: int, here: Sequence[Row], theirs: Sequence[Row]) -> list[str]:
    other = f"{np.median([row['salib'] for row in theirs]):.2g} from {theirs[0]['salib_runs']}" if theirs else ""
    held, of = sum(row["held"] for row in here), sum(row["asked"] for row in here)
    return [name, str(runs), str(len(here)), f"{np.median([row['error'] for row in here]):.1e}",
            f"{held / of:.1%} of {of}", f"{np.mean([row['width'] for row in here]):.1e}", other,
            f"{np.mean([row['seconds'] for row in here]):.0f}"]  # fmt: skip


def _text(rows: Sequence[Row], exact: Mapping[str, float]) -> str:
    whole = "; ".join(f"{name} {error:.0e}" for name, error in exact.items())
    held, of = sum(row["held"] for row in rows), sum(row["asked"] for row in rows)
    return f"""
First-order and total indices of functions whose indices are known exactly: the largest error of any of them, as the
median over random designs, and how many of the exact ones lie in our 95 % intervals (filled circles in the figure).
Crosses are those of SALib's estimator (Saltelli's, on Sobol points) from at most as many runs. The field is
u(x, t) = P sin(πx) exp(-kπ²t) + Q sin(2πx); a run is one field on {PLACES} x {TIMES} points, and indices are those of
k, P and Q at every point of x and t.

With the function itself in the place of a surrogate the largest errors are: {whole}.

Of all exact indices below, {held / of:.1%} lie in the intervals. Designs are kept as they are measured (`{KEPT}`).

"""


def _table(lines: Sequence[Sequence[str]]) -> str:
    headings = ("function", "runs", "designs", "largest error", "95 % intervals hold", "their mean length",
                "SALib: largest error", "processor s")  # fmt: skip
    return table(headings, lines)
