"""CP against Tucker with the default settings: error, coverage and seconds, on poisson and heat."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np

from binn_cli.results.record import Step
from tests.studies.loop import score, steps_of
from tests.studies.page import Study, table

DECOMPOSITIONS = ("cp", "tucker")
DEFAULT: Mapping[str, tuple[str, ...]] = {"heat": (), "poisson": ()}
"""The data sets, and what is said of each beside the decomposition."""


def study(repeats: int = 3, words: Mapping[str, tuple[str, ...]] = DEFAULT) -> Study:
    """One fit of each to each; seconds of the quickest of several, compilation apart."""
    runs = {
        (d, name): [
            steps_of(f"dataset={name}", "task=regress", f"model.decomposition={d}", *said)[0] for _ in range(repeats)
        ]
        for name, said in words.items()
        for d in DECOMPOSITIONS
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.4), layout="constrained")
    curve = next(iter(words))
    labels = [(name, split) for name in words for split in runs["cp", name][0].metrics]
    rows = []
    for d, marker in zip(DECOMPOSITIONS, "os", strict=True):
        left.semilogy([score(runs[d, name][0], split) for name, split in labels], marker, label=d)
        residual = np.ravel(runs[d, curve][0].diagnostics["residual"])
        right.semilogy(np.arange(1, len(residual) + 1), residual, marker=marker, markersize=3, label=d)
        for name in words:
            fit = runs[d, name][0]
            seconds = min(step.timings["fit"] for step in runs[d, name])
            scores = [f"{score(fit, s):.1e}, {100 * score(fit, s, 'coverage_95'):.1f} %" for s in ("test", "offgrid")]
            rows.append(
                (name, d, _size(fit), *scores, str(int(np.ravel(fit.diagnostics["sweeps"])[0])), f"{seconds:.3f}")
            )
    left.set(xticks=range(len(labels)), ylabel="RMSE", title="Error on every split")
    left.set_xticklabels([f"{name}\n{split.replace('_', chr(10), 1)}" for name, split in labels], fontsize=7)
    right.set(
        xlabel="sweep", ylabel="RMS residual, output of unit RMS", title=f"{curve}: residual of the training data"
    )
    left.legend()
    text = "RMSE, and how many values lie in their 95 % interval. "
    text += f"Seconds are those of the quickest of {repeats} fits, compilation apart.\n\n"
    headings = ("data", "decomposition", "size", "held-out cases", "off the grid", "sweeps", "fit, s")
    return Study("CP against Tucker", text + table(headings, sorted(rows)), figure)


def _size(fit: Step) -> str:
    if "tucker_ranks" in fit.diagnostics:
        return " x ".join(str(int(r)) for r in np.ravel(fit.diagnostics["tucker_ranks"]))
    return f"{int(np.ravel(fit.diagnostics['modes'])[0])} modes"
