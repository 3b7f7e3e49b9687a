"""Active learning anywhere in the ranges of a solver's parameters: against random cases, space filling, and the same
acquisition over a pool of 2,000 cases."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from tests.studies.jobs import results_of
from tests.studies.loop import score
from tests.studies.page import Study, table
from tests.studies.solver_problems import RANGES
from tests.studies.solver_runs import learned

VARIANTS = {
    "ivr": ("task.acquisition=ivr",),
    "ivr, pool": ("task.acquisition=ivr", "dataset.candidates=2000"),
    "maximin": ("task.acquisition=maximin",),
    "random": ("task.acquisition=random",),
}
RIVALS = ("random", "maximin", "ivr, pool")


def log_errors(problem: str, variant: str, seed: int, *, rounds: int, test_cases: int, store: str) -> list[float]:
    """log10 of the RMSE on the test cases after each round, from 2 D + 2 cases."""
    steps, _ = learned(problem, seed, test_cases, store, f"task.rounds={rounds}", *VARIANTS[variant])
    return [float(np.log10(score(step, "test"))) for step in steps]


def study(
    seeds: int = 10,
    rounds: int = 8,
    test_cases: int = 200,
    problems: Sequence[str] = tuple(RANGES),
    variants: Sequence[str] = tuple(VARIANTS),
    processes: int = 2,
) -> Study:
    """All variants on all problems, over seeds that draw the first and the test cases."""
    jobs = [(problem, variant, seed) for seed in range(seeds) for problem in problems for variant in variants]
    settings = {"rounds": rounds, "test_cases": test_cases}
    logs = results_of("anywhere", log_errors, jobs, settings, processes)
    size = 3.4 * len(problems), 3.4
    figure, axes = plt.subplots(1, len(problems), figsize=size, layout="constrained", squeeze=False)
    rows = []
    for ax, problem in zip(axes[0], problems, strict=True):
        own = {variant: np.array([logs[problem, variant, seed] for seed in range(seeds)]) for variant in variants}
        areas = {variant: log.mean(axis=1) for variant, log in own.items()}
        for variant, log in own.items():
            ax.plot(10 ** log.mean(axis=0), label=variant)
            wins = [_wins(areas[variant], areas.get(rival)) if rival != variant else "" for rival in RIVALS]
            rows.append((problem, variant, f"{areas[variant].mean():.3f}", *wins, f"{10 ** log[:, -1].mean():.2e}"))
        ax.set(yscale="log", xlabel="acquired cases", ylabel="RMSE on the test cases", title=problem)
    axes[0, 0].legend()
    text = (
        f"From the same 2 D + 2 cases, {rounds} rounds of one case, scored by the same {test_cases} cases at random; "
        f"seeds 0 to {seeds - 1}. Branin has two parameters, borehole eight, heat four and a field of 105 points "
        f"(`tests/studies/solver_problems.py`). `pool` chooses among 2,000 spread cases, the others anywhere in the "
        f"ranges. The area is the mean of log10 RMSE over all rounds, averaged over seeds; lines are means of log RMSE."
        f"\n\n"
    )
    headings = (
        *("problem", "acquisition", "mean area", "seeds with a lower area than random", "than maximin"),
        *("than the pool", "final RMSE (geometric mean)"),
    )
    return Study("Acquisition anywhere", text + table(headings, rows), figure)


def _wins(mine: np.ndarray, others: np.ndarray | None) -> str:
    return "" if others is None else f"{int(np.sum(mine < others))} of {len(mine)}"
