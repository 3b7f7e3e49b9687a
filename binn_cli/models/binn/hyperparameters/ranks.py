"""How many functions every axis gets: stated, or as many as the higher-order SVD shows above round-off and noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from binn_cli.errors import ConfigError

LARGEST_CORE = 200_000
"""Entries of the core that a fit accepts."""

LARGEST_AUTOMATIC_CORE = 32_768
"""Entries of the core that `auto` asks for at most."""

POINTS_PER_ENTRY = 4
"""`auto` keeps at least so many data points for every entry of the core."""

NEGLIGIBLE = 1e-7
"""Singular values below this share of the largest are left out; a Gram matrix resolves them down to 1e-8."""


def noise_variance(spectra: Sequence[Float[np.ndarray, " R"]], lengths: Sequence[int], outputs: int) -> float:
    """Noise variance of a data entry, from the smallest eigenvalue of the unfolding in which it is smallest.

    Noise alone gives an n x m unfolding squared singular values between (√m - √n)² and (√m + √n)² times its variance;
    signal can only add to them.
    """
    found = [np.inf]
    for spectrum, n in zip(spectra, lengths, strict=True):
        m = outputs * math.prod(lengths) // n
        smallest = float(spectrum.min()) if len(spectrum) >= n else 0.0  # what compression cut off was round-off
        if m > n:
            found.append(smallest / (math.sqrt(m) - math.sqrt(n)) ** 2)
    return float(min(found)) if len(found) > 1 else 0.0


def needed_ranks(spectra: Sequence[Float[np.ndarray, " R"]], lengths: Sequence[int], outputs: int) -> list[int]:
    """How many singular vectors of every axis stand above round-off and noise."""
    noise, found = noise_variance(spectra, lengths, outputs), []
    for spectrum, n in zip(spectra, lengths, strict=True):
        m = outputs * math.prod(lengths) // n
        limit = max(NEGLIGIBLE**2 * spectrum[0], noise * (math.sqrt(m) + math.sqrt(n)) ** 2)
        found.append(max(1, int(np.sum(spectrum > limit))))
    return found


def reduce_ranks(
    ranks: Sequence[int], sizes: Sequence[Float[np.ndarray, " g"]], most: int, free: Sequence[bool]
) -> list[int]:
    """Ranks whose product is at most `most`, the smallest functions given up first; only the free axes give way."""
    found = list(ranks)
    while math.prod(found) > most:
        candidates = [d for d, r in enumerate(found) if r > 1 and free[d]]
        if not candidates:
            return found
        found[min(candidates, key=lambda d: sizes[d][found[d] - 1])] -= 1
    return found


def choose_ranks(
    stated: Sequence[int | str],
    spectra: Sequence[Float[np.ndarray, " R"]],
    lengths: Sequence[int],
    sizes: Sequence[int],
    outputs: int,
) -> tuple[int, ...]:
    """The rank of every axis; stated ranks beyond the number of an axis's functions are reduced to it.

    Args:
        stated: a number or `auto` per axis.
        spectra: squared singular values of every unfolding of the compressed data.
        lengths: points of every axis.
        sizes: functions that every axis can have.
        outputs: L.

    Raises:
        ConfigError: if the core would have too many entries.
    """
    free = [rank == "auto" for rank in stated]
    needed = needed_ranks(spectra, lengths, outputs)
    ranks = [n if f else int(s) for n, f, s in zip(needed, free, stated, strict=True)]
    ranks = [min(r, size) for r, size in zip(ranks, sizes, strict=True)]
    most = min(LARGEST_AUTOMATIC_CORE, max(1, math.prod(lengths) // POINTS_PER_ENTRY))
    shown = [_relative(s, r) for s, r in zip(spectra, ranks, strict=True)]
    ranks = reduce_ranks(ranks, shown, most, free)
    entries = math.prod(ranks)
    if entries > LARGEST_CORE:
        size = f"{' x '.join(map(str, ranks))} = {entries:,} entries, more than {LARGEST_CORE:,}"
        raise ConfigError("model.ranks", f"make a core of {size}; state smaller ranks or use model.decomposition=cp")
    return tuple(ranks)


def _relative(spectrum: Float[np.ndarray, " R"], rank: int) -> Float[np.ndarray, " g"]:
    """Singular values relative to the largest, zero where there are none."""
    sizes = np.sqrt(spectrum / max(float(spectrum[0]), np.finfo(float).tiny))
    return np.append(sizes, np.zeros(max(0, rank - len(sizes))))
