"""Theorem 3.3 in two dimensions: the exact posterior of a B-INN with M modes against the posterior of the Gaussian
process.

Given the functions of x, y is a Gaussian process with kernel A ∘ k_2, A = Σ_m f_m(x) f_m(x'), so the functions of the
other input are integrated in closed form, and only those of x are drawn from the prior and weighted by their marginal
likelihood (importance sampling, Rao–Blackwellised). As M grows, A becomes its mean and all weights equal: the limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.surrogate import Binn
from binn_cli.views.plots.style import BLUE, COLOURS, GREEN, INK, MARKERS, VERMILION
from tests.studies.page import Study, decay, table
from tests.studies.priors import Prior, prior_of

NOISE = 0.04
GROUPS = 10
SETTINGS: dict[str, Any] = {
    "centers": 5,
    "length": 1.2,
    "padding": 3,
    "stretch": 0,
    "prior": "function",
    "relevance": "none",
    "output_scaling": "none",
    "variance": "joint",
}


@dataclass(frozen=True)
class Problem:
    """Noisy values u at points x (n, 2) of the unit square, and where to predict (t, 2)."""

    x: np.ndarray
    u: np.ndarray
    new: np.ndarray


@dataclass(frozen=True)
class Moments:
    """A posterior's mean and standard deviation at the new points; with the standard errors of both if it was
    sampled."""

    mean: np.ndarray
    std: np.ndarray
    mean_se: np.ndarray
    std_se: np.ndarray
    effective: float


def problem(n: int = 12, seed: int = 3) -> Problem:
    """A smooth function with noise at random points; the corners are given, so that the domain is the unit square."""
    rng = np.random.default_rng(seed)
    x = np.concatenate([[[0.0, 0.0], [1.0, 1.0]], rng.uniform(size=(n - 2, 2))])
    u = np.sin(3 * x[:, 0] + 1) * np.cos(2 * x[:, 1]) + np.sqrt(NOISE) * rng.standard_normal(n)
    side = np.linspace(0, 1, 7)
    return Problem(x, u, np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2))


def gp_posterior(prior: Prior, data: Problem) -> Moments:
    """The posterior of the limit, dense."""
    solved = np.linalg.solve(prior.product_kernel(data.x, data.x) + NOISE * np.eye(len(data.u)), np.eye(len(data.u)))
    cross = prior.product_kernel(data.new, data.x)
    variance = np.diag(prior.product_kernel(data.new, data.new)) - np.einsum("ti,ij,tj->t", cross, solved, cross)
    zero = np.zeros(len(data.new))
    return Moments(cross @ solved @ data.u, np.sqrt(variance), zero, zero, np.inf)


def _conditional(functions: np.ndarray, second: np.ndarray, data: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log marginal likelihood (S,), mean and variance (S, t) given the functions of x at data and new points (S, M, n +
    t)."""
    n = len(data.u)
    kernel = np.einsum("smi,smj->sij", functions[..., :n], functions) * second[:n]  # (S, n, n + t)
    cross, own = kernel[..., n:], np.sum(functions[..., n:] ** 2, axis=1) * np.diag(second)[n:]
    system = kernel[..., :n] + NOISE * np.eye(n)
    solved = np.linalg.solve(
        system, np.concatenate([np.broadcast_to(data.u[:, None], (len(system), n, 1)), cross], axis=2)
    )
    likelihood = -0.5 * (data.u @ solved[..., 0].T + np.linalg.slogdet(system)[1])
    return likelihood, np.einsum("snt,sn->st", cross, solved[..., 0]), own - np.sum(cross * solved[..., 1:], axis=1)


def exact_posterior(prior: Prior, data: Problem, draws: int, seed: int = 0) -> Moments:
    """Moments of the posterior of y by weighted draws, in groups that give the standard errors."""
    rng, points = np.random.default_rng([seed, prior.modes]), np.concatenate([data.x, data.new])
    second = prior.kernels(points, points)[1]
    groups = []
    for _ in range(GROUPS):
        parts = []
        for _ in range(max(1, draws // GROUPS // 1000)):
            parts.append(_conditional(prior.functions(rng, 0, points, min(1000, draws // GROUPS)), second, data))
        groups.append(tuple(np.concatenate(part) for part in zip(*parts, strict=True)))
    best = max(group[0].max() for group in groups)
    sums = []
    for likelihood, mean, variance in groups:
        weight = np.exp(likelihood - best)
        sums.append((weight.sum(), weight @ mean, weight @ (variance + mean**2), np.sum(weight**2)))
    mean, std = _moments(sums)
    left_out = [_moments(sums[:i] + sums[i + 1 :]) for i in range(GROUPS)]
    spread = [np.sqrt((GROUPS - 1) * np.var([part[k] for part in left_out], axis=0)) for k in (0, 1)]  # jackknife
    return Moments(mean, std, spread[0], spread[1], float(sum(s[0] for s in sums) ** 2 / sum(s[3] for s in sums)))


def _moments(sums: list[tuple]) -> tuple[np.ndarray, np.ndarray]:
    total = sum(s[0] for s in sums)
    mean = sum(s[1] for s in sums) / total
    return mean, np.sqrt(sum(s[2] for s in sums) / total - mean**2)


def fitted_posterior(modes: int, data: Problem, **changes: Any) -> Moments:
    """What the program's own inference gives with M modes."""
    settings = {
        **SETTINGS,
        "modes": modes,
        "noise": "fixed",
        "noise_variance": NOISE,
        "sweeps": 200,
        "tolerance": 1e-6,
        "start": "random",
    }
    table_of = ProductData((Axis("point", data.x, ("x", "y")),), data.u[:, None], ("u",))
    found = Binn(BinnConfig(**{**settings, **changes})).fit(table_of).predict([Axis("point", data.new, ("x", "y"))])
    zero = np.zeros(len(data.new))
    return Moments(found.mean[:, 0], np.sqrt(found.epistemic_var[:, 0]), zero, zero, np.inf)


def distances(found: Moments, limit: Moments) -> tuple[float, float]:
    """Root mean square differences of mean and of standard deviation, over the limit's root mean square standard
    deviation."""
    scale = np.sqrt(np.mean(limit.std**2))
    return tuple(
        float(np.sqrt(np.mean((a - b) ** 2)) / scale) for a, b in ((found.mean, limit.mean), (found.std, limit.std))
    )  # type: ignore[return-value]


OWN: dict[str, dict[str, Any]] = {
    "als": {"inference": "als"},
    "vb": {"inference": "vb"},
    "als, relevance learned": {"inference": "als", "relevance": "modes"},
    "all blocks at once": {"inference": "gauss_newton", "variance": "laplace"},
}
"""The program's ways of inference that are compared with the exact posterior."""


def study(modes: tuple[int, ...] = (1, 4, 16, 64), draws: int = 100_000) -> Study:
    """Distance of the exact posterior, and of the program's, from the Gaussian process against M."""
    data = problem()
    limit = gp_posterior(prior_of(1), data)
    exact = [exact_posterior(prior_of(m), data, draws) for m in modes]
    gaps = np.array([distances(e, limit) for e in exact])
    noise = [
        distances(Moments(limit.mean + e.mean_se, limit.std + e.std_se, e.mean_se, e.std_se, 0), limit) for e in exact
    ]
    rows = [
        [str(m), f"{g[0]:.4f} ± {s[0]:.4f}", f"{g[1]:.4f} ± {s[1]:.4f}", f"{e.effective:,.0f}"]
        for m, g, s, e in zip(modes, gaps, noise, exact, strict=True)
    ]
    own = {name: [fitted_posterior(m, data, **changes) for m in modes] for name, changes in OWN.items()}
    spread = np.sqrt(np.mean(limit.std**2))
    prior_std = float(np.sqrt(np.diag(prior_of(1).product_kernel(data.new, data.new)).mean()) / spread)
    mean_rate, std_rate = (f"M^{decay(list(modes), list(gaps[:, k])):.2f}" for k in (0, 1))
    text = f"""
{len(data.u)} noisy values (noise variance {NOISE}) at random points of the square; mean and standard deviation
predicted on 7 × 7 points. Differences from the posterior of the Gaussian process with the product kernel, root mean
square, in units of that posterior's standard deviation.

{table(["M", "exact: mean", "exact: std", "effective draws"], rows)}

- **The exact posterior converges to the Gaussian process's.** From M = {modes[0]} to {modes[-1]} the mean's distance
falls as {mean_rate}, the standard deviation's as {std_rate}. Exact means: all functions of one input integrated in
closed form, those of the other by {draws:,} weighted draws from the prior (± is the standard error of that).

The program's own posterior, which is not exact: difference of the means as above, and root mean square standard
deviation over the Gaussian process's (the prior's is {prior_std:.2f} times that).

{_own_table(modes, own, limit)}

- **The program's posteriors do not converge to it.** With als each block takes the other at its mean: where a mode's
means are small, neither block learns from the data, and the product of their two variances is counted although the data
exclude it; with many modes of fixed prior variance, nearly all of the prior comes back. Learned relevance shrinks such
modes. The default moves all blocks at once and linearises their joint posterior. Theorem 3.3 is about the model,
not about these algorithms.
"""
    return Study(
        "Theorem 3.3: the posterior becomes the Gaussian process's", text, _figure(modes, exact, limit, gaps, own)
    )


def _own_table(modes: tuple[int, ...], own: dict[str, list[Moments]], limit: Moments) -> str:
    rows = []
    for i, m in enumerate(modes):
        cells = [
            (distances(found[i], limit)[0], np.sqrt(np.mean(found[i].std ** 2) / np.mean(limit.std**2)))
            for found in own.values()
        ]
        rows.append([str(m), *(f"{mean:.2f}, {ratio:.2f}" for mean, ratio in cells)])
    return table(["M", *(f"{name}: mean, ratio of std" for name in own)], rows)


def _figure(
    modes: tuple[int, ...], exact: list[Moments], limit: Moments, gaps: np.ndarray, own: dict[str, list[Moments]]
) -> Figure:
    figure = Figure(figsize=(10.5, 3.7), layout="constrained")
    fall, mean, spread = (figure.add_subplot(1, 3, i) for i in (1, 2, 3))
    for k, (what, line) in enumerate((("mean", "-"), ("std", "--"))):
        fall.loglog(modes, gaps[:, k], MARKERS[k], linestyle=line, color=BLUE, label=f"exact, {what}")
        for found, colour in zip(own.values(), COLOURS[1:], strict=False):
            fall.loglog(
                modes, [distances(e, limit)[k] for e in found], MARKERS[k], linestyle=line, color=colour, linewidth=1
            )
    fall.loglog(modes, gaps[0, 0] / np.array(modes), color=INK, linewidth=0.8, linestyle=":", label="∝ 1/M")
    fall.set(title="Distance from the Gaussian process", xlabel="M", ylabel="RMS difference over posterior std")
    for name, colour in zip(own, COLOURS[1:], strict=False):
        fall.plot([], [], color=colour, label=name)
    fall.legend(fontsize=7)
    for ax, attribute in ((mean, "mean"), (spread, "std")):
        reference = getattr(limit, attribute)
        for e, m, colour, marker in ((exact[0], modes[0], VERMILION, "s"), (exact[-1], modes[-1], GREEN, "o")):
            ax.plot(reference, getattr(e, attribute), marker, color=colour, markersize=3, label=f"M = {m}")
        ends = [reference.min(), reference.max()]
        ax.plot(ends, ends, color=INK, linewidth=0.8)
        ax.set(title=f"Exact posterior {attribute}", xlabel="Gaussian process", ylabel="B-INN")
        ax.legend()
    return figure
