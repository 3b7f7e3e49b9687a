"""What functions look like before any data: draws of the networks' priors, by variance of the weights and by
activation, beside those of B-INN and of a Gaussian process; and what the priors make of sixty noisy points."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.linalg import sqrtm

from binn_cli.config.schema.bnn import PRIORS
from binn_cli.models.bnn.function_prior import SIDE, GaussianProcess, fitted_prior
from binn_cli.models.compilation import Stopwatch
from binn_cli.models.perceptron import Network
from binn_cli.views.plots.style import COLOURS, GREY
from tests.studies.loop import score, steps_of
from tests.studies.page import Study, table
from tests.studies.priors import prior_of

ACTIVATIONS = ("tanh", "relu", "sin")
PROCESS = GaussianProcess("rbf", 0.3, 1.0)
X = np.linspace(-0.5, 0.5, 81)[:, None]
"""Where functions are looked at: the domain, in units of itself."""
SHOWN = 6
SHORTER = 0.1
"""A length that fits are also made with."""


@dataclass(frozen=True)
class Drawn:
    """Draws of a prior.

    Attributes:
        name: what it is the prior of.
        values: (draw, x) functions.
    """

    name: str
    values: Float[np.ndarray, "draw x"]

    @property
    def distance(self) -> float:
        """The 2-Wasserstein distance of the normal law with the draws' covariance from the Gaussian process, over the
        root of its variance; by matrix roots instead of the eigenvalues that the program takes."""
        own, target = self.values.T @ self.values / len(self.values), PROCESS.covariance(SIDE * X)
        root = np.real(sqrtm(target + 1e-9 * np.eye(len(X))))
        squared = np.trace(own) + np.trace(target) - 2 * np.trace(np.real(sqrtm(root @ own @ root)))
        return float(np.sqrt(max(squared, 0.0) / np.trace(target)))

    @property
    def crossings(self) -> float:
        """How often a function changes its sign over the domain."""
        return float(np.mean(np.sum(self.values[:, 1:] * self.values[:, :-1] < 0, axis=1)))

    @property
    def row(self) -> list[str]:
        """Standard deviation at the middle and at the edge, changes of sign, excess kurtosis, distance."""
        middle, edge = self.values[:, len(X) // 2], self.values[:, 0]
        kurtosis = np.mean(middle**4) / np.mean(middle**2) ** 2 - 3
        sizes = [f"{np.std(part):.2f}" for part in (middle, edge)]
        return [self.name, *sizes, f"{self.crossings:.2f}", f"{kurtosis:.1f}", f"{self.distance:.2f}"]


def of_network(prior: str, activation: str, widths: tuple[int, ...], draws: int) -> Drawn:
    """Draws of a network's prior over one input."""
    network = Network((1, *widths, 1), activation, prior)
    if prior == "function":
        network = fitted_prior(network, PROCESS, 0, Stopwatch()).network
    vectors = network.prior_std * np.random.default_rng(0).standard_normal((draws, network.n_weights))
    found = jax.jit(lambda each: jax.lax.map(lambda vector: network(vector, SIDE * X)[:, 0], each))(vectors)
    return Drawn(f"{activation}, `{prior}`", np.asarray(found))


def of_binn(modes: int, draws: int) -> Drawn:
    """Draws of B-INN's prior over two inputs, along the middle of the second one."""
    prior, points = prior_of(modes), np.column_stack([X[:, 0] + 0.5, np.full(len(X), 0.5)])
    rng = np.random.default_rng(0)
    values = np.sum(prior.functions(rng, 0, points, draws) * prior.functions(rng, 1, points, draws), axis=1)
    return Drawn(f"B-INN, M = {modes}", values)


def of_process(draws: int) -> Drawn:
    """Draws of the Gaussian process."""
    values, vectors = np.linalg.eigh(PROCESS.covariance(SIDE * X))
    rng = np.random.default_rng(0)
    found = rng.standard_normal((draws, len(X))) * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    return Drawn("Gaussian process", found)


def learned(prior: str, activation: str, seeds: tuple[int, ...], words: tuple[str, ...]) -> list[str]:
    """Means over seeds of what `bnn_laplace` makes of `sine`: RMSE, coverage of 95 % intervals and log evidence."""
    chosen = ("dataset=sine", "task=regress", "model=bnn_laplace", f"model.prior={prior}")
    found = []
    for seed in seeds:
        (step,) = steps_of(*chosen, f"model.activation={activation}", f"seed={seed}", *words)
        evidence = float(np.ravel(step.diagnostics["log_evidence"])[0])
        found.append((score(step, "test"), score(step, "test", "coverage_95"), evidence))
    error, coverage, evidence = np.mean(found, axis=0)
    return [f"{error:.3f}", f"{100 * coverage:.0f} %", f"{evidence:.0f}"]


def study(
    widths: tuple[int, ...] = (64, 64),
    draws: int = 4000,
    modes: tuple[int, ...] = (1, 4, 16),
    seeds: tuple[int, ...] = (0, 1),
    words: tuple[str, ...] = (),
) -> Study:
    """Draws of all priors, and fits with them."""
    networks = [[of_network(prior, activation, widths, draws) for activation in ACTIVATIONS] for prior in PRIORS]
    others = [*(of_binn(number, draws) for number in modes), of_process(draws)]
    headings = ["prior", "std in the middle", "at the edge", "changes of sign", "excess kurtosis", "distance"]
    rows = [found.row for found in (*(own for row in networks for own in row), *others)]
    shorter = f"model.prior_length={SHORTER}"
    fits = []
    for activation in ACTIVATIONS:
        fits += [[f"{activation}, `{prior}`", *learned(prior, activation, seeds, words)] for prior in PRIORS]
        short = learned("function", activation, seeds, (*words, shorter))
        fits.append([f"{activation}, `function`, length {SHORTER}", *short])
    changes = {prior: [own.crossings for own in row] for prior, row in zip(PRIORS, networks, strict=True)}
    sizes = [np.std(own.values[:, 0]) for own in networks[PRIORS.index("unit")]]
    text = f"""
{draws:,} draws of each prior over one input (layers of {" and ".join(map(str, widths))} units; B-INN over two, along
the middle of the second). The Gaussian process has a squared exponential kernel of length {PROCESS.length:g} of the
domain and variance {PROCESS.variance:g}: it is what `prior: function` fits the networks to. The distance is the
2-Wasserstein distance of normal laws with the draws' covariance from it, over the root of its variance: 0 for the same
law, 1 for no function at all.

{table(headings, rows)}

- **Variances by the size of a layer say little of functions.** With `unit` they have standard deviations of
{min(sizes):.0f} to {max(sizes):.0f} at the edge, and change their sign {min(changes["unit"]):.1f} to
{max(changes["unit"]):.1f} times, by the activation; with `xavier` they are nearly constants
({min(changes["xavier"]):.2f} to {max(changes["xavier"]):.2f} times), since two over one input plus all units is little.

- **`function` comes as near as the activation lets it.** Covariance is all that it fits; the kurtosis, 0 of a normal
law, comes from how few units there are. Functions of `relu` are straight lines far from where they bend.

- B-INN's prior has the covariance of a Gaussian process for every M; see the [limit](gp_limit.md).

What `bnn_laplace` makes of the 60 noisy points of `sine` with these priors (means over {len(seeds)} seeds; the
evidence also chooses a common factor of all variances, `model.tune`, which is why the size of functions does not matter
here, but their shape does). The length of the process is a choice, and the evidence says which one the data support:

{table(["prior", "test RMSE", "coverage of 95 %", "log evidence"], fits)}
"""
    return Study(
        "Priors: functions before any data",
        text,
        _figure([[*row, other] for row, other in zip(networks, others, strict=True)]),
    )


def _figure(rows: list[list[Drawn]]) -> Figure:
    figure = Figure(figsize=(7.4, 5.6), layout="constrained")
    for number, found in enumerate(drawn for row in rows for drawn in row):
        axes: Axes = figure.add_subplot(len(rows), len(rows[0]), number + 1)
        for values, colour in zip(found.values[:SHOWN], COLOURS, strict=True):
            axes.plot(X[:, 0] + 0.5, values, color=colour, linewidth=0.9)
        spread = 2 * np.sqrt(np.mean(found.values**2, axis=0))
        for sign in (-1, 1):
            axes.plot(X[:, 0] + 0.5, sign * spread, color=GREY, linestyle="--", linewidth=1)
        axes.set_title(found.name.replace("`", ""))
    figure.supxlabel("input, as a share of its range (dashed: two standard deviations)")
    return figure
