"""The printed algorithm (section 3.3), transcribed as plainly as it can be: an N x MJ design matrix and a solve for every block."""

from __future__ import annotations

import numpy as np


def gaussian(x: np.ndarray, centers: np.ndarray, length: float) -> np.ndarray:
    """Eq. 11."""
    return np.exp(-((x[:, None] - centers) ** 2) / (2 * length**2))


def sweep(phi: list[np.ndarray], u: np.ndarray, prior: list[np.ndarray], latest: list[np.ndarray], variance: float, noise: float):
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
        design = np.stack([np.kron(g[i], phi[d][i]) for i in range(len(u))])  # Eq. 19
        # Eq. 7 as the least-squares problem it is: the same posterior, without squaring the design matrix's condition number.
        stacked = np.concatenate([design / np.sqrt(noise), np.eye(design.shape[1]) / np.sqrt(variance)])
        target = np.concatenate([u / np.sqrt(noise), prior[d].ravel() / np.sqrt(variance)])
        q, r = np.linalg.qr(stacked)
        mean = np.linalg.solve(r, q.T @ target)
        covariance = np.linalg.inv(r) @ np.linalg.inv(r).T
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
                variance[i] += np.prod([s + c[m, other] for s, c in zip(squares, spread, strict=True)]) - np.prod(squares)
    return mean, variance
