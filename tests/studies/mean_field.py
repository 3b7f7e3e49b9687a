"""What the alternating posterior leaves out: the same tiny two-dimensional B-INN sampled with NumPyro's NUTS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from matplotlib.figure import Figure
from numpyro.diagnostics import split_gelman_rubin
from numpyro.infer import MCMC, NUTS

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.model import Binn
from binn_cli.views.plots.style import COLOURS, DENSITY, INK, MARKERS
from tests.studies.page import Study, table

SIDE = np.linspace(0.0, 1.0, 6)
NEW = np.linspace(0.0, 1.0, 11)
CHAINS = 4
HATS = 4


@dataclass(frozen=True)
class Compared:
    """One posterior, twice.

    Attributes:
        rank, modes, noise: rank of the function that is learned, M, and the standard deviation of the noise.
        ours, theirs: (11, 11) predictive standard deviation of the program and of NUTS.
        mean_gap: root mean square difference of the means over NUTS's standard deviation.
        r_hat: the largest split R-hat of the sampled function values.
    """

    rank: int
    modes: int
    noise: float
    ours: np.ndarray
    theirs: np.ndarray
    mean_gap: float
    r_hat: float

    @property
    def counted(self) -> float:
        """The ratio of root mean square deviations on the data's points that counting directions predicts for little noise.

        Each block counts its M J directions. Together they span the M (2 J - M) directions in which a sum of M products can change.
        """
        return float(np.sqrt(2 * HATS / (2 * HATS - self.modes)))

    @property
    def ratio(self) -> np.ndarray:
        """Ours over theirs."""
        return self.ours / self.theirs


def _data(rank: int, noise: float) -> ProductData:
    x, y = SIDE[:, None], SIDE[None, :]
    values = np.sin(2.5 * x + 0.3) * np.cos(1.5 * y) + (0.7 * np.cos(3 * x) * np.sin(2 * y) if rank == 2 else 0.0)
    values = values + noise * np.random.default_rng(7).standard_normal((6, 6))
    return ProductData((Axis.of("x", SIDE), Axis.of("y", SIDE)), values[..., None], ("u",))


def _model(design: tuple[jax.Array, jax.Array], levels: tuple[float, float], modes: int, noise: float, u: jax.Array) -> None:
    """Weights N(0, level) of both inputs for M modes, and the values on the grid with the given noise."""
    weights = [
        numpyro.sample(f"w{d}", dist.Normal(0, np.sqrt(level)).expand([modes, phi.shape[1]]).to_event(2))
        for d, (phi, level) in enumerate(zip(design, levels, strict=True))
    ]
    mean = (design[0] @ weights[0].T) @ (design[1] @ weights[1].T).T
    numpyro.sample("u", dist.Normal(mean, noise).to_event(2), obs=u)


def sampled(bases: tuple[Any, ...], levels: tuple[float, float], data: ProductData, modes: int, noise: float, draws: int) -> np.ndarray:
    """Function values at NEW x NEW by NUTS: (chains, draws, 11, 11). The signs and order of modes do not matter to them."""
    design = (bases[0](jnp.asarray(SIDE)), bases[1](jnp.asarray(SIDE)))
    kernel = NUTS(_model, target_accept_prob=0.9)
    mcmc = MCMC(kernel, num_warmup=draws, num_samples=draws, num_chains=CHAINS, chain_method="vectorized", progress_bar=False)
    mcmc.run(jax.random.PRNGKey(0), design, levels, modes, noise, jnp.asarray(data.values[..., 0]))
    weights = mcmc.get_samples(group_by_chain=True)
    first, second = (np.einsum("nj,csmj->csmn", np.asarray(bases[d](jnp.asarray(NEW))), np.asarray(weights[f"w{d}"])) for d in (0, 1))
    return np.einsum("csmn,csmk->csnk", first, second)


def compared(rank: int, modes: int, noise: float, draws: int) -> Compared:
    """Fit with the program, and sample the same prior and likelihood."""
    data = _data(rank, noise)
    config = BinnConfig(
        modes=modes, basis="hat", centers=HATS, stretch=0, prior="function", relevance="none", noise="fixed", noise_variance=noise**2,
        output_scaling="none", sweeps=500, tolerance=0.0, start="random",
    )  # fmt: skip
    fitted = Binn(config).fit(data)
    found = fitted.predict([Axis.of("x", NEW), Axis.of("y", NEW)])
    levels = tuple(float(dimension.prior_variance[0, 0]) for dimension in fitted.dimensions)
    draws_of = sampled(fitted.bases, (levels[0], levels[1]), data, modes, noise, draws)
    mean, std = draws_of.mean(axis=(0, 1)), draws_of.std(axis=(0, 1))
    gap = np.sqrt(np.mean((found.mean[..., 0] - mean) ** 2) / np.mean(std**2))
    r_hat = float(np.max(split_gelman_rubin(draws_of)))
    return Compared(rank, modes, noise, np.sqrt(found.epistemic_var[..., 0]), std, float(gap), r_hat)


def study(
    cases: tuple[tuple[int, int], ...] = ((1, 1), (2, 2), (1, 2)), noises: tuple[float, ...] = (0.02, 0.2), draws: int = 1000
) -> Study:
    """Ratio of standard deviations for each pair of rank and number of modes, and each level of noise."""
    found = [compared(rank, m, s, draws) for rank, m in cases for s in noises]
    low, high = min(float(c.ratio.min()) for c in found), max(float(c.ratio.max()) for c in found)
    text = f"""
A sum of M products of piecewise linear functions ({HATS} hats an input, `prior: function`) learned from noisy values on a 6 × 6 grid,
noise and prior fixed, relevance not learned. The predictive standard deviation of the program's alternating posterior over that of
NUTS ({CHAINS} chains of {draws:,} draws after {draws:,} of warm-up) on 11 × 11 points.

{_table(found)}

- Over all points of all rows the ratio lies between {low:.2f} and {high:.2f}. Above one the program is too careful, below one too sure.
- What is left out is the covariance between the blocks. A mode's two functions can trade size, and modes can trade shape, without
changing the product; each block counts that freedom as uncertainty of the sum. With M modes of J bases 2 M J directions are counted,
but the sum can change in M (2 J − M) only: for a truth of rank M and little noise this predicts the ratio √(2 J / (2 J − M)), the column
"by counting".
- A superfluous mode (rank below M) costs more: its means are small, so neither block learns it from the data, and the product of the
two blocks' variances is counted although the data exclude it. Learned relevance, the default, is there to shrink such modes.
"""
    return Study("What the alternating posterior leaves out", text, _figure(found))


def _table(found: list[Compared]) -> str:
    rows = []
    for c in found:
        overall = np.sqrt(np.mean(c.ours**2) / np.mean(c.theirs**2))
        low, high = np.quantile(c.ratio, [0.05, 0.95])
        counted = f"{c.counted:.3f}" if c.rank == c.modes else "–"
        spread, rest = f"{low:.2f} to {high:.2f}", (f"{c.mean_gap:.2f}", f"{c.r_hat:.3f}")
        rows.append([str(c.rank), str(c.modes), f"{c.noise:g}", f"{overall:.3f}", counted, spread, *rest])
    headings = ["rank of the truth", "M", "noise std", "ratio of RMS std", "by counting", "ratio at 90 % of points"]
    return table([*headings, "means: difference / std", "R-hat"], rows)


def _figure(found: list[Compared]) -> Figure:
    shown = list({(c.rank, c.modes): c for c in reversed(found)}.values())[::-1]
    figure = Figure(figsize=(3.4 * (len(shown) + 1), 3.5), layout="constrained")
    scatter = figure.add_subplot(1, len(shown) + 1, 1)
    for i, c in enumerate(found):
        name = f"rank {c.rank}, M = {c.modes}, noise {c.noise:g}"
        scatter.loglog(c.theirs.ravel(), c.ours.ravel(), MARKERS[i % 6], color=COLOURS[i % 6], markersize=2.5, label=name)
    ends = [min(c.theirs.min() for c in found), max(c.theirs.max() for c in found)]
    scatter.plot(ends, ends, color=INK, linewidth=0.8)
    scatter.set(title="Predictive standard deviation", xlabel="NUTS", ylabel="alternating")
    scatter.legend(fontsize=7)
    high = max(float(c.ratio.max()) for c in shown)
    for i, c in enumerate(shown):
        ax = figure.add_subplot(1, len(shown) + 1, i + 2)
        image = ax.pcolormesh(NEW, NEW, c.ratio.T, cmap=DENSITY, vmin=min(1.0, *(float(s.ratio.min()) for s in shown)), vmax=high)
        ax.set(title=f"Ratio: rank {c.rank}, M = {c.modes}, noise {c.noise:g}", xlabel="x", ylabel="y", aspect="equal")
        ax.grid(False)
    figure.colorbar(image, ax=figure.axes[1:], shrink=0.8, label="alternating over NUTS")
    return figure
