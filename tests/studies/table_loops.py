"""Active learning on tables from eight cases: are its intervals right at every round, and is it ahead of chance?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from binn_cli import build
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.views.plots.style import GREY, VERMILION
from tests.studies.computer_experiments import EXPERIMENTS, rows_of
from tests.studies.kept import KeptRows, Row
from tests.studies.loop import Memory, score, settings_of
from tests.studies.page import Study, lacking, table

KEPT = Path("outputs") / "table_loops.jsonl"
POOL, TESTED, FIRST, ROUNDS = 400, 1000, 8, 30
ACQUISITIONS = ("ivr", "random")
NAMES = tuple(name for name, one in EXPERIMENTS.items() if not one.kept_aside)
"""The ten functions."""


class Pool:
    """A table whose rows are labelled one by one, and another on which is judged."""

    name, note, size_parameter, initial_cases = "pool", "", "", FIRST

    def __init__(self, function: str, seed: int) -> None:
        """The pool and its order are drawn with the seed."""
        experiment = EXPERIMENTS[function]
        self.data = rows_of(*experiment.drawn(POOL, seed))
        self.tested = rows_of(*experiment.drawn(TESTED, 977))
        self.order = np.random.default_rng(seed).permutation(POOL)
        self.domain = np.column_stack([experiment.low, experiment.high])
        self.held_out: tuple[int, ...] = ()

    @property
    def candidates(self) -> Axis:
        """The rows that may be asked for."""
        return self.data.axes[0]

    def identity(self) -> dict[str, str]:
        """Nothing but the pool."""
        return {}

    def label(self, cases: Sequence[int] | np.ndarray, announce: object = None) -> ProductData:
        """Rows of the pool."""
        rows = np.asarray(cases, dtype=int)
        return ProductData((self.candidates.taken(rows),), self.data.values[rows], self.data.outputs)

    def training(self, announce: object = None) -> ProductData:
        """The first rows of the order."""
        return self.label(self.order[:FIRST])

    def evaluation(self, announce: object = None) -> dict[str, ProductData]:
        """Other points of the same box."""
        return {"test": self.tested}


def loop(function: str, seed: int, acquisition: str, rounds: int) -> Row:
    """Error and coverage of the other points, round by round."""
    words = ("dataset=sine", "task=active_learn", "model=binn", f"seed={seed}", f"task.rounds={rounds}")
    settings, memory = settings_of(*words, f"task.acquisition={acquisition}"), Memory()
    build.task(settings).run(Pool(function, seed), build.model(settings), memory)
    steps = memory.record.steps
    return {
        "rel_rmse": [score(step, "test", "rel_rmse") for step in steps],
        "coverage": [score(step, "test", "coverage_95") for step in steps],
        "fit": float(sum(step.timings["fit"] for step in steps)),
        "acquire": float(sum(step.timings["acquire"] for step in steps)),
    }


def study(
    names: Sequence[str] = NAMES,
    seeds: Sequence[int] = (1, 2, 3, 4, 5),
    rounds: int = ROUNDS,
    path: Path = KEPT,
    asks: bool = True,
) -> Study:
    """Both acquisitions on every function and seed."""
    kept, found = KeptRows(path, asks), {}
    for seed in seeds:
        for name in names:
            for acquisition in ACQUISITIONS:
                of = {"function": name, "seed": seed, "acquisition": acquisition, "rounds": rounds}
                row = kept.row(of, lambda n=name, s=seed, a=acquisition: loop(n, s, a, rounds))
                if row is not None:
                    found.setdefault((name, acquisition), []).append(row)
    rows, ahead, counted = [], 0, 0
    for name in names:
        if not all((name, a) in found for a in ACQUISITIONS):
            continue
        error = {a: np.array([r["rel_rmse"] for r in found[name, a]]) for a in ACQUISITIONS}
        coverage = np.median([r["coverage"] for r in found[name, "ivr"]], axis=0)
        growth = max(float(np.max(e[:, 1:] / e[:, :-1])) for e in error.values())
        area = {a: float(np.exp(np.mean(np.log(e)))) for a, e in error.items()}
        last = {a: float(np.exp(np.mean(np.log(e[:, -1])))) for a, e in error.items()}
        ahead, counted = ahead + (area["ivr"] < area["random"]), counted + 1
        rows.append(
            (
                name, str(len(found[name, "ivr"])), *(f"{last[a]:.3g}" for a in ACQUISITIONS),
                f"{area['ivr'] / area['random']:.2f}", f"{coverage.min():.2f} to {coverage.max():.2f}",
                f"{np.median(coverage):.2f}", f"{growth:.1f}",
            )
        )  # fmt: skip
    headings = (
        "function", "seeds", "last error, ivr", "last error, random", "mean error, ratio", "median coverage of rounds",
        "its median", "largest growth of the error in a round",
    )  # fmt: skip
    verdict = f"`ivr` has the smaller geometric mean error over all rounds on {ahead} of {counted} functions."
    text = TEXT.format(first=FIRST, pool=POOL, rounds=rounds, tested=TESTED)
    parts = [text, table(headings, rows), lacking("", names, {name for name, *_ in rows}), verdict]
    whole = "\n\n".join(part for part in parts if part)
    return Study("Active learning on tables", whole, _figure(found, names), kept.rests_on)


TEXT = """From {first} rows of a pool of {pool}, one more in each of {rounds} rounds, chosen by expected reduction of
the integrated variance (`ivr`) or at random; judged on {tested:,} other points. Errors are over the standard
deviation, geometric means over seeds. Coverage is that of 95 % intervals: its median over seeds, and of these medians
the lowest and the highest of all rounds."""


def _figure(found: dict[tuple[str, str], list[Row]], names: Sequence[str]) -> Figure:
    present = [name for name in names if (name, "ivr") in found]
    figure, axes = plt.subplots(
        2, max(1, (len(present) + 1) // 2), figsize=(1.7 * max(1, (len(present) + 1) // 2), 3.4), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for ax, name in zip(axes.ravel(), present, strict=False):
        for acquisition, color in (("ivr", VERMILION), ("random", GREY)):
            for i, row in enumerate(found.get((name, acquisition), [])):
                ax.semilogy(row["rel_rmse"], color=color, lw=0.8, label=None if i else acquisition)
        ax.set_title(name, fontsize=8)
    for ax in axes[-1]:
        ax.set_xlabel("acquired rows")
    for ax in axes[:, 0]:
        ax.set_ylabel("error over the std")
    if present:
        axes[0, 0].legend()
    return figure
