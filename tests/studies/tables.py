"""Tables of few rows: error, density, coverage and time of every model on sixteen functions, judged against a Gaussian
process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from binn_cli import build
from binn_cli.metrics import score
from binn_cli.models.surrogate import Prediction
from tests.studies.computer_experiments import EXPERIMENTS, TEST_POINTS, TEST_SEED, Experiment, rows_of
from tests.studies.kept import KeptRows, Row
from tests.studies.loop import settings_of
from tests.studies.outside import Said, installed, kriging, vecchia
from tests.studies.page import Study, lacking, table

KEPT = Path("outputs") / "tables.jsonl"
SIZES, SEEDS = (10, 50), (1, 2, 3)

OUTSIDE: dict[str, tuple[str, Callable[[np.ndarray, np.ndarray, np.ndarray], Said]]] = {
    "SMT kriging": ("smt", kriging),
    "GPBoost": ("gpboost", vecchia),
}
"""Programs of others: the module that must be there, and how they are asked."""

MODELS = ("binn", "gp", *OUTSIDE, "bnn_ensemble", "bnn_vi")

COSTLY_ROWS = 60
"""Rows up to which programs of others take seconds: SMT's kriging takes 17 minutes with 500 rows of 10 inputs."""

RIVALS = ("gp", "SMT kriging")

METRICS = {
    "RMSE over the standard deviation": ("rel_rmse", ".2e"),
    "NLPD": ("nlpd", ".2f"),
    "CRPS over the standard deviation": ("crps", ".2e"),
    "95 % intervals cover": ("coverage", ".3f"),
    "root mean square of standard deviation over that of error": ("honesty", ".2f"),
    "seconds": ("processor", ".1f"),
}


def asked(name: str, per_input: int, seed: int, model: str) -> bool:
    """Whether a model is asked: networks, which are far behind, once, others' programs where they take seconds."""
    rows = per_input * EXPERIMENTS[name].inputs
    if model in OUTSIDE:
        return installed(OUTSIDE[model][0]) and rows <= COSTLY_ROWS
    return model in ("binn", "gp") or (seed == 1 and not EXPERIMENTS[name].kept_aside)


def outcome(experiment: Experiment, per_input: int, seed: int, model: str, noise: float = 0.0) -> Row:
    """Scores of one fit on points that are free of noise.

    Args:
        experiment: the function.
        per_input: rows for each input.
        seed: of the design.
        model: which.
        noise: standard deviation of the noise, over that of the function.
    """
    x, y = experiment.drawn(per_input * experiment.inputs, seed)
    new, truth = experiment.drawn(TEST_POINTS, TEST_SEED)
    size = float(np.std(y))
    observed = y + noise * size * np.random.default_rng(seed + 999).standard_normal(len(y))
    began, processor = time.perf_counter(), time.process_time()
    if model in OUTSIDE:
        said = OUTSIDE[model][1](x, observed, new)
        mean, variance, own = said.mean, said.std**2, np.zeros(len(new))
    else:
        fitted = build.model(settings_of("dataset=sine", f"model={model}", f"seed={seed}")).fit(rows_of(x, observed))
        found = fitted.predict(rows_of(new, truth).axes)
        mean, variance, own = found.mean[:, 0], found.epistemic_var[:, 0], np.ravel(found.noise_var[:, 0])
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    # The test points have no noise: what a model calls noise counts as doubt only where there was none to be found.
    spread = variance + (own if not noise else 0.0)
    scores = score(truth[:, None], Prediction(mean[:, None], spread[:, None], np.zeros((len(new), 1)), 0.0))
    error = float(scores["rmse"][0])
    return {
        "rel_rmse": float(scores["rel_rmse"][0]),
        "nlpd": float(scores["nlpd"][0]),
        "crps": float(scores["crps"][0]) / float(np.std(truth)),
        "coverage": float(scores["coverage_95"][0]),
        "honesty": float(np.sqrt(np.mean(spread))) / error,
        "noise_found": float(np.sqrt(np.mean(own))) / size,
        "seconds": seconds,
        "processor": processor,
    }


def study(
    names: Sequence[str] = tuple(EXPERIMENTS),
    sizes: Sequence[int] = SIZES,
    seeds: Sequence[int] = SEEDS,
    models: Sequence[str] = MODELS,
    path: Path = KEPT,
    asks: bool = True,
) -> Study:
    """Ask every model about every function and design, those that are kept apart."""
    kept = KeptRows(path, asks)
    found: dict[tuple[int, str, str], list[Row]] = {}
    for model in models:
        for size in sizes:
            for name in names:
                for seed in seeds:
                    if not asked(name, size, seed, model):
                        continue
                    of = {"function": name, "per_input": size, "seed": seed, "model": model, "noise": 0.0}
                    row = kept.row(of, lambda n=name, p=size, s=seed, m=model: outcome(EXPERIMENTS[n], p, s, m))
                    if row is not None:
                        found.setdefault((size, name, model), []).append(row)
    parts = [TEXT.format(points=TEST_POINTS, rows=COSTLY_ROWS), _absent(models)]
    for size in sizes:
        parts += [f"## {size} points an input", _designs(found, size), *_not_measured(found, size, names, models)]
        parts += [_verdict(found, size, names)]
        for title, (metric, form) in METRICS.items() if any(own == size for own, *_ in found) else ():
            parts += [f"### {title[0].upper()}{title[1:]}", _scores(found, size, names, models, metric, form)]
    return Study(
        "Tables of few rows", "\n\n".join(part for part in parts if part), _figure(found, sizes, names), kept.rests_on
    )


TEXT = """Every model learns Latin hypercubes of 10 and of 50 points for each input, and is asked at {points:,} other
points. Errors, CRPS and seconds are geometric means over designs, all else means. Functions in italics
were kept aside while the engine was built; networks learn one design of the others. Programs of others are asked up to
{rows} rows, beyond which they take minutes. Seconds are processor time of fit and prediction on one core; the first fit
of a model that compiles includes that."""


def _absent(models: Sequence[str]) -> str:
    absent = [m for m in models if m in OUTSIDE and not installed(OUTSIDE[m][0])]
    return f"Not installed, and so not asked: {', '.join(absent)}." if absent else ""


def _designs(found: dict[tuple[int, str, str], list[Row]], size: int) -> str:
    counts = {len(rows) for (own, _, model), rows in found.items() if own == size and model in ("binn", "gp")}
    if not counts:
        return ""
    return f"`binn` and `gp` have learned {' or '.join(map(str, sorted(counts)))} designs of each function."


def _not_measured(found: dict, size: int, names: Sequence[str], models: Sequence[str]) -> list[str]:
    """Models without a single result of this size, and functions that both of ours have not learned."""
    there = {model for own, _, model in found if own == size}
    known = {name for own, name, _ in found if own == size}
    told = [model for model in models if model in there or model not in OUTSIDE or installed(OUTSIDE[model][0])]
    return [lacking("", told, there), lacking("the functions ", names, known) if known else ""]


def average(rows: Sequence[Row], metric: str) -> float:
    """Over designs: the geometric mean of what is positive and varies by orders, the mean of the rest."""
    values = np.array([row[metric] for row in rows])
    if metric in ("rel_rmse", "crps", "seconds", "processor", "honesty"):
        return float(np.exp(np.mean(np.log(np.maximum(values, 1e-300)))))
    return float(np.mean(values))


def _italic(name: str) -> str:
    return f"*{name}*" if EXPERIMENTS[name].kept_aside else name


def _scores(found: dict, size: int, names: Sequence[str], models: Sequence[str], metric: str, form: str) -> str:
    present = [m for m in models if any((size, n, m) in found for n in names)]
    rows = [
        (
            _italic(name),
            *(f"{average(found[size, name, m], metric):{form}}" if (size, name, m) in found else "–" for m in present),
        )
        for name in names
        if any((size, name, m) in found for m in present)
    ]
    return table(("function", *present), rows)


def _verdict(found: dict, size: int, names: Sequence[str]) -> str:
    """What the numbers come to, against the best of the rivals and against the Gaussian process."""
    both = [n for n in names if (size, n, "binn") in found and (size, n, "gp") in found]
    if not both:
        return ""
    ratios, to_gp, coverage, density = {}, [], {}, {}
    for name in both:
        own = average(found[size, name, "binn"], "rel_rmse")
        rivals = [average(found[size, name, m], "rel_rmse") for m in RIVALS if (size, name, m) in found]
        ratios[name] = own / min(rivals)
        to_gp.append(own / average(found[size, name, "gp"], "rel_rmse"))
        coverage[name] = average(found[size, name, "binn"], "coverage")
        density[name] = average(found[size, name, "binn"], "nlpd") - average(found[size, name, "gp"], "nlpd")
    worst, least, most = (f(d, key=d.get) for f, d in ((max, ratios), (min, coverage), (max, density)))
    text = (
        f"Over {len(both)} functions, the error of `binn` is {np.exp(np.mean(np.log(to_gp))):.2f} times that of `gp` "
    )
    against = [m for m in RIVALS if any((size, name, m) in found for name in both)]
    text += f"(geometric mean) and at most {ratios[worst]:.2f} times that of the best of {' and '.join(against)} "
    text += f"({worst}); its 95 % intervals cover {np.mean(list(coverage.values())):.3f} on average and at least "
    text += f"{coverage[least]:.3f} ({least}); its NLPD is at most {density[most]:+.2f} from that of `gp` ({most})."
    return text


def _figure(found: dict, sizes: Sequence[int], names: Sequence[str]) -> Figure:
    figure, axes = plt.subplots(
        1, len(sizes), figsize=(4.6 * len(sizes), 4.2), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, size in zip(axes[0], sizes, strict=True):
        for model, mark in (("binn", "o"), ("SMT kriging", "x"), ("GPBoost", "+"), ("bnn_ensemble", ".")):
            places = [i for i, n in enumerate(names) if (size, n, model) in found and (size, n, "gp") in found]
            ratios = [
                average(found[size, names[i], model], "rel_rmse") / average(found[size, names[i], "gp"], "rel_rmse")
                for i in places
            ]
            ax.plot(ratios, places, mark, label=model)
        ax.axvline(1.0, color="0.6", lw=0.8)
        ax.set(xscale="log", xlabel="error over that of gp", title=f"{size} points an input")
        ax.set_yticks(range(len(names)), names)
    axes[0][0].legend(fontsize=7)
    return figure
