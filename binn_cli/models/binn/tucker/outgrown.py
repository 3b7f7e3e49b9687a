"""When more cases have made the choices of an earlier fit too small: what few cases showed of the data is not all that there is."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

DOUBLED, GROWN = 2.0, 1.25
"""The first choice is kept until there are twice as many cases, each later one until there are a quarter more."""

UNEXPLAINED = 1e-5
"""Noise, as a share of the output's scale, below which nothing is left to explain that more functions could."""


def outgrown(cases: int, chosen_at: tuple[int, ...], noise: Float[np.ndarray, " L"]) -> bool:
    """Whether length scales and ranks should be chosen again.

    Until the first doubling a choice out of few cases is no better than another: measured on heat, choosing again from 11 to 14 cases
    was worse as often as better, from 16 on it was better by up to a hundred times.

    Args:
        cases: number of cases now.
        chosen_at: numbers of cases at which the choices were made so far, the latest last.
        noise: (L,) learned noise variance of the latest fit, in standardised units.
    """
    factor = DOUBLED if len(chosen_at) == 1 else GROWN
    return cases >= factor * chosen_at[-1] and float(np.max(noise)) > UNEXPLAINED**2
