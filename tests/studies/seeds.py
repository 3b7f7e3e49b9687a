"""Does a fit depend on the seed of its start? Many seeds, one fit each, with the default settings."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from tests.studies.loop import score, steps_of
from tests.studies.page import Study, table

SPLITS = {"poisson": ("test", "offgrid"), "heat": ("test", "offgrid", "offgrid_at_times")}


def study(seeds: tuple[int, int] = (50, 20), extra: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())) -> Study:
    """Fit `poisson` and `heat` as often as `seeds` says, with other words for each behind the command line."""
    figure, axes = plt.subplots(1, 2, figsize=(8.0, 3.2), layout="constrained")
    rows = []
    for ax, (name, splits), count, words in zip(axes, SPLITS.items(), seeds, extra, strict=True):
        fits = [steps_of(f"dataset={name}", "task=regress", f"model.seed={s}", *words)[0] for s in range(count)]
        for i, split in enumerate(splits):
            errors = np.array([score(fit, split) for fit in fits])
            coverage = np.array([score(fit, split, "coverage_95") for fit in fits])
            ax.semilogy(i + np.linspace(-0.25, 0.25, count), np.sort(errors), ".", label=split)
            worst = f"{errors.max() / np.median(errors):.2f}"
            numbers = (
                f"{np.median(errors):.2e}",
                f"{errors.max():.2e}",
                worst,
                f"{coverage.min():.3f} to {coverage.max():.3f}",
            )
            rows.append((name, split, str(count), *numbers))
        ax.set_xticks(range(len(splits)), splits)
        ax.set_title(f"{name}, {count} seeds")
        ax.set_ylabel("RMSE")
    text = (
        "One fit for each seed of the start, all else as by default. The seed moves the random part of the start "
        "from the data's "
    )
    text += "higher-order SVD.\n\n"
    return Study(
        "Dependence on the seed",
        text
        + table(("data", "split", "seeds", "median RMSE", "worst", "worst / median", "95 % intervals cover"), rows),
        figure,
    )
