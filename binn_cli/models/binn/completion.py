"""Tensor completion: values at the combinations that nobody observed, from the low rank of those that somebody did.

A truncated higher-order SVD of the tensor, its gaps filled with what the truncation before said there, is repeated
while the threshold on singular values falls (hard imputation with continuation, after Mazumder, Hastie and Tibshirani,
"Spectral regularization algorithms for learning large incomplete matrices", JMLR 11, 2010). Some observed values are
hidden meanwhile: when those are not met any better, a lower threshold would only learn noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from binn_cli.models.binn.multilinear import mode_dot, multi_mode_dot, unfold

FIRST, LOWERED = 0.3, 0.25
"""The first threshold, relative to the norm of the tensor, and what it is multiplied with when it has done its work."""

SETTLED = 0.5
"""Change of the filled values, relative to the misfit at hidden ones, below which a threshold has done its work."""

STEP = 1.4
"""Filled values go farther than the truncation says: each round is a step of a fixed-point iteration whose error falls
by the share of gaps."""

BETTER = 0.98
PATIENCE = 6
"""Rounds in which the misfit at hidden values has not got better by a fiftieth, after which there is nothing more to
learn."""

LONGEST = 80
FLOOR = 1e-13
"""Most rounds, and the threshold, relative to the norm, below which singular values are round-off."""

AGAIN = 3
"""Rounds with all that was observed, what was hidden too."""

HIDDEN_SHARE = 0.05
"""Share of the observed values that are hidden at most."""


@dataclass(frozen=True)
class Completion:
    """A tensor without gaps.

    Attributes:
        values: the observed values, and in the gaps what their low rank says.
        misfit: root mean square error at observed values that were hidden.
        residual: what the low rank leaves out at a value that was seen, root mean square.
        ranks: multilinear rank at the end.
    """

    values: Float[np.ndarray, "*n"]
    misfit: float
    residual: float
    ranks: tuple[int, ...]


def complete(values: Float[np.ndarray, "*n"], observed: Bool[np.ndarray, "*n"], seed: int = 0) -> Completion:
    """Fill the gaps of a tensor.

    Args:
        values: read where they are observed.
        observed: where.
        seed: of the choice of the values that are hidden.
    """
    hidden = _hidden(observed, np.random.default_rng(seed))
    seen = observed & ~hidden
    center = float(np.mean(values[seen]))
    truth = np.where(observed, values - center, 0.0)
    best = _impute(truth, seen, hidden)
    filled = np.where(observed, truth, best.filled)
    for _ in range(AGAIN):
        low, ranks = _truncated(filled, best.threshold)
        filled[~observed] = low[~observed]
    residual = _rms((low - truth)[observed])
    return Completion(np.where(observed, values, filled + center), best.misfit, residual, ranks)


@dataclass(frozen=True)
class _Best:
    """The round in which hidden values were met best."""

    filled: np.ndarray
    misfit: float
    threshold: float
    ranks: tuple[int, ...]


def _impute(truth: np.ndarray, seen: np.ndarray, hidden: np.ndarray) -> _Best:
    filled = np.where(seen, truth, 0.0)
    gaps, hidden, met = np.flatnonzero(~seen), np.flatnonzero(hidden), truth[hidden]
    norm = float(np.linalg.norm(filled))
    threshold, waited = FIRST * norm, 0
    best = _Best(filled, np.inf, threshold, (1,) * truth.ndim)
    for _ in range(LONGEST):
        low, ranks = _truncated(filled, threshold)
        said, before = low.take(gaps), filled.take(gaps)
        change, misfit = _rms(said - before), _rms(low.take(hidden) - met)
        waited += 1
        if misfit < BETTER * best.misfit:
            np.put(filled, gaps, said)
            best, waited = _Best(filled.copy(), misfit, threshold, ranks), 0
        if waited >= PATIENCE:
            break
        np.put(filled, gaps, before + STEP * (said - before))
        if change < SETTLED * misfit:
            threshold = max(LOWERED * threshold, FLOOR * norm)
    return best


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _truncated(tensor: np.ndarray, threshold: float) -> tuple[np.ndarray, tuple[int, ...]]:
    """The sequentially truncated higher-order SVD, singular values below the threshold left out.

    Through Gram matrices: their round-off, 1e-8 of the norm, is below what a filled value is known to.
    """
    spans, core = [], tensor
    for axis in range(tensor.ndim):
        flat = unfold(core, axis)
        squares, vectors = np.linalg.eigh(flat @ flat.T)
        kept = squares > threshold**2
        kept[-1] = True
        spans.append(vectors[:, kept])
        core = mode_dot(core, spans[-1].T, axis)
    return multi_mode_dot(core, spans), core.shape


def _hidden(observed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Observed values to hide: where another case has its gaps, so that they are like those; anywhere, if there are
    none."""
    shift = int(rng.integers(1, max(2, observed.shape[-1])))
    like = observed & ~np.roll(observed, shift, axis=-1)
    places = np.flatnonzero(like) if like.any() else np.flatnonzero(observed)
    most = max(1, int(HIDDEN_SHARE * np.count_nonzero(observed)))
    hidden = np.zeros(observed.size, dtype=bool)
    hidden[rng.choice(places, min(most, len(places)), replace=False)] = True
    return hidden.reshape(observed.shape)
