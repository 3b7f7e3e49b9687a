"""Alternating Bayesian updates of a Tucker decomposition, transcribed plainly: a design matrix and a solve for every block."""

from __future__ import annotations

import numpy as np

from tests.models.dense_reference import least_squares


def core_design(phi: list[np.ndarray], weights: list[np.ndarray]) -> np.ndarray:
    """(N, prod R): row i holds the product of every combination of functions at point i."""
    total = np.ones((len(phi[0]), 1))
    for p, w in zip(phi, weights, strict=True):
        total = np.einsum("nq,nr->nqr", total, p @ w.T).reshape(len(p), -1)
    return total


def factor_design(phi: list[np.ndarray], weights: list[np.ndarray], core: np.ndarray, d: int) -> np.ndarray:
    """(N, R_d J_d): row i is g_i (x) phi_i, where g_i is the core contracted with every other dimension's functions."""
    g = np.broadcast_to(np.moveaxis(core, d, 0), (len(phi[0]), core.shape[d], *np.delete(core.shape, d)))
    for other in range(len(phi)):
        if other != d:
            g = np.einsum("nrs...,ns->nr...", g, phi[other] @ weights[other].T)
    return np.einsum("nr,nk->nrk", g, phi[d]).reshape(len(g), -1)


def sweep(phi, u, prior, core_prior, latest, variance: float, noise: float):
    """The core, then every factor: posterior means and covariances. Priors are means; all entries have the same prior variance."""
    weights, covariances = list(latest), []
    mean, core_covariance = least_squares(core_design(phi, weights), u, core_prior.ravel(), variance, noise)
    core = mean.reshape(core_prior.shape)
    for d in range(len(phi)):
        mean, covariance = least_squares(factor_design(phi, weights, core, d), u, prior[d].ravel(), variance, noise)
        weights[d] = mean.reshape(prior[d].shape)
        covariances.append(covariance)
    return core, core_covariance, weights, covariances


def predict(phi, weights, covariances, core, core_covariance, joint: bool = True):
    """Mean and variance at every point, by the second moments of every block written out in full."""
    mean, variance = [], []
    for i in range(len(phi[0])):
        first, second, squares = np.ones(1), np.ones((1, 1)), np.ones((1, 1))
        for p, w, c in zip(phi, weights, covariances, strict=True):
            f = w @ p[i]
            rows = np.kron(np.eye(len(w)), p[i])
            spread = rows @ c @ rows.T
            spread = spread if joint else np.diag(np.diag(spread))
            first, second, squares = np.kron(first, f), np.kron(second, np.outer(f, f) + spread), np.kron(squares, np.outer(f, f))
        g = core.ravel()
        mean.append(g @ first)
        variance.append(g @ (second - squares) @ g + np.sum(core_covariance * second))
    return np.array(mean), np.array(variance)
