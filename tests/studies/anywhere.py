"""Active learning anywhere in the ranges of a solver's parameters: against random cases, space filling, and the same
acquisition over a pool of 2,000 cases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from tests.studies.kept import KeptRows
from tests.studies.loop import score
from tests.studies.page import Study, lacking, table
from tests.studies.solver_problems import RANGES
from tests.studies.solver_runs import learned

VARIANTS = {
    "ivr": ("task.acquisition=ivr",),
    "ivr, pool": ("task.acquisition=ivr", "dataset.candidates=2000"),
    "maximin": ("task.acquisition=maximin",),
    "random": ("task.acquisition=random",),
}
KEPT = Path("outputs") / "anywhere.jsonl"
EARLY = 8
"""Rounds of the first table: little is known then of how the function varies."""
RIVALS = ("random", "maximin", "ivr, pool")


def log_errors(problem: str, variant: str, seed: int, *, rounds: int, test_cases: int, store: str) -> list[float]:
    """log10 of the RMSE on the test cases after each round, from 2 D + 2 cases."""
    steps, _ = learned(problem, seed, test_cases, store, f"task.rounds={rounds}", *VARIANTS[variant])
    return [float(np.log10(score(step, "test"))) for step in steps]


def study(
    seeds: int = 10,
    rounds: int = 20,
    test_cases: int = 200,
    problems: Sequence[str] = tuple(RANGES),
    variants: Sequence[str] = tuple(VARIANTS),
    processes: int = 2,
    path: Path = KEPT,
    asks: bool = True,
) -> Study:
    """All variants on all problems, over seeds that draw the first and the test cases."""
    jobs = [(problem, variant, seed) for seed in range(seeds) for problem in problems for variant in variants]
    settings = {"rounds": rounds, "test_cases": test_cases}
    kept = KeptRows(path, asks)
    logs = kept.results(log_errors, jobs, settings, processes)
    # Variants are compared on the same seeds, those that all of them have.
    known = {
        problem: [s for s in range(seeds) if all((problem, variant, s) in logs for variant in variants)]
        for problem in problems
    }
    present = [problem for problem in problems if known[problem]]
    size = 3.4 * max(1, len(present)), 3.4
    figure, axes = plt.subplots(1, max(1, len(present)), figsize=size, layout="constrained", squeeze=False)
    horizons = sorted({min(EARLY, rounds), rounds})
    rows: dict[int, list[tuple[str, ...]]] = {horizon: [] for horizon in horizons}
    for ax, problem in zip(axes[0], present, strict=False):
        whole = {variant: np.array([logs[problem, variant, seed] for seed in known[problem]]) for variant in variants}
        for variant, log in whole.items():
            ax.plot(10 ** log.mean(axis=0), label=variant)
        for horizon in horizons:
            own = {variant: log[:, : horizon + 1] for variant, log in whole.items()}
            areas = {variant: log.mean(axis=1) for variant, log in own.items()}
            for variant, log in own.items():
                wins = [_wins(areas[variant], areas.get(rival)) if rival != variant else "" for rival in RIVALS]
                last = f"{10 ** log[:, -1].mean():.2e}"
                rows[horizon].append((problem, variant, str(len(log)), f"{areas[variant].mean():.3f}", *wins, last))
        ax.set(yscale="log", xlabel="acquired cases", ylabel="RMSE on the test cases", title=problem)
    axes[0, 0].legend()
    text = (
        f"From the same 2 D + 2 cases, {rounds} rounds of one case, scored by the same {test_cases} cases at random; "
        f"the seed draws both. Branin has two parameters, borehole eight, heat four and a field of 105 points "
        f"(`tests/studies/solver_problems.py`). `pool` chooses among 2,000 spread cases, the others anywhere in the "
        f"ranges. The area is the mean of log10 RMSE over all rounds, averaged over seeds; lines are means of log RMSE."
        f"\n\n"
    )
    headings = (
        *("problem", "acquisition", "seeds", "mean area", "seeds with a lower area than random", "than maximin"),
        *("than the pool", "final RMSE (geometric mean)"),
    )
    absent = lacking("", problems, present)
    tables = [f"## The first {horizon} rounds\n\n{table(headings, own)}\n\n" for horizon, own in rows.items()]
    return Study("Acquisition anywhere", f"{text}{''.join(tables)}{absent}", figure, kept.rests_on)


def _wins(mine: np.ndarray, others: np.ndarray | None) -> str:
    return "" if others is None else f"{int(np.sum(mine < others))} of {len(mine)}"
