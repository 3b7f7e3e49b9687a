"""Does active learning stop where it says? The true error at the stop against the tolerance of `task.stop.rmse`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from tests.studies.kept import KeptRows
from tests.studies.loop import score
from tests.studies.page import Study, lacking, table
from tests.studies.solver_runs import judged, learned

SHARES = {"branin": 0.05, "borehole": 0.02, "heat": 0.05}
"""Tolerance as a share of the standard deviation of the output."""
SEEDS = {"branin": 7, "borehole": 7, "heat": 6}
KEPT = Path("outputs") / "stopping.jsonl"
WITHIN = 2.0
"""How many times the tolerance the true error may be."""


def end_of(problem: str, seed: int, *, rounds: int, test_cases: int, store: str) -> tuple[float, int, bool]:
    """RMSE on the test cases over the tolerance after the last round, how many rounds there were, and whether the rule
    ended them."""
    tolerance = SHARES[problem] * float(np.std(judged(problem, seed, test_cases, store).values))
    words = (f"task.rounds={rounds}", f"task.stop.rmse={tolerance}")
    steps, _ = learned(problem, seed, test_cases, store, *words)
    return score(steps[-1], "test") / tolerance, len(steps) - 1, len(steps) - 1 < rounds


def study(
    seeds: Mapping[str, int] = SEEDS,
    rounds: int = 40,
    test_cases: int = 200,
    processes: int = 2,
    path: Path = KEPT,
    asks: bool = True,
) -> Study:
    """Runs until the rule ends them, over seeds that draw the first and the test cases."""
    jobs = [(problem, seed) for seed in range(max(seeds.values())) for problem in seeds if seed < seeds[problem]]
    kept = KeptRows(path, asks)
    ends = kept.results(end_of, jobs, {"rounds": rounds, "test_cases": test_cases}, processes)
    figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
    rows, within, stopped = [], 0, 0
    for problem, count in seeds.items():
        found = [ends[problem, seed] for seed in range(count) if (problem, seed) in ends]
        if not found:
            continue
        over = np.array([error for error, _, did in found if did])
        good = int(np.sum(over <= WITHIN))
        within, stopped = within + good, stopped + len(over)
        numbers = [number for _, number, did in found if did]
        ax.plot(numbers, over, "o", label=problem)
        spans = (
            (f"{over.min():.2f} to {over.max():.2f}", f"{min(numbers)} to {max(numbers)}") if numbers else ("–", "–")
        )
        counts = (f"{len(over)} of {len(found)}", f"{good} of {len(found)}")
        rows.append((problem, f"{100 * SHARES[problem]:g} %", *counts, *spans))
    ax.axhline(WITHIN, color="0.5", lw=0.8)
    ax.set(yscale="log", xlabel="rounds until the stop", ylabel="true error over the tolerance")
    ax.legend()
    text = (
        f"`task.acquisition=mean_std` anywhere in the ranges, from 2 D + 2 cases, one case a round, until the error "
        f"that the surrogate expects of itself is within `task.stop.rmse`, at most {rounds} rounds; {test_cases} cases "
        f"at random say what the error is. The tolerance is a share of the output's standard deviation. Of {len(ends)} "
        f"runs {stopped} stopped, {within} of them within {WITHIN:g} times the tolerance.\n\n"
    )
    headings = ("problem", "tolerance", "stopped", f"within {WITHIN:g} times", "true error over it", "rounds")
    absent = lacking("", seeds, {row[0] for row in rows})
    return Study("When to stop", f"{text}{table(headings, rows)}\n\n{absent}", figure, kept.rests_on)
