"""What alternating and mean-field posteriors leave out: the same tiny two-dimensional B-INN sampled with NumPyro's
NUTS."""

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
from binn_cli.models.binn.surrogate import Binn
from binn_cli.views.plots.style import COLOURS, DENSITY, INK, MARKERS
from tests.studies.page import Study, table
from tests.studies.priors import weight_levels

SIDE = np.linspace(0.0, 1.0, 6)
NEW = np.linspace(0.0, 1.0, 11)
CHAINS = 4
HATS = 4


@dataclass(frozen=True)
class Compared:
    """One posterior, twice.

    Attributes:
        inference: als or vb.
        rank, modes, noise: rank of the function that is learned, M, and the standard deviation of the noise.
        ours, theirs: (11, 11) predictive standard deviation of the program and of NUTS.
        mean_gap: root mean square difference of the means over NUTS's standard deviation.
        r_hat: the largest split R-hat of the sampled function values.
    """

    inference: str
    rank: int
    modes: int
    noise: float
    ours: np.ndarray
    theirs: np.ndarray
    mean_gap: float
    r_hat: float

    @property
    def counted(self) -> float:
        """The ratio of root mean square deviations on the data's points that counting directions predicts for little
        noise.

        Each block counts its M J directions. Together they span the M (2 J - M) directions in which a sum of M products
        can change.
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


def _model(
    design: tuple[jax.Array, jax.Array], levels: tuple[float, float], modes: int, noise: float, u: jax.Array
) -> None:
    """Weights N(0, level) of both inputs for M modes, and the values on the grid with the given noise."""
    weights = [
        numpyro.sample(f"w{d}", dist.Normal(0, np.sqrt(level)).expand([modes, phi.shape[1]]).to_event(2))
        for d, (phi, level) in enumerate(zip(design, levels, strict=True))
    ]
    mean = (design[0] @ weights[0].T) @ (design[1] @ weights[1].T).T
    numpyro.sample("u", dist.Normal(mean, noise).to_event(2), obs=u)


def sampled(
    bases: tuple[Any, ...], levels: tuple[float, float], data: ProductData, modes: int, noise: float, draws: int
) -> np.ndarray:
    """Function values at NEW x NEW by NUTS: (chains, draws, 11, 11). The signs and order of modes do not matter to
    them."""
    design = (bases[0](jnp.asarray(SIDE)), bases[1](jnp.asarray(SIDE)))
    kernel = NUTS(_model, target_accept_prob=0.9)
    mcmc = MCMC(
        kernel, num_warmup=draws, num_samples=draws, num_chains=CHAINS, chain_method="vectorized", progress_bar=False
    )
    mcmc.run(jax.random.PRNGKey(0), design, levels, modes, noise, jnp.asarray(data.values[..., 0]))
    weights = mcmc.get_samples(group_by_chain=True)
    first, second = (
        np.einsum("nj,csmj->csmn", np.asarray(bases[d](jnp.asarray(NEW))), np.asarray(weights[f"w{d}"])) for d in (0, 1)
    )
    return np.einsum("csmn,csmk->csnk", first, second)


def compared(
    rank: int, modes: int, noise: float, draws: int, inferences: tuple[str, ...] = ("als", "vb")
) -> list[Compared]:
    """Fit with the program's ways of inference, and sample the same prior and likelihood."""
    data = _data(rank, noise)
    settings: dict[str, Any] = {
        "modes": modes, "basis": "hat", "centers": HATS, "stretch": 0, "prior": "function", "relevance": "none",
        "noise": "fixed",
        "noise_variance": noise**2, "output_scaling": "none", "sweeps": 500, "tolerance": 0.0, "start": "random",
        "variance": "joint",
    }  # fmt: skip
    fits = [Binn(BinnConfig(**settings, inference=inference)).fit(data) for inference in inferences]
    assert fits[0].stated is not None
    first, second = fits[0].stated[0]
    levels = weight_levels(BinnConfig(**settings, inference="als"), (first, second), modes)
    values = sampled((first, second), levels, data, modes, noise, draws)
    mean, std, r_hat = values.mean(axis=(0, 1)), values.std(axis=(0, 1)), float(np.max(split_gelman_rubin(values)))
    found = []
    for inference, fitted in zip(inferences, fits, strict=True):
        prediction = fitted.predict([Axis.of("x", NEW), Axis.of("y", NEW)])
        gap = np.sqrt(np.mean((prediction.mean[..., 0] - mean) ** 2) / np.mean(std**2))
        found.append(
            Compared(inference, rank, modes, noise, np.sqrt(prediction.epistemic_var[..., 0]), std, float(gap), r_hat)
        )
    return found


def study(
    cases: tuple[tuple[int, int], ...] = ((1, 1), (2, 2), (1, 2)),
    noises: tuple[float, ...] = (0.02, 0.2),
    draws: int = 1000,
) -> Study:
    """Ratio of standard deviations for each pair of rank and number of modes, each level of noise, and each way of
    inference."""
    found = [c for rank, m in cases for s in noises for c in compared(rank, m, s, draws)]
    low, high = min(float(c.ratio.min()) for c in found), max(float(c.ratio.max()) for c in found)
    text = f"""
A sum of M products of piecewise linear functions ({HATS} hats per input, `prior: function`) learned from noisy values
on a 6 × 6 grid, noise and prior fixed, relevance not learned. The predictive standard deviation of the program's
posterior (`inference: als` or `vb`) over that of NUTS ({CHAINS} chains of {draws:,} draws after {draws:,} of warm-up)
on 11 × 11 points.

{_table(found)}

- Over all points of all rows the ratio lies between {low:.2f} and {high:.2f}. Above one the program is too careful,
below one too sure.
- What both leave out is the covariance between the blocks. A mode's two functions can trade size, and modes can trade
shape, without changing the product; each block counts that freedom as uncertainty of the sum. With M modes of J bases 2
M J directions are counted, but the sum can change in M (2 J − M) only: for a truth of rank M and little noise this
predicts the ratio √(2 J / (2 J − M)), the column
"by counting".
- With als a superfluous mode (rank below M) costs more: its means are small, so neither block learns it from the data,
and the product of the two blocks' variances is counted although the data exclude it. Learned relevance, the default, is
there to shrink such modes; vb sees the other block's variance and so the data.
"""
    return Study("What alternating and mean-field posteriors leave out", text, _figure(found))


def _table(found: list[Compared]) -> str:
    rows = []
    for c in found:
        overall = np.sqrt(np.mean(c.ours**2) / np.mean(c.theirs**2))
        low, high = np.quantile(c.ratio, [0.05, 0.95])
        counted = f"{c.counted:.3f}" if c.rank == c.modes else "–"
        spread, rest = f"{low:.2f} to {high:.2f}", (f"{c.mean_gap:.2f}", f"{c.r_hat:.3f}")
        rows.append([str(c.rank), str(c.modes), f"{c.noise:g}", c.inference, f"{overall:.3f}", counted, spread, *rest])
    headings = [
        "rank of the truth",
        "M",
        "noise std",
        "inference",
        "ratio of RMS std",
        "by counting",
        "ratio at 90 % of points",
    ]
    return table([*headings, "means: difference / std", "R-hat"], rows)


def _figure(found: list[Compared]) -> Figure:
    least = min(c.noise for c in found)
    cases = list(dict.fromkeys((c.rank, c.modes) for c in found))
    inferences = list(dict.fromkeys(c.inference for c in found))
    columns, rows = len(cases) + 1, len(inferences)
    figure = Figure(figsize=(3.2 * columns, 3.1 * rows), layout="constrained")
    low, high = min(1.0, *(float(c.ratio.min()) for c in found)), max(float(c.ratio.max()) for c in found)
    for row, inference in enumerate(inferences):
        own = [c for c in found if c.inference == inference]
        scatter = figure.add_subplot(rows, columns, row * columns + 1)
        for i, c in enumerate(own):
            name = f"rank {c.rank}, M = {c.modes}, noise {c.noise:g}"
            scatter.loglog(
                c.theirs.ravel(), c.ours.ravel(), MARKERS[i % 6], color=COLOURS[i % 6], markersize=2.5, label=name
            )
        ends = [min(c.theirs.min() for c in own), max(c.theirs.max() for c in own)]
        scatter.plot(ends, ends, color=INK, linewidth=0.8)
        scatter.set(title="Predictive standard deviation", xlabel="NUTS", ylabel=inference)
        scatter.legend(fontsize=6)
        for column, c in enumerate([c for c in own if c.noise == least]):
            ax = figure.add_subplot(rows, columns, row * columns + column + 2)
            image = ax.pcolormesh(NEW, NEW, c.ratio.T, cmap=DENSITY, vmin=low, vmax=high)
            ax.set(title=f"{inference} over NUTS: rank {c.rank}, M = {c.modes}", xlabel="x", ylabel="y", aspect="equal")
            ax.grid(False)
    figure.colorbar(image, ax=figure.axes, shrink=0.6, label=f"ratio at noise {least:g}")
    return figure
