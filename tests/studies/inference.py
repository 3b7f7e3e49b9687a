"""The lecture's comparison of ways to infer Bayesian networks, with measured numbers beside its adjectives."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from binn_cli import build
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.sine import sine
from binn_cli.metrics import score
from tests.studies.kept import KeptRows, Row
from tests.studies.loop import settings_of
from tests.studies.page import Study, decay, lacking, table

KEPT = Path("outputs") / "inference.jsonl"
LECTURE = {
    "bnn_hmc": ("HMC", ("very high", "high", "poor", "true, multimodal", "gold standard, perfect calibration")),
    "bnn_nuts": ("NUTS", None),
    "bnn_vi": ("variational", ("medium", "low", "high", "unimodal", "low to medium, often overconfident")),
    "bnn_laplace": ("Laplace", ("low", "low", "high", "unimodal", "medium: good inside, poor outside")),
    "bnn_swag": ("SWAG", ("low", "low", "high", "approximately multimodal", "good, captures flat basins")),
    "bnn_ensemble": ("ensemble", ("high", "medium", "high", "multimodal", "excellent, best outside")),
    "binn": ("B-INN", None),
}
"""Every method: what it is called, and what the lecture says of training, inference, scalability, posterior and
quality; None for those that it does not have."""
REFERENCE = "bnn_nuts"
"""Whose standard deviation stands for that of the posterior."""
SMALL, LARGE = 60, 960
ASKED = 20_000
"""Points that are predicted to time it."""
BEYOND = 1.5
"""The data end at 1; what is asked outside of them ends here."""


def measured(model: str, number: int, seed: int, words: Sequence[str] = ()) -> Row:
    """Cost of a fit to noisy points of the sine, and how good it is among the points and beyond them."""
    settings = settings_of("dataset=sine", f"dataset.n_train={number}", f"model={model}", f"seed={seed}", *words)
    data = build.dataset(settings)
    fitted = build.model(settings).fit(data.training())
    inside, outside = data.evaluation()["test"], beyond(settings.dataset.noise_variance, seed)
    many = [Axis("point", np.linspace(-1.0, 1.0, ASKED)[:, None], inside.inputs)]
    fitted.predict(many)
    began = time.perf_counter()
    again = fitted.predict(many)
    seconds = time.perf_counter() - began - again.compile_seconds
    grid = np.linspace(-BEYOND, BEYOND, 61)
    found = fitted.predict([Axis("point", grid[:, None], inside.inputs)])
    row: Row = {
        "fit": fitted.report.fit_seconds,
        "compile": fitted.report.compile_seconds,
        "microseconds": 1e6 * seconds / ASKED,
        "mean": found.mean[:, 0].tolist(),
        "std": np.sqrt(found.epistemic_var[:, 0]).tolist(),
        "r_hat": float(np.max(fitted.report.diagnostics.get("r_hat_function", np.nan))),
    }
    for name, asked in (("inside", inside), ("outside", outside)):
        scores = score(asked.values, fitted.predict(asked.axes))
        row |= {f"{name}_{key}": float(scores[key][0]) for key in ("rmse", "crps", "coverage_95", "sharpness")}
    return row


def beyond(noise_variance: float, seed: int, count: int = 200) -> ProductData:
    """Noisy points of the sine on both sides of those that are learned."""
    rng = np.random.default_rng([seed, 977])
    x = rng.uniform(1.0, BEYOND, count) * rng.choice([-1.0, 1.0], count)
    y = sine(x) + np.sqrt(noise_variance) * rng.standard_normal(count)
    return ProductData((Axis("point", x[:, None], ("x",)),), y[:, None], ("y",))


def study(
    models: Sequence[str] = tuple(LECTURE),
    seeds: Sequence[int] = (0, 1, 2),
    large: int = LARGE,
    path: Path = KEPT,
    words: Sequence[str] = (),
    asks: bool = True,
) -> Study:
    """Every method on the same points, and once on more of them."""
    kept = KeptRows(path, asks)
    found: dict[str, list[Row]] = {}
    growth: dict[str, float] = {}
    for model in models:
        for number, own in ((SMALL, seeds), (large, seeds[:1])):
            for seed in own:
                of = {"model": model, "number": number, "seed": seed, "words": list(words)}
                row = kept.row(of, lambda m=model, n=number, s=seed: measured(m, n, s, words))
                if row is None:
                    continue
                if number == SMALL:
                    found.setdefault(model, []).append({**row, "seed": seed})
                elif model in found:
                    growth[model] = decay([SMALL, number], [found[model][0]["fit"], row["fit"]])
    spread = {model: _spread(rows, found.get(REFERENCE, [])) for model, rows in found.items()}
    rows = [_cells(model, own, growth.get(model, np.nan), spread[model]) for model, own in found.items()]
    headings = ("method", "training", "inference", "scalability", "posterior", "quality")
    parts = [
        TEXT.format(small=SMALL, large=large, asked=f"{ASKED:,}", beyond=BEYOND, seeds=len(seeds)),
        table(headings, rows),
        "## How good, in numbers",
        table(
            ("method", "RMSE inside", "CRPS inside", "95 % covers", "RMSE outside", "95 % covers outside", "R-hat"),
            [_quality(model, own) for model, own in found.items()],
        ),
        lacking("", models, found),
        READING,
    ]
    return Study("Ways to infer, measured", "\n\n".join(part for part in parts if part), _figure(found), kept.rests_on)


TEXT = """A lecture that this program follows compares ways to infer Bayesian networks by adjectives. Here they stand
before a number each. The problem is that of Fig. 3: {small} noisy points of sin 3x + 0.3 cos 9x in [−1, 1], budget
`quick`, {seeds} seeds. Training: seconds of the fit without compilation, by the clock: where the machine did other
things, only ratios of several times say something. Inference: microseconds a point, of {asked} at once. Scalability:
the exponent r of seconds ~ N^r between {small} and {large} points; at 0 the time does not depend on the data, above 1
more than proportionally. Posterior: the standard deviation of the function over that of NUTS among the data, and
between |x| = 1 and {beyond}. Quality: the share of new observations in 95 % intervals, among the data and outside."""

READING = """The number of modes of a posterior is not measured: what it would change, the spread beyond the data, is.
NUTS stands for the true posterior, whose chains are not exactly that; R-hat says how far several agree on predictions.
B-INN has another prior, so that its spread need not be that of a network."""


def _spread(rows: Sequence[Row], reference: Sequence[Row]) -> tuple[float, float]:
    """Standard deviation over that of the reference with the same points, among the data and beyond them."""
    theirs = {row["seed"]: np.array(row["std"]) for row in reference}
    within = np.abs(np.linspace(-BEYOND, BEYOND, len(rows[0]["std"]))) <= 1.0
    both = [(np.array(row["std"]), theirs[row["seed"]]) for row in rows if row["seed"] in theirs]
    if not both:
        return np.nan, np.nan
    ratios = [[np.sqrt(np.mean(a[part] ** 2) / np.mean(b[part] ** 2)) for a, b in both] for part in (within, ~within)]
    return float(np.mean(ratios[0])), float(np.mean(ratios[1]))


def _mean(rows: Sequence[Row], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))


def _cells(model: str, rows: Sequence[Row], growth: float, spread: tuple[float, float]) -> tuple[str, ...]:
    name, said = LECTURE[model]
    numbers = (
        f"{_mean(rows, 'fit'):.3g} s",
        f"{_mean(rows, 'microseconds'):.3g} µs",
        _known(growth, ".2f"),
        f"{_known(spread[0], '.2f')}, outside {_known(spread[1], '.2f')}",
        f"{_mean(rows, 'inside_coverage_95'):.1%}, outside {_mean(rows, 'outside_coverage_95'):.1%}",
    )
    return (
        name,
        *(f"{word}: {number}" if said else number for word, number in zip(said or numbers, numbers, strict=True)),
    )


def _quality(model: str, rows: Sequence[Row]) -> tuple[str, ...]:
    r_hats = [row["r_hat"] for row in rows if np.isfinite(row["r_hat"])]
    return (
        LECTURE[model][0],
        f"{_mean(rows, 'inside_rmse'):.3f}",
        f"{_mean(rows, 'inside_crps'):.3f}",
        f"{_mean(rows, 'inside_coverage_95'):.3f}",
        f"{_mean(rows, 'outside_rmse'):.3f}",
        f"{_mean(rows, 'outside_coverage_95'):.3f}",
        _known(max(r_hats, default=np.nan), ".2f"),
    )


def _known(value: float, form: str) -> str:
    return f"{value:{form}}" if np.isfinite(value) else "–"


def _figure(found: dict[str, list[Row]]) -> Figure:
    """The mean and two standard deviations of every method on the first points."""
    figure, axes = plt.subplots(
        1, len(found), figsize=(2.1 * len(found), 2.4), layout="constrained", sharey=True, squeeze=False
    )
    for ax, (model, rows) in zip(axes[0], found.items(), strict=True):
        mean, std = np.array(rows[0]["mean"]), np.array(rows[0]["std"])
        x = np.linspace(-BEYOND, BEYOND, len(mean))
        ax.fill_between(x, mean - 1.96 * std, mean + 1.96 * std, color="C0", alpha=0.3, linewidth=0)
        ax.plot(x, mean, color="C0")
        ax.plot(x, sine(x), "--", color="0.3", linewidth=0.8)
        ax.axvspan(-1.0, 1.0, color="0.93", zorder=0)
        ax.set(title=LECTURE[model][0], xlabel="x", ylim=(-3.0, 3.0))
    axes[0, 0].set_ylabel("function")
    return figure
