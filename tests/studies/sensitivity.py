"""How much do stated hyperparameters matter, and how much is left of it when the evidence chooses them
(`model.tune`)?"""

from __future__ import annotations

from itertools import product

import matplotlib.pyplot as plt
import numpy as np

from tests.studies.loop import score, steps_of
from tests.studies.page import Study, table

GRID = {"length": (0.5, 2.0, 8.0), "centers": (8, 16, 32), "modes": (2, 6, 24)}
"""Starting values; lengths in spacings of the centres, as in the paper's tables."""

PROBLEMS = {"sine": ("test",), "poisson": ("test", "offgrid"), "heat": ("test", "offgrid")}


def study(
    grid: dict[str, tuple] = GRID, problems: dict[str, tuple[str, ...]] = PROBLEMS, words: tuple[str, ...] = ()
) -> Study:
    """Final RMSE over a grid of starting values, as stated and tuned."""
    panels = [(name, split) for name, splits in problems.items() for split in splits]
    figure, axes = plt.subplots(1, len(panels), figsize=(2.1 * len(panels), 3.2), layout="constrained", squeeze=False)
    rows, found = [], {}
    for name in problems:
        for tune in (False, True):
            # One fit is enough where nothing stated is used; that it is not used has a test of its own.
            values = list(product(*grid.values()))[: 2 if tune else None]
            fits = [
                steps_of(
                    f"dataset={name}", "task=regress", f"model.tune={str(tune).lower()}", "model.stretch=0",
                    "model.padding=0",
                    *(f"model.{key}={value}" for key, value in zip(grid, stated, strict=True)), *words,
                )[0]
                for stated in values
            ]  # fmt: skip
            for split in problems[name]:
                found[name, split, tune] = np.array([score(fit, split) for fit in fits])
    for ax, (name, split) in zip(axes[0], panels, strict=True):
        stated, tuned = found[name, split, False], found[name, split, True]
        for i, errors in enumerate((stated, tuned)):
            ax.semilogy(i + np.linspace(-0.15, 0.15, len(errors)), np.sort(errors), ".")
        ax.set_xticks((0, 1), ("stated", "tuned"))
        ax.set_title(f"{name}, {split}")
        spreads = [f"{np.nanmax(errors) / np.nanmin(errors):.3g}" for errors in (stated, tuned)]
        rows.append(
            (
                name,
                split,
                f"{np.nanmin(stated):.2e}",
                f"{np.nanmax(stated):.2e}",
                spreads[0],
                f"{tuned.max():.2e}",
                spreads[1],
            )
        )
    axes[0, 0].set_ylabel("RMSE")
    values = "; ".join(f"{key} {', '.join(map(str, options))}" for key, options in grid.items())
    text = (
        f"Every combination of {values} (centres within the domain only, no stretching), one fit each. Tuned: the "
        f"same with "
    )
    text += "`model.tune=true`.\n\n"
    headings = (
        "data",
        "split",
        "stated, best RMSE",
        "stated, worst",
        "worst / best",
        "tuned, worst",
        "tuned, worst / best",
    )
    return Study("Sensitivity to hyperparameters", text + table(headings, rows), figure)
