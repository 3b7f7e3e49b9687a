"""Mean-field variational Bayes for sums of products, written out over all points, and the exact evidence of one
block."""

from __future__ import annotations

import numpy as np


def second_moments(phi: np.ndarray, weights: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """E[f f^T] at every point, (N, M, M), from (N, J) basis values, (M, J) means and the (M J, M J) covariance."""
    modes, size = weights.shape
    f = phi @ weights.T
    blocks = covariance.reshape(modes, size, modes, size)
    return f[:, :, None] * f[:, None, :] + np.einsum("nj,mjpk,nk->nmp", phi, blocks, phi)


def sweep(
    phi: list[np.ndarray],
    u: np.ndarray,
    weights: list[np.ndarray],
    covariances: list[np.ndarray],
    variance: float,
    noise: float,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """One pass of coordinate ascent under the prior N(0, variance) on every weight."""
    weights, covariances = list(weights), list(covariances)
    modes = weights[0].shape[0]
    for d in range(len(phi)):
        g, pairs = np.ones((len(u), modes)), np.ones((len(u), modes, modes))
        for other in range(len(phi)):
            if other != d:
                g *= phi[other] @ weights[other].T
                pairs *= second_moments(phi[other], weights[other], covariances[other])
        gram = np.einsum("nmp,nj,nk->mjpk", pairs, phi[d], phi[d]).reshape(modes * phi[d].shape[1], -1)
        moment = np.einsum("n,nm,nj->mj", u, g, phi[d]).ravel()
        covariances[d] = np.linalg.inv(gram / noise + np.eye(len(gram)) / variance)
        weights[d] = (covariances[d] @ moment / noise).reshape(modes, -1)
    return weights, covariances


def bound(
    phi: list[np.ndarray],
    u: np.ndarray,
    weights: list[np.ndarray],
    covariances: list[np.ndarray],
    variance: float,
    noise: float,
) -> float:
    """The evidence lower bound, every term from its definition."""
    modes = weights[0].shape[0]
    mean, square = np.ones((len(u), modes)), np.ones((len(u), modes, modes))
    for p, w, c in zip(phi, weights, covariances, strict=True):
        mean *= p @ w.T
        square *= second_moments(p, w, c)
    expected = np.sum(u**2 - 2 * u * mean.sum(axis=1) + square.sum(axis=(1, 2)))
    total = -0.5 * len(u) * np.log(2 * np.pi * noise) - 0.5 * expected / noise
    for w, c in zip(weights, covariances, strict=True):
        _, log_determinant = np.linalg.slogdet(c / variance)
        total -= 0.5 * ((np.sum(w**2) + np.trace(c)) / variance - w.size - log_determinant)
    return float(total)


def log_evidence(design: np.ndarray, u: np.ndarray, variance: float, noise: float) -> float:
    """log N(u; 0, variance X X^T + noise I) of one block."""
    covariance = variance * design @ design.T + noise * np.eye(len(u))
    _, log_determinant = np.linalg.slogdet(covariance)
    return float(-0.5 * (u @ np.linalg.solve(covariance, u) + log_determinant + len(u) * np.log(2 * np.pi)))
