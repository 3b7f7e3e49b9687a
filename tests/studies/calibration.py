"""Simulation-based calibration: truths from every decomposition's own prior, data with noise, the fit, and where the
next observation lies in its predictive distribution."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from scipy.stats import chisquare, kstest, norm

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.bases.build import build_basis
from binn_cli.models.binn.cp.features import of_basis
from binn_cli.models.binn.limit.kernel import Prior, bounds, covariance
from binn_cli.models.binn.surrogate import Binn
from tests.studies.computer_experiments import rows_of
from tests.studies.kept import KeptRows, Row
from tests.studies.page import Study, lacking, table

KEPT = Path("outputs") / "calibration.jsonl"
LEVELS = (0.5, 0.68, 0.9, 0.95)
BINS = 10
UNIT = np.array([[0.0, 1.0], [0.0, 1.0]])

Drawn = tuple[ProductData, ProductData, np.ndarray]
"""What is learned, one more observation, and the domain."""

CENTERS, LENGTH, PADDING = 5, 1.5, 3


def _hyperparameters(rng: np.random.Generator, dimensions: int) -> Float[np.ndarray, " P"]:
    """A draw from the prior of the limit; the signal has unit variance, since outputs are scaled to it."""
    prior, limits = Prior.weak(dimensions), bounds(dimensions)
    theta = np.clip(prior.mean + prior.std * rng.standard_normal(len(prior.mean)), limits[:, 0], limits[:, 1])
    theta[-2] = 0.0
    theta[-1] = min(theta[-1], np.log(0.1))
    return theta


def _process(rng: np.random.Generator, points: Float[np.ndarray, "n D"], theta: np.ndarray) -> Float[np.ndarray, " n"]:
    matrix = covariance(theta, points, points, "gaussian")
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ (np.sqrt(np.maximum(values, 0.0)) * rng.standard_normal(len(points)))


def _table(x: np.ndarray, y: np.ndarray) -> tuple[ProductData, ProductData]:
    return rows_of(x[:-1], y[:-1]), rows_of(x[-1:], y[-1:])


def _limit(rng: np.random.Generator, rows: int = 24) -> Drawn:
    x, theta = rng.random((rows + 1, 2)), _hyperparameters(rng, 2)
    y = _process(rng, x, theta) + np.exp(0.5 * theta[-1]) * rng.standard_normal(rows + 1)
    return *_table(x, y), UNIT


def _functions(rng: np.random.Generator, x: Float[np.ndarray, " n"], count: int) -> Float[np.ndarray, "n count"]:
    """Draws from the prior of a stated basis, of unit variance."""
    features = of_basis(build_basis("gaussian", CENTERS, PADDING, LENGTH / (CENTERS - 1), 0.0), 1.0, per_weight=False)
    return np.asarray(features(x) @ rng.standard_normal((features.size, count)))


def _noise(rng: np.random.Generator) -> float:
    """A standard deviation between 0.01 and 0.3."""
    return float(np.exp(rng.uniform(np.log(0.01), np.log(0.3))))


def _cp(rng: np.random.Generator, rows: int = 80, modes: int = 2) -> Drawn:
    x = rng.random((rows + 1, 2))
    first, second = (_functions(rng, x[:, d], modes) for d in (0, 1))
    y = np.sum(first * second, axis=1) / np.sqrt(modes) + _noise(rng) * rng.standard_normal(rows + 1)
    return *_table(x, y), UNIT


def _grid(values: np.ndarray, axes: Sequence[Axis], asked: int) -> tuple[ProductData, ProductData]:
    """All cases but the last to learn from, and one value of that."""
    *fields, last = axes
    learned = ProductData((*fields, last.taken(np.arange(last.size - 1))), values[..., :-1, None], ("u",))
    place = np.unravel_index(asked, values.shape[:-1])
    point = [axis.taken(np.array([i])) for axis, i in zip(fields, place, strict=True)]
    one = values[..., -1].ravel()[asked].reshape((1,) * (len(axes) + 1))
    return learned, ProductData((*point, last.taken(np.array([last.size - 1]))), one, ("u",))


def _tucker(rng: np.random.Generator, along: int = 10, cases: int = 12, rank: int = 2) -> Drawn:
    x, theta = np.linspace(0.0, 1.0, along), rng.random(cases + 1)
    core = rng.standard_normal((rank, rank)) / rank
    values = _functions(rng, x, rank) @ core @ _functions(rng, theta, rank).T
    values = values + _noise(rng) * rng.standard_normal(values.shape)
    axes = Axis.of("x", x), Axis("case", theta[:, None], ("p",))
    return *_grid(values, axes, int(rng.integers(along))), UNIT


def _cases(rng: np.random.Generator, along: int = 12, cases: int = 20, rank: int = 2) -> Drawn:
    x, nodes = np.linspace(0.0, 1.0, along), rng.random((cases + 1, 2))
    theta = _hyperparameters(rng, 2)
    coefficients = np.stack([_process(rng, nodes, theta) for _ in range(rank)])
    values = _functions(rng, x, rank) @ coefficients + 1e-3 * rng.standard_normal((along, cases + 1))
    axes = Axis.of("x", x), Axis("case", nodes, ("p", "q"))
    return *_grid(values, axes, int(rng.integers(along))), np.array([[0.0, 1.0]] * 3)


STATED = {"centers": CENTERS, "length": LENGTH, "padding": PADDING, "stretch": 0, "relevance": "none"}
PRIORS: dict[str, tuple[Callable[[np.random.Generator], Drawn], dict[str, object]]] = {
    "limit, 24 rows": (_limit, {"decomposition": "limit"}),
    "auto, 24 rows of the limit": (_limit, {}),
    "cp, 2 modes, 80 rows": (_cp, {"decomposition": "cp", "modes": 2, **STATED}),
    "auto, 80 rows of 2 modes": (_cp, {}),
    "tucker, 10 x 12": (_tucker, {"decomposition": "tucker", "ranks": 2, **STATED, "output_scaling": "none"}),
    "auto, 10 x 12 of tucker": (_tucker, {}),
    "limit of 20 cases": (_cases, {}),
}
"""What is drawn from, and what is fitted to it."""


def probability(name: str, seed: int) -> Row:
    """Predictive probability below what was observed next."""
    draw, words = PRIORS[name]
    began = time.process_time()
    learned, asked, domain = draw(np.random.default_rng([2026, seed]))
    found = Binn(BinnConfig(**words)).fit(learned, domain=domain).predict(asked.axes)  # type: ignore[arg-type]
    away = (asked.values - found.mean) / found.total_std
    return {"probability": float(norm.cdf(np.ravel(away)[0])), "processor": time.process_time() - began}


def study(names: Sequence[str] = tuple(PRIORS), replications: int = 400, path: Path = KEPT, asks: bool = True) -> Study:
    """So many data sets of every prior."""
    kept, found = KeptRows(path, asks), {}
    for name in names:
        rows = [
            kept.row({"prior": name, "seed": s}, lambda n=name, s=s: probability(n, s)) for s in range(replications)
        ]
        found[name] = np.array([row["probability"] for row in rows if row is not None])
    lines = [(name, f"{len(p):,}", *summary(p)) for name, p in found.items() if len(p)]
    headings = (
        "fitted, and drawn from",
        "data sets",
        *(f"{level:.0%}" for level in LEVELS),
        "distance",
        "p of 10 bins",
    )
    parts = [TEXT, table(headings, lines), lacking("", names, {name for name, p in found.items() if len(p)})]
    whole = "\n\n".join(part for part in parts if part)
    return Study("Calibration by simulation", whole, _figure(found), kept.rests_on)


TEXT = """Functions are drawn from the prior of a decomposition, with lengths, shares and noise from theirs where these
are learned; data with noise are drawn from the function; the surrogate is fitted as by default, or with the structure
that is stated; and one more observation is compared with what is predicted of it. Columns: share of observations in
their central intervals; the largest distance of the distribution of predictive probabilities from uniform; the
probability of a chi-square as large with ten equal bins. Predictive distributions count as normal with the mean and
standard deviation that are reported."""


def covered(probabilities: Float[np.ndarray, " n"], level: float) -> float:
    """Share of observations in the central interval of a level."""
    return float(np.mean(np.abs(probabilities - 0.5) <= 0.5 * level))


def summary(probabilities: Float[np.ndarray, " n"]) -> tuple[str, ...]:
    """Coverage of every level, distance from uniform, and the p-value of the bins."""
    counts = np.histogram(probabilities, bins=BINS, range=(0.0, 1.0))[0]
    return (
        *(f"{covered(probabilities, level):.3f}" for level in LEVELS),
        f"{kstest(probabilities, 'uniform').statistic:.3f}", f"{chisquare(counts).pvalue:.2g}",
    )  # fmt: skip


def _figure(found: dict[str, np.ndarray]) -> Figure:
    figure, axes = plt.subplots(1, len(found), figsize=(2.2 * len(found), 2.3), squeeze=False, layout="constrained")
    for ax, (name, own) in zip(axes[0], found.items(), strict=True):
        ax.hist(own, bins=BINS, range=(0.0, 1.0), color="C0")
        ax.axhline(len(own) / BINS, color="0.4", lw=0.8)
        ax.set_title(name, fontsize=7)
        ax.set_yticks([])
    return figure
