"""Which acquisition learns fastest? Each against random choice and space filling, over seeds that draw the first
cases."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from tests.studies.loop import score, steps_of
from tests.studies.page import Study, table

NAMES = ("mean_std", "max_std", "ivr", "maximin", "random")
SPLIT = "test"


def study(
    seeds: int = 10, rounds: int = 20, words: tuple[str, ...] = ("dataset.initial_cases=8", "dataset.offgrid_points=0")
) -> Study:
    """Active learning on `heat` from a few cases, for every acquisition and seed."""
    command = ("dataset=heat", "task=active_learn", f"task.rounds={rounds}", *words)
    logs = {
        name: np.array([_log_errors(*command, f"task.acquisition={name}", f"seed={seed}") for seed in range(seeds)])
        for name in NAMES
    }
    areas = {name: log.mean(axis=1) for name, log in logs.items()}
    figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
    for name, log in logs.items():
        middle, spread = log.mean(axis=0), log.std(axis=0)
        (line,) = ax.plot(10**middle, label=name)
        ax.fill_between(
            range(log.shape[1]),
            10 ** (middle - spread),
            10 ** (middle + spread),
            color=line.get_color(),
            alpha=0.15,
            lw=0,
        )
    ax.set(yscale="log", xlabel="acquired cases", ylabel=f"RMSE on the held-out cases ({SPLIT})")
    ax.legend()
    rows = []
    for name in NAMES:
        wins = [
            str(int(np.sum(areas[name] < areas[other]))) if name != other else "" for other in ("random", "maximin")
        ]
        rows.append((name, f"{areas[name].mean():.3f}", *wins, f"{10 ** logs[name][:, -1].mean():.2e}"))
    text = (
        f"Heat, {' '.join(words)}, {rounds} rounds of one case, seeds 0 to {seeds - 1}; the seed draws the first "
        f"and the held-out cases. "
    )
    text += (
        "Lines are means of log RMSE over seeds, bands one standard deviation. The area is the mean of log10 "
        "RMSE over all rounds.\n\n"
    )
    headings = (
        "acquisition",
        "mean area",
        "seeds with a lower area than random",
        "than maximin",
        "final RMSE (geometric mean)",
    )
    return Study("Acquisitions", text + table(headings, rows), figure)


def _log_errors(*words: str) -> list[float]:
    return [float(np.log10(score(step, SPLIT))) for step in steps_of(*words)]
