"""Exact solutions on the unit cube with zero boundary values, as series of sines: what approximations are judged by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, product

import numpy as np
from jaxtyping import Float
from numpy.polynomial import legendre

Function = Callable[[Float[np.ndarray, " n"]], Float[np.ndarray, " n"]]

MODES = 1024
"""Sines along a coordinate. Their coefficients end where the source does, but for sources that are not zero on the
boundary."""

NODES = 12
"""Gauss points of a panel of time."""

FIRST_PANEL = 1e-6
"""End of the first panel of the scaled time; the others double."""

DECAYED = 40.0
"""Decay exponent from which a sine counts no more."""

POINTS_AT_ONCE = 4096


def gaussian(center: float, radius: float) -> Function:
    """exp(-2 (x - c)² / r²), the factor of a source along one coordinate."""
    return lambda x: np.exp(-2.0 * (x - center) ** 2 / radius**2)


def products_of_gaussians(centers: Float[np.ndarray, "s d"], radius: float) -> list[list[tuple[float, ...]]]:
    """Sources as sums of products: for each product and coordinate the centres whose Gaussians are added up.

    Centres on a full grid are a single product of sums.
    """
    lines = [tuple(sorted(set(column.tolist()))) for column in centers.T]
    listed = sorted(map(tuple, centers.tolist()))
    if listed == sorted(product(*lines)):
        return [list(lines)]
    return [[(value,) for value in center] for center in centers.tolist()]


def sine_coefficients(function: Function, modes: int) -> Float[np.ndarray, " modes"]:
    """b_m = 2 ∫ f(x) sin(mπx) dx over [0, 1], by Gauss-Legendre quadrature on short intervals."""
    nodes, weights = legendre.leggauss(16)
    left = np.linspace(0.0, 1.0, modes + 1)[:-1]
    x = (left[:, None] + (nodes + 1) / (2 * modes)).ravel()
    waves = np.sin(np.pi * np.arange(1, modes + 1)[:, None] * x)
    return 2.0 * waves @ (np.tile(weights / (2 * modes), modes) * function(x))


def heat_solution(
    points: Float[np.ndarray, "n d"],
    scaled_time: Float[np.ndarray, " n"],
    sources: Sequence[Sequence[Function]],
) -> Float[np.ndarray, " n"]:
    """v of v_τ - Δv = Σ_s Π_d f_sd(x_d), zero at τ = 0 and on the boundary.

    v = ∫_0^τ Σ_s Π_d X_sd(x_d, σ) dσ with X = Σ_m b_m exp(-(mπ)² σ) sin(mπx) (Duhamel's principle): the integral over
    panels of time by Gauss-Legendre quadrature, over a part of a panel by the polynomial through its nodes.

    Args:
        points: coordinates in space.
        scaled_time: τ, the time times the conductivity.
        sources: functions of each coordinate, product by product.
    """
    found = np.zeros(len(points))
    order = np.argsort(-scaled_time)  # so that the points that reach into a panel are the first ones
    coefficients = [[sine_coefficients(function, MODES) for function in factors] for factors in sources]
    for begin in range(0, len(points), POINTS_AT_ONCE):
        rows = order[begin : begin + POINTS_AT_ONCE]
        found[rows] = _heat_part(points[rows], scaled_time[rows], coefficients)
    return found


def _heat_part(
    points: Float[np.ndarray, "n d"],
    scaled_time: Float[np.ndarray, " n"],
    coefficients: Sequence[Sequence[Float[np.ndarray, " m"]]],
) -> Float[np.ndarray, " n"]:
    waves = [np.sin(np.pi * column[:, None] * np.arange(1, MODES + 1)) for column in points.T]
    nodes, weights = legendre.leggauss(NODES)
    # ∫_{-1}^z of the Legendre series through the values at the nodes.
    to_series = np.linalg.inv(legendre.legvander(nodes, NODES - 1))
    edges = [0.0, FIRST_PANEL]
    while edges[-1] < scaled_time.max():
        edges.append(2 * edges[-1])
    total = np.zeros(len(points))
    for low, high in pairwise(edges):
        late = int(np.sum(scaled_time > low))
        if late == 0:
            break
        times = low + (high - low) * (nodes + 1) / 2
        kept = min(MODES, int(np.sqrt(DECAYED / max(times[0], 1e-12)) / np.pi) + 1)
        decay = np.exp(-((np.pi * np.arange(1, kept + 1)) ** 2)[:, None] * times)
        values = np.zeros((late, NODES))
        for factors in coefficients:
            values += np.prod(
                [wave[:late, :kept] @ (b[:kept, None] * decay) for wave, b in zip(waves, factors, strict=True)], axis=0
            )
        whole = int(np.sum(scaled_time >= high))
        total[:whole] += (high - low) / 2 * (values[:whole] @ weights)
        share = 2 * (scaled_time[whole:late] - low) / (high - low) - 1
        integral = legendre.legint((values[whole:] @ to_series.T).T, lbnd=-1)
        total[whole:late] += (high - low) / 2 * legendre.legval(share, integral, tensor=False)
    return total


def helmholtz_factors(
    sources: Sequence[Sequence[Function]], wave_number: float, modes: int
) -> tuple[Float[np.ndarray, "m r"], Float[np.ndarray, "m r"]]:
    """Coefficients of u of -Δu - κ²u = Σ_s f_s(x) g_s(y) on the unit square, zero on the boundary.

    u = Σ_r (Σ_m a_mr sin(mπx)) (Σ_m b_mr sin(mπy)).
    """
    eigenvalues = (np.pi * np.arange(1, modes + 1)) ** 2
    weights = sum(np.outer(sine_coefficients(f, modes), sine_coefficients(g, modes)) for f, g in sources)
    left, sizes, right = np.linalg.svd(weights / (eigenvalues[:, None] + eigenvalues - wave_number**2))
    kept = int(np.sum(sizes > np.finfo(float).eps * sizes[0]))
    return left[:, :kept] * sizes[:kept], right[:kept].T


def sines(x: Float[np.ndarray, " n"], modes: int) -> Float[np.ndarray, "n modes"]:
    """sin(mπx) for m = 1 … modes."""
    return np.asarray(np.sin(np.pi * x[:, None] * np.arange(1, modes + 1)))


def solution_of(
    points: Float[np.ndarray, "n 2"],
    factors: Sequence[Float[np.ndarray, "m r"]],
    functions: Callable[[Float[np.ndarray, " n"], int], Float[np.ndarray, "n m"]] = sines,
) -> Float[np.ndarray, " n"]:
    """u at scattered points; `factors` are coefficients of products of `functions`, as of `helmholtz_factors`."""
    found = np.ones((len(points), factors[0].shape[1]))
    for column, factor in zip(points.T, factors, strict=True):
        waves = functions(column, len(factor))
        # Not a product of matrices, whose round-off depends on how many points are asked for at once.
        found *= np.einsum("ni,ir->nr", waves, factor)
    return found.sum(axis=1)
