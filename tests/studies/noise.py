"""Noisy data: does the standard deviation of the function match its error, from 30 rows to a million?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from binn_cli import build
from binn_cli.datasets.rows import TableRows
from tests.studies.computer_experiments import EXPERIMENTS, rows_of
from tests.studies.kept import KeptRows, Row
from tests.studies.loop import settings_of
from tests.studies.page import Study, lacking, table
from tests.studies.tables import average, outcome

KEPT = Path("outputs") / "noise.jsonl"
NUMBERS = (30, 100, 300, 1000, 3000, 10_000, 100_000, 1_000_000)
STREAMED = (3000, 10_000, 100_000, 1_000_000)
NOISE = 0.1
SHARES = (0.05, 0.2)
NAMES = tuple(name for name, one in EXPERIMENTS.items() if not one.kept_aside)


def wave(x: np.ndarray) -> np.ndarray:
    """sin(6 x1) cos(3 x2): one product."""
    return np.sin(6.0 * x[:, 0]) * np.cos(3.0 * x[:, 1])


def fitted_wave(number: int, seed: int, streamed: bool) -> Row:
    """Spread of the function over its true error, after so many noisy rows."""
    rng = np.random.default_rng(seed)
    x = rng.random((number, 2))
    data = rows_of(x, wave(x) + NOISE * rng.standard_normal(number))
    new = np.random.default_rng(977).random((4000, 2))
    model = build.model(settings_of("dataset=sine", "model=binn", f"seed={seed}"))
    began, processor = time.perf_counter(), time.process_time()
    fitted = model.fit(TableRows(data) if streamed else data)
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    found = fitted.predict(rows_of(new, wave(new)).axes)
    error = found.mean[:, 0] - wave(new)
    rmse = float(np.sqrt(np.mean(error**2)))
    return {
        "rmse": rmse,
        "honesty": float(np.sqrt(np.mean(found.epistemic_var))) / rmse,
        "coverage": float(np.mean(np.abs(error) <= 1.96 * np.sqrt(found.epistemic_var[:, 0]))),
        "noise_found": float(np.sqrt(np.mean(found.noise_var))),
        "seconds": seconds,
        "processor": processor,
    }


def study(
    numbers: Sequence[int] = NUMBERS,
    streamed: Sequence[int] = STREAMED,
    seeds: Sequence[int] = (1, 2, 3),
    names: Sequence[str] = NAMES,
    sizes: Sequence[int] = (10,),
    path: Path = KEPT,
    asks: bool = True,
) -> Study:
    """A product of two waves with more and more noisy rows, and the ten functions with noise."""
    kept, waves = KeptRows(path, asks), {}
    for streams in (False, True):
        for number in streamed if streams else numbers:
            # a million rows once: how far the designs differ is known by then
            for seed in seeds if number < 100_000 else seeds[:1]:
                of = {"number": number, "seed": seed, "streamed": streams}
                row = kept.row(of, lambda n=number, s=seed, t=streams: fitted_wave(n, s, t))
                if row is not None:
                    waves.setdefault((streams, number), []).append(row)
    rows = [
        (
            f"{number:,}", "streamed" if streams else "in memory", str(len(own)),
            f"{np.exp(np.mean(np.log([r['rmse'] for r in own]))):.2e}",
            f"{min(r['honesty'] for r in own):.2f} to {max(r['honesty'] for r in own):.2f}",
            f"{np.mean([r['coverage'] for r in own]):.3f}",
            f"{np.mean([r['noise_found'] for r in own]):.4f}",
            f"{np.mean([r['seconds'] for r in own]):.1f}",
        )
        for (streams, number), own in waves.items()
    ]  # fmt: skip
    headings = (
        "rows",
        "read",
        "draws",
        "RMSE",
        "standard deviation over error",
        "95 % covers",
        "noise found",
        "seconds",
    )
    parts = [TEXT.format(noise=NOISE), "## From 30 rows to a million", table(headings, rows)]
    parts += [
        lacking("", (f"{n:,} rows in memory" for n in numbers), {f"{n:,} rows in memory" for s, n in waves if not s}),
        lacking("", (f"{n:,} rows streamed" for n in streamed), {f"{n:,} rows streamed" for s, n in waves if s}),
    ]
    for size in sizes:
        parts += [f"## Ten functions with noise, {size} points an input", *_functions(kept, names, size, seeds)]
    return Study("Noisy data", "\n\n".join(part for part in parts if part), _figure(waves), kept.rests_on)


TEXT = """The function sin(6 x1) cos(3 x2) is learned from random rows with noise of standard deviation {noise}. The
standard deviation is the root mean square of what `binn` says of the function, noise not included; its error is that of
its mean against the function without noise. The ten functions are those of [tables of few rows](tables.md), with noise
of 5 % and 20 % of their standard deviation on what is learned."""


def _functions(kept: KeptRows, names: Sequence[str], size: int, seeds: Sequence[int]) -> list[str]:
    """The table, and what is not in it."""
    rows = []
    for name in names:
        for share in SHARES:
            found = {}
            for model in ("binn", "gp"):
                own = [
                    kept.row(
                        {"function": name, "per_input": size, "seed": seed, "model": model, "noise": share},
                        lambda n=name, s=seed, m=model, v=share: outcome(EXPERIMENTS[n], size, s, m, v),
                    )
                    for seed in seeds
                ]
                found[model] = [row for row in own if row is not None]
            if not all(found.values()):
                continue
            rows.append(
                (
                    name, f"{share:.0%}", str(min(map(len, found.values()))),
                    *(f"{average(own, 'rel_rmse'):.3g}" for own in found.values()),
                    *(f"{average(own, 'coverage'):.3f}" for own in found.values()),
                    *(f"{average(own, 'honesty'):.2f}" for own in found.values()),
                    *(f"{average(own, 'noise_found'):.3f}" for own in found.values()),
                )
            )  # fmt: skip
    both = [
        f"{what}, {model}"
        for what in ("error", "covers", "spread over error", "noise found")
        for model in ("binn", "gp")
    ]
    cells = {f"{name} at {noise}" for name, noise, *_ in rows}
    asked = (f"{name} at {share:.0%}" for name in names for share in SHARES)
    if not rows:
        return ["None of it is measured yet."]
    return [table(("function", "noise", "designs", *both), rows), lacking("", asked, cells)]


def _figure(waves: dict[tuple[bool, int], list[Row]]) -> Figure:
    figure, ax = plt.subplots(figsize=(5.0, 3.4), layout="constrained")
    for streams, color in ((False, "C0"), (True, "C1")):
        for (own, number), found in waves.items():
            if own == streams:
                ax.loglog([number] * len(found), [r["honesty"] for r in found], "o", color=color)
        ax.plot([], [], "o", color=color, label="streamed" if streams else "in memory")
    ax.axhspan(0.5, 2.0, color="0.9", zorder=0)
    ax.set(xlabel="rows", ylabel="standard deviation over error")
    ax.legend()
    return figure
