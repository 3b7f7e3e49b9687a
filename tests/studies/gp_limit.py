"""Theorem 3.2 in two dimensions: what the prior of y/√M is for finite M, and how fast it becomes the Gaussian process.

Modes are independent and centred, so the covariance of y/√M is the product kernel for every M. What changes with M is
the shape: at a point y/√M is √(χ²_M / M) times a normal variable, whose excess kurtosis is 6/M (in D dimensions 3^D − 3
over M).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import gamma, norm

from binn_cli.views.plots.style import BLUE, COLOURS, GREY, INK, MARKERS, VERMILION
from tests.studies.page import Study, decay, table
from tests.studies.priors import prior_of

POINTS = np.array([[0.5, 0.5], [0.45, 0.6], [0.1, 0.9], [0.0, 0.0], [0.8, 0.3]])
BATCHES = 20


@dataclass(frozen=True)
class Sampled:
    """What draws from the prior with M modes tell.

    Attributes:
        modes: M.
        covariance_error: largest deviation of the covariance from the product kernel, in units of the prior variance.
        covariance_z: the same in its own standard errors; of 15 entries, the largest is expected near 2.4.
        kurtosis, kurtosis_se: excess kurtosis at a point (average over the points), and its standard error.
        distance: largest difference between the distribution functions of y at the first point and of the normal law.
        values: (draws,) y at the first point over its standard deviation.
    """

    modes: int
    covariance_error: float
    covariance_z: float
    kurtosis: float
    kurtosis_se: float
    distance: float
    values: np.ndarray


def exact_distribution(x: np.ndarray, modes: int) -> np.ndarray:
    """P(y ≤ x) where y = √(χ²_M / M) Z: the closed form of the prior at a point, in units of its standard deviation."""
    levels = (np.arange(20_000) + 0.5) / 20_000
    return norm.cdf(np.asarray(x)[..., None] / np.sqrt(gamma(modes / 2, scale=2 / modes).ppf(levels))).mean(axis=-1)


def exact_distance(modes: int) -> float:
    """The Kolmogorov distance of that law from the normal one."""
    x = np.linspace(0.02, 2.5, 80)
    return float(np.abs(exact_distribution(x, modes) - norm.cdf(x)).max())


def sampled(modes: int, draws: int, seed: int = 0) -> Sampled:
    """Draw weights of both dimensions, in batches that bound the memory and give the standard errors."""
    prior, rng = prior_of(modes), np.random.default_rng([seed, modes])
    kernel = prior.product_kernel(POINTS, POINTS)
    upper = np.triu_indices(len(POINTS))
    products, fourths, values = [], [], []
    for _ in range(BATCHES):
        parts = []
        for _ in range(max(1, draws // BATCHES // 2000)):
            count = min(2000, draws // BATCHES)
            parts.append(
                np.sum(prior.functions(rng, 0, POINTS, count) * prior.functions(rng, 1, POINTS, count), axis=1)
            )
        y = np.concatenate(parts)
        products.append((y[:, upper[0]] * y[:, upper[1]]).mean(axis=0))
        standard = y / np.sqrt(np.diag(kernel))
        fourths.append(np.mean(standard**4) - 3.0)
        values.append(standard[:, 0])
    error = np.mean(products, axis=0) - kernel[upper]
    standard_error = np.std(products, axis=0, ddof=1) / np.sqrt(BATCHES)
    first = np.sort(np.concatenate(values))
    steps = np.arange(len(first) + 1) / len(first)
    distance = max(np.abs(norm.cdf(first) - steps[1:]).max(), np.abs(norm.cdf(first) - steps[:-1]).max())
    return Sampled(
        modes, float(np.abs(error).max()), float(np.abs(error / standard_error).max()),
        float(np.mean(fourths)), float(np.std(fourths, ddof=1) / np.sqrt(BATCHES)), float(distance), first,
    )  # fmt: skip


def study(modes: tuple[int, ...] = (1, 4, 16, 64), draws: int = 400_000) -> Study:
    """Covariance, kurtosis and distance from the normal law against M."""
    found = [sampled(m, draws) for m in modes]
    exact = [exact_distance(m) for m in modes]
    rows = []
    for s, e in zip(found, exact, strict=True):
        covariance, kurtosis = (
            (f"{s.covariance_error:.1e}", f"{s.covariance_z:.1f}"),
            f"{s.kurtosis:.3f} ± {s.kurtosis_se:.3f}",
        )
        rows.append([str(s.modes), *covariance, kurtosis, f"{6 / s.modes:.3f}", f"{s.distance:.4f}", f"{e:.4f}"])
    headings = [
        "M",
        "covariance: largest deviation",
        "in standard errors",
        "excess kurtosis",
        "6/M",
        "distance from normal",
        "exact law's",
    ]
    resolved = [(s.modes, s.kurtosis) for s in found if s.kurtosis > 4 * s.kurtosis_se]
    rates = f"The exact law's distance falls as M^{decay(modes, exact):.2f}"
    if len(resolved) > 1:
        rates += (
            f", the sampled kurtosis as M^{decay(*zip(*resolved, strict=True)):.2f} where it is more than four "
            f"standard errors"
        )
    text = f"""
Weights drawn from the prior that the program builds ({draws:,} draws for each M; 5 Gaussian centres inside and 3 beyond
each end of either input, `prior: function`, so that the variance of a mode is 1/M), y evaluated at {len(POINTS)} points
of the square.

{table(headings, rows)}

- **The covariance is the product kernel for every M**, not only in the limit: modes are independent and centred. The
deviations are those   of sampling.
- **What decays is the departure from a normal law.** At a point y/√M is √(χ²_M / M) Z, so its excess kurtosis is
exactly 6/M, and its   distribution function is known in closed form (last column, the largest difference from the
normal one).
- {rates}. The Berry–Esseen bound behind
  the theorem gives 1/√M; the law is symmetric, so its first correction vanishes and 1/M is left.
- The sampled distance cannot fall below about {0.87 / np.sqrt(draws):.1e}, the noise of {draws:,} draws.
"""
    return Study("Theorem 3.2: the prior of y/√M becomes a Gaussian process", text, _figure(found, exact))


def _figure(found: list[Sampled], exact: list[float]) -> Figure:
    modes = np.array([s.modes for s in found])
    figure = Figure(figsize=(10.5, 3.6), layout="constrained")
    shape, kurtosis, covariance = (figure.add_subplot(1, 3, i) for i in (1, 2, 3))
    grid = np.linspace(-3.5, 3.5, 141)
    for s, colour in zip(found[:4], COLOURS, strict=False):
        density, _ = np.histogram(s.values, bins=grid)
        shape.stairs(
            density / len(s.values) / (grid[1] - grid[0]), grid, color=colour, label=f"M = {s.modes}", linewidth=1.1
        )
    shape.plot(grid, norm.pdf(grid), color=INK, linestyle="--", linewidth=1, label="normal")
    shape.set(
        title="Prior density at one point", xlabel="y over its standard deviation", ylabel="density", ylim=(0, 1.1)
    )
    shape.legend()
    kurtosis.errorbar(
        modes,
        [s.kurtosis for s in found],
        [2 * s.kurtosis_se for s in found],
        fmt=MARKERS[0],
        color=BLUE,
        label="excess kurtosis",
    )
    kurtosis.plot(modes, 6 / modes, color=BLUE, linewidth=1, label="6 / M")
    kurtosis.plot(modes, [s.distance for s in found], MARKERS[1], color=VERMILION, label="distance from normal")
    kurtosis.plot(modes, exact, color=VERMILION, linewidth=1, label="of the exact law")
    kurtosis.set(title="Departure from the normal law", xlabel="M", xscale="log", yscale="log")
    kurtosis.set_ylim(bottom=min(exact) / 3)
    kurtosis.legend()
    covariance.semilogx(modes, [s.covariance_z for s in found], MARKERS[2], color=BLUE)
    covariance.axhline(2.4, color=GREY, linestyle="--", linewidth=1)
    covariance.set(
        title="Covariance less product kernel",
        xlabel="M",
        ylabel="largest of 15 entries, in standard errors",
        ylim=(0, 6),
    )
    return figure
