"""The kernel of infinitely many modes, and the log posterior of its hyperparameters with its gradient.

As M → ∞ a sum of M products of one-dimensional functions becomes a Gaussian process whose kernel is the product of the
bases' kernels (Theorem 3.2). With a constant beside Gaussians of length ℓ_d / √2 in the basis of every input,

    k(x, x') = σ_f² ∏_d [(1 - s_d) + s_d ρ(|x_d - x'_d| / ℓ_d)],    ρ(r) = exp(-r² / 2).

Bases of functions that are less smooth than Gaussians have limits that are less smooth: there ρ is a Matérn correlation
of order 5/2 or 3/2 (Rasmussen and Williams, "Gaussian processes for machine learning", Eq. 4.17).

The share s_d says how much of a function's prior variance varies with input d. Multiplied out, the kernel is a sum over
all
subsets of inputs: effects of one input, of two, and so on; small shares say that high interactions are small.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg.lapack import dpotrf, dpotri

from binn_cli.models.cores import on_two_cores

SMOOTHNESS = ("gaussian", "matern52", "matern32")
"""The correlations ρ, from infinitely to once differentiable functions."""

SCALE = {"gaussian": -0.5, "matern52": 5.0, "matern32": 3.0}
SLOPE = {"gaussian": -2.0, "matern52": 1.0 / 3.0, "matern32": 1.0}
"""Factors of the squared distance inside ρ, and of ρ's derivative with respect to log ℓ as `_correlated` leaves it."""

LOG_2PI = float(np.log(2.0 * np.pi))

JITTER = 8.0 * np.finfo(np.float64).eps
"""What is added to the diagonal, per point and unit of signal variance: round-off must not make the matrix
indefinite."""

NUGGET, NUGGET_POINTS = 0.2 * np.finfo(np.float64).eps, 100
"""The same where hyperparameters are given, which have no gradient that round-off could spoil, and the fewest points
that it is for: simulations without noise are then missed by less. A seventh of it loses all digits."""

REFUSED = 1e25
"""Objective of hyperparameters whose covariance matrix cannot be factorised: no search goes there."""

MATTERING, REACH = 6, 0.3
"""Inputs that may all matter, and by what share of a standard deviation lengths reach farther up for each one more."""

SHORTEST, LONGEST, ENDLESS = 0.02, 1e2, 1e4
"""Range of the length scales, in units of the domain, and the longest of inputs so many that some do not matter at all:
the longer, the nearer to singular the covariance, which few inputs would lose digits by."""


class Prior(NamedTuple):
    """Independent distributions of the P = 2 D + 2 hyperparameters log ℓ_d, logit s_d, log σ_f² and log σ², normal on
    either side of their peaks.

    Attributes:
        mean: (P,) most probable values.
        std: (P,) standard deviations below them.
        above: (P,) and above them.
    """

    mean: Float[np.ndarray, " P"]
    std: Float[np.ndarray, " P"]
    above: Float[np.ndarray, " P"]

    @classmethod
    def weak(cls, dimensions: int) -> Prior:
        """What is assumed before any data, for inputs on [0, 1] and outputs of unit variance.

        Distances between random points grow with √D, so lengths are expected around that.
        """
        lengths, shares = np.full(dimensions, np.log(0.7 * np.sqrt(dimensions))), np.full(dimensions, 1.0)
        mean = np.concatenate([lengths, shares, [0.0, np.log(1e-6)]])
        std = np.concatenate([np.full(dimensions, 1.3), np.full(dimensions, 2.5), [2.5, 6.0]])
        return cls(mean, std, cls.reaching(std))

    @staticmethod
    def reaching(std: Float[np.ndarray, " P"]) -> Float[np.ndarray, " P"]:
        """Standard deviations above the mean: those below it, but for lengths of many inputs.

        An input that does not matter has a length far above the mean. Of many inputs most do not, and a few rows cannot
        pay for every one of them.
        """
        dimensions, above = (len(std) - 2) // 2, std.copy()
        above[:dimensions] *= 1.0 + REACH * max(0, dimensions - MATTERING)
        return above

    def around(self, hyperparameters: Float[np.ndarray, " P"], length: float, share: float) -> Prior:
        """This prior with lengths and shares around given ones, so far away as the standard deviations say."""
        dimensions = (len(self.mean) - 2) // 2
        mean, std = self.mean.copy(), self.std.copy()
        mean[: 2 * dimensions] = hyperparameters[: 2 * dimensions]
        std[:dimensions], std[dimensions : 2 * dimensions] = length, share
        return Prior(mean, std, std)


def bounds(dimensions: int) -> Float[np.ndarray, "P 2"]:
    """Smallest and largest value of every hyperparameter that is considered."""
    longest = ENDLESS if dimensions > MATTERING else LONGEST
    length, share = (np.log(SHORTEST), np.log(longest)), (-6.0, 12.0)
    return np.array([length] * dimensions + [share] * dimensions + [(-8.0, 25.0), (np.log(1e-14), 3.0)])


def _shares(theta: Float[np.ndarray, "B P"], dimensions: int) -> Float[np.ndarray, "B D"]:
    return 1.0 / (1.0 + np.exp(-theta[:, dimensions : 2 * dimensions]))


def correlation(squares: Float[np.ndarray, "*n"], smoothness: str) -> Float[np.ndarray, "*n"]:
    """ρ at squared distances in units of the length, which may be overwritten."""
    if smoothness == "gaussian":
        return np.exp(np.multiply(squares, -0.5, out=squares), out=squares)
    r = np.sqrt(np.multiply(squares, 5.0 if smoothness == "matern52" else 3.0, out=squares), out=squares)
    return (1.0 + r + r * r / 3.0 if smoothness == "matern52" else 1.0 + r) * np.exp(-r)


def _correlated(scaled: Float[np.ndarray, "*n"], smoothness: str) -> Float[np.ndarray, "*n"]:
    """ρ at squared distances, given in units of the length and times `SCALE`, which become the derivative of ρ with
    respect to log ℓ over `SLOPE`.

    Every step overwrites what it can: at the sizes of tables memory costs more than exponentials.
    """
    if smoothness == "gaussian":
        rho = np.exp(scaled)
        scaled *= rho
        return rho
    rho = np.sqrt(scaled)
    falling = np.negative(rho)
    np.exp(falling, out=falling)
    rho += 1.0
    rho *= falling
    if smoothness == "matern32":
        scaled *= falling
        return rho
    falling *= scaled
    scaled *= rho
    falling *= 1.0 / 3.0
    rho += falling
    return rho


def covariance(
    theta: Float[np.ndarray, " P"], left: Float[np.ndarray, "n D"], right: Float[np.ndarray, "m D"], smoothness: str
) -> Float[np.ndarray, "n m"]:
    """k(x, x') between two sets of points, without noise."""
    dimensions = left.shape[1]
    product = np.full((len(left), len(right)), np.exp(theta[2 * dimensions]))
    for d in range(dimensions):
        product *= kernel_factor(theta, d, left[:, d], right[:, d], smoothness)
    return product


def squared_distances(left: Float[np.ndarray, "n D"], right: Float[np.ndarray, "m D"]) -> Float[np.ndarray, "D n m"]:
    """(x_d - x'_d)² between two sets of points: all that kernels of any hyperparameters need of them."""
    differences = left.T[:, :, None] - right.T[:, None, :]
    return np.multiply(differences, differences, out=differences)


def covariance_at(
    theta: Float[np.ndarray, " P"], squares: Float[np.ndarray, "D *n"], smoothness: str
) -> Float[np.ndarray, "*n"]:
    """k(x, x') of points whose squared distances are known, without noise."""
    return covariances_at(theta[None], squares, smoothness)[0]


def covariances_at(
    draws: Float[np.ndarray, "S P"], squares: Float[np.ndarray, "D *n"], smoothness: str
) -> Float[np.ndarray, "S *n"]:
    """The same for several hyperparameters together, which for small tables takes the time of one."""
    dimensions = len(squares)
    each = (slice(None), *[None] * (squares.ndim - 1))
    product = np.empty((len(draws), *squares.shape[1:]))
    product[...] = np.exp(draws[:, 2 * dimensions])[each]
    inverse, shares = np.exp(-2.0 * draws[:, :dimensions]), _shares(draws, dimensions)
    scaled = np.empty_like(product)
    for d in range(dimensions):
        if smoothness == "gaussian":  # one pass less than `correlation` makes
            np.multiply(squares[d], (-0.5 * inverse[:, d])[each], out=scaled)
            factor = np.exp(scaled, out=scaled)
        else:
            factor = correlation(np.multiply(squares[d], inverse[:, d][each], out=scaled), smoothness)
        factor *= shares[:, d][each]
        factor += (1.0 - shares[:, d])[each]
        product *= factor
    return product


def kernel_factor(
    theta: Float[np.ndarray, " P"],
    dimension: int,
    left: Float[np.ndarray, " n"],
    right: Float[np.ndarray, " m"],
    smoothness: str,
) -> Float[np.ndarray, "n m"]:
    """(1 - s_d) + s_d ρ(|x_d - x'_d| / ℓ_d) between two sets of values of one input."""
    share = _shares(theta[None], len(theta) // 2 - 1)[0, dimension]
    scaled = np.subtract.outer(left, right)
    scaled *= np.exp(-theta[dimension])
    factor = correlation(np.multiply(scaled, scaled, out=scaled), smoothness)
    factor *= share
    factor += 1.0 - share
    return factor


def noise_variance(theta: Float[np.ndarray, " P"], points: int) -> float:
    """σ² with what round-off makes of the variance at so many points."""
    return float(np.exp(theta[-1]) + JITTER * points * np.exp(theta[-2]))


def nugget_variance(theta: Float[np.ndarray, " P"], points: int) -> float:
    """σ² with what keeps the covariance matrix of so many points from being singular."""
    return float(np.exp(theta[-1]) + NUGGET * max(points, NUGGET_POINTS) * np.exp(theta[-2]))


CACHED_ENTRIES = 2**15
"""Numbers of one array up to which the correlations of several inputs are found together (256 kB)."""

SHARED_ENTRIES = 2**17
"""Numbers of all of them from which two cores find them."""


Part = tuple[slice, np.ndarray, np.ndarray]
"""Some inputs, the slopes of their correlations, and their factors, each of every pair."""


@dataclass(frozen=True)
class Evidence:
    """The log posterior of hyperparameters given functions on n points.

    Everything is symmetric in pairs of points, so each pair is computed once, input by input.

    Attributes:
        points: (n, D) inputs in units of the domain.
        squares: (D, m) squared distances in every input of the m = n (n - 1) / 2 pairs.
        pairs: (2, m) which points these are, the later one first.
        smoothness: which correlation.
    """

    points: Float[np.ndarray, "n D"]
    squares: Float[np.ndarray, "D m"]
    pairs: Int[np.ndarray, "2 m"]
    smoothness: str = "gaussian"

    @classmethod
    def of(cls, points: Float[np.ndarray, "n D"], smoothness: str = "gaussian") -> Evidence:
        """The evidence of these points."""
        pairs = np.array(np.tril_indices(len(points), -1))
        return cls(points, ((points[pairs[0]] - points[pairs[1]]) ** 2).T.copy(), pairs, smoothness)

    @cached_property
    def places(self) -> Int[np.ndarray, " m"]:
        """Where the pairs stand in a matrix of all points that is read row by row."""
        return np.ravel_multi_index(tuple(self.pairs), (len(self.points), len(self.points)))

    def __call__(
        self,
        theta: Float[np.ndarray, "B P"],
        targets: Float[np.ndarray, "n R"],
        weights: Float[np.ndarray, " R"],
        prior: Prior,
    ) -> tuple[Float[np.ndarray, " B"], Float[np.ndarray, "B P"]]:
        """Negative log posterior (up to the prior's constant) and its gradient, for B sets of hyperparameters at once.

        Args:
            theta: the hyperparameters.
            targets: R functions at the points, each of unit size, which share hyperparameters.
            weights: how much each function counts, 1 for a whole observation.
            prior: of the hyperparameters.
        """
        d, n = self.points.shape[1], len(self.points)
        inverse, share, signal = np.exp(-2.0 * theta[:, :d]), _shares(theta, d), np.exp(theta[:, 2 * d])
        noise, jitter = np.exp(theta[:, 2 * d + 1]), JITTER * n * signal
        inverse *= SCALE[self.smoothness]
        halves = on_two_cores(partial(self._multiplied, inverse, share), self._shared_out(len(theta)))
        kernel = halves[0][0]
        kernel *= signal[:, None]
        for product, _ in halves[1:]:
            kernel *= product
        full = np.zeros((len(theta), n, n))
        full.reshape(len(theta), -1)[:, self.places] = kernel
        _diagonals(full)[:] = (signal + noise + jitter)[:, None]
        root, precision, refused = _inverses(full)
        solved = precision @ targets  # (B, n, R)
        total = float(np.sum(weights))
        value = 0.5 * np.sum(solved * (targets * weights), axis=(1, 2))
        value += total * (np.log(root).sum(axis=1) + 0.5 * n * LOG_2PI)
        # d value / d K = -outer / 2
        outer = (solved * weights) @ solved.swapaxes(1, 2)
        outer -= total * precision
        trace = _diagonals(outer).sum(axis=1)
        along = outer.reshape(len(theta), -1).take(self.places, axis=1)
        along *= kernel
        along *= 2.0  # every pair stands for two entries
        gradient, whole = np.empty_like(theta), along.sum(axis=1)
        for inputs, lengths, shares in chain(
            *on_two_cores(partial(self._slopes, along, whole), [p for _, p in halves])
        ):
            own = share[:, inputs]
            gradient[:, inputs] = -0.5 * own * lengths
            gradient[:, d + inputs.start : d + inputs.stop] = -0.5 * (1.0 - own) * shares
        gradient[:, 2 * d] = -0.5 * (whole + (signal + jitter) * trace)
        gradient[:, 2 * d + 1] = -0.5 * trace * noise
        std = np.where(theta > prior.mean, prior.above, prior.std)
        away = (theta - prior.mean) / std
        value = np.where(refused, REFUSED, value + 0.5 * np.sum(away**2, axis=1))
        return value, gradient + away / std

    def _multiplied(
        self, inverse: Float[np.ndarray, "B D"], share: Float[np.ndarray, "B D"], several: list[slice]
    ) -> tuple[Float[np.ndarray, "B m"], list[Part]]:
        """The product of some inputs' factors at every pair, and the parts of it."""
        product, parts = np.ones((len(share), self.squares.shape[1])), []
        for inputs in several:
            own = share[:, inputs, None]
            slope = self.squares[inputs] * inverse[:, inputs, None]
            factor = _correlated(slope, self.smoothness)
            factor *= own
            factor += 1.0 - own
            product *= factor[:, 0] if factor.shape[1] == 1 else factor.prod(axis=1)
            parts.append((inputs, slope, factor))
        return product, parts

    def _slopes(
        self, along: Float[np.ndarray, "B m"], whole: Float[np.ndarray, " B"], parts: list[Part]
    ) -> list[tuple[slice, Float[np.ndarray, "B d"], Float[np.ndarray, "B d"]]]:
        """Derivatives of the product's part in the evidence with respect to log lengths, over the share, and to
        logit shares, over the other share. Overwrites the factors."""
        found = []
        for inputs, slope, factor in parts:
            ratio = np.divide(along[:, None], factor, out=factor)
            # s (ρ - 1) over the factor is one less one over the factor
            shares = whole[:, None] - ratio.sum(axis=2)
            found.append((inputs, SLOPE[self.smoothness] * np.einsum("bdm,bdm->bd", ratio, slope), shares))
        return found

    def _shared_out(self, count: int) -> list[list[slice]]:
        """Inputs whose correlations are found together, all where pairs are few, one by one where each fills the cache;
        in two lists, where they are so many that a second thread is worth it."""
        inputs, pairs = self.squares.shape
        step = max(1, CACHED_ENTRIES // max(1, count * pairs))
        together = [slice(begin, min(begin + step, inputs)) for begin in range(0, inputs, step)]
        if len(together) < 2 or count * inputs * pairs < SHARED_ENTRIES:
            return [together]
        return [together[: len(together) // 2], together[len(together) // 2 :]]


def _inverses(
    matrices: Float[np.ndarray, "B n n"],
) -> tuple[Float[np.ndarray, "B n"], Float[np.ndarray, "B n n"], np.ndarray]:
    """Diagonals of the Cholesky factors, inverses, and which matrices have none; those count as the identity.

    Of the matrices, which are overwritten, the lower triangle is read; above it they are zero.
    """
    count, n, _ = matrices.shape
    roots, refused = np.ones((count, n)), np.zeros(count, dtype=bool)
    for b in range(count):
        # transposed, a C-contiguous matrix is what LAPACK takes, its lower triangle the upper one
        factor, failed = dpotrf(matrices[b].T, lower=0, overwrite_a=1, clean=0)
        if not failed:
            roots[b] = np.diagonal(factor)
            upper, failed = dpotri(factor, lower=0, overwrite_c=1)
        if failed:
            roots[b], matrices[b], refused[b] = 1.0, np.eye(n), True
            continue
        if not np.may_share_memory(upper, matrices):
            matrices[b] = upper.T
    inverses = matrices + matrices.swapaxes(1, 2)
    _diagonals(inverses)[:] = _diagonals(matrices)
    return roots, inverses, refused


def _diagonals(matrices: Float[np.ndarray, "B n n"]) -> Float[np.ndarray, "B n"]:
    """A view of their diagonals."""
    count, n, _ = matrices.shape
    return matrices.reshape(count, n * n)[:, :: n + 1]
