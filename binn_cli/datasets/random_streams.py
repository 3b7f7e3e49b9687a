"""Independent random streams out of one seed, one for each thing that is drawn."""

from __future__ import annotations

import zlib

import numpy as np

from binn_cli.errors import ConfigError


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The generator of one purpose, such as "sine train noise".

    Streams of different purposes are independent, so that drawing more of one thing never changes another.

    Raises:
        ConfigError: if the seed is negative.
    """
    if seed < 0:
        raise ConfigError("seed", f"must be at least 0, not {seed}")
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(purpose.encode())]))
