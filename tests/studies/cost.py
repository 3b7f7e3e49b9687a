"""What accuracy costs: RMSE against seconds of fitting over a whole active-learning loop, for a handful of settings."""

from __future__ import annotations

import matplotlib.pyplot as plt

from tests.studies.loop import fit_seconds, score, steps_of
from tests.studies.page import Study, table

SETTINGS = {
    "poisson": (("model.decomposition=cp",), ("model.tolerance=0.01",), ()),
    "heat": (
        ("model.decomposition=cp", "model.modes=24"),
        ("model.decomposition=cp", "model.sweeps=10"),
        ("model.decomposition=cp",),
        ("model.inference=vb",),
        ("model.sweeps=4",),
        (),
        ("model.sweeps=100", "model.tolerance=1e-6"),
    ),
}


def study(settings: dict[str, tuple[tuple[str, ...], ...]] = SETTINGS, words: tuple[str, ...] = ()) -> Study:
    """Run every setting twice, the first time to compile, and report the second."""
    figure, axes = plt.subplots(
        1, len(settings), figsize=(4.0 * len(settings), 3.4), layout="constrained", squeeze=False
    )
    rows = []
    for ax, (name, choices) in zip(axes[0], settings.items(), strict=True):
        for choice in choices:
            command = (f"dataset={name}", "task=active_learn", *choice, *words)
            steps_of(*command, "task.rounds=1")
            steps = steps_of(*command)
            seconds, last = fit_seconds(steps), steps[-1]
            label = " ".join(word.removeprefix("model.") for word in choice) or "default"
            for split, marker in (("test", "o"), ("offgrid", "s")):
                ax.loglog(
                    seconds,
                    score(last, split),
                    marker,
                    mfc="none" if split == "offgrid" else None,
                    color=f"C{choices.index(choice)}",
                )
            ax.annotate(label, (seconds, score(last, "test")), textcoords="offset points", xytext=(4, 4), fontsize=7)
            scores = (
                f"{score(last, split, metric):{form}}"
                for split in ("test", "offgrid")
                for metric, form in (("rmse", ".2e"), ("coverage_95", ".3f"))
            )
            rows.append((name, label, f"{seconds:.2f}", *scores))
        ax.set(xlabel="seconds of fitting, all rounds", ylabel="final RMSE", title=name)
    text = (
        "Final scores of active learning (initial cases and rounds by default) against the seconds of all fits, "
        "compilation apart. "
    )
    text += "Filled: held-out cases on the grid; open: off the grid.\n\n"
    headings = ("data", "setting", "seconds", "test RMSE", "95 % covers", "off-grid RMSE", "95 % covers")
    return Study("What accuracy costs", text + table(headings, rows), figure)
