"""The printed algorithm (section 3.3), transcribed as plainly as it can be: an N x MJ design matrix and a solve for
every block."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def gaussian(x: np.ndarray, centers: np.ndarray, length: float) -> np.ndarray:
    """Eq. 11."""
    return np.exp(-((x[:, None] - centers) ** 2) / (2 * length**2))


def printed(
    design: np.ndarray, u: np.ndarray, prior: np.ndarray, variance: float, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """Eq. 7 as it is printed."""
    covariance = np.linalg.inv(design.T @ design / noise + np.eye(design.shape[1]) / variance)
    return covariance @ (prior / variance + design.T @ u / noise), covariance


def least_squares(
    design: np.ndarray, u: np.ndarray, prior: np.ndarray, variance: float, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """Eq. 7 as the least-squares problem it is: the same posterior, without squaring the design matrix's condition
    number."""
    stacked = np.concatenate([design / np.sqrt(noise), np.eye(design.shape[1]) / np.sqrt(variance)])
    q, r = np.linalg.qr(stacked)
    inverse = np.linalg.inv(r)
    return inverse @ (q.T @ np.concatenate([u / np.sqrt(noise), prior / np.sqrt(variance)])), inverse @ inverse.T


def sweep(
    phi: list[np.ndarray],
    u: np.ndarray,
    prior: list[np.ndarray],
    latest: list[np.ndarray],
    variance: float,
    noise: float,
    posterior: Callable[..., tuple[np.ndarray, np.ndarray]] = least_squares,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """One pass over the dimensions: returns the posterior means (M, J) and covariances (M J, M J) of every block.

    `phi` holds (N, J_d) basis values, `prior` the prior means, `latest` the frozen weights, both (M, J_d).
    """
    weights, covariances = list(latest), []
    modes = prior[0].shape[0]
    for d in range(len(phi)):
        g = np.ones((len(u), modes))
        for other in range(len(phi)):
            if other != d:
                g *= phi[other] @ weights[other].T  # Eqs. 15, 16
        design = (g[:, :, None] * phi[d][:, None, :]).reshape(len(u), -1)  # Eq. 19: row i is g_i (x) Phi_i
        mean, covariance = posterior(design, u, prior[d].ravel(), variance, noise)
        weights[d] = mean.reshape(modes, -1)
        covariances.append(covariance)
    return weights, covariances


def predict(phi: list[np.ndarray], weights: list[np.ndarray], covariances: list[np.ndarray], joint: bool):
    """Eq. 22, and Eq. 23 with its sign corrected; `joint` sums over pairs of modes."""
    n, modes = phi[0].shape[0], weights[0].shape[0]
    mean, variance = np.zeros(n), np.zeros(n)
    for i in range(n):
        values = [w @ p[i] for w, p in zip(weights, phi, strict=True)]
        spread = []
        for p, c in zip(phi, covariances, strict=True):
            rows = np.kron(np.eye(modes), p[i])
            spread.append(rows @ c @ rows.T)
        mean[i] = np.prod(values, axis=0).sum()
        for m in range(modes):
            for other in range(modes) if joint else [m]:
                squares = [v[m] * v[other] for v in values]
                variance[i] += np.prod([s + c[m, other] for s, c in zip(squares, spread, strict=True)]) - np.prod(
                    squares
                )
    return mean, variance
