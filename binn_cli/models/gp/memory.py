"""How much memory there is, and the refusal of what would not fit into a share of it."""

from __future__ import annotations

import math
import os
from pathlib import Path

from binn_cli.errors import TooLarge

MATRICES = 6
"""N × N matrices that a dense Gaussian process holds at its peak: covariance, factor, inverse and the kernel's gradient among them."""

_CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int:
    """Memory that this process may still take: what the system has to spare, or what is left of its control group's limit."""
    found = [_system()]
    try:
        limit, used = ((_CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        if limit != "max":
            found.append(int(limit) - int(used))
    except (OSError, ValueError):
        pass
    return max(min(found), 0)


def _system() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def most_points(share: float, available: int) -> int:
    """The largest N whose `MATRICES` N × N matrices of float64 fit into a share of the available bytes."""
    return math.isqrt(int(share * available) // (8 * MATRICES))


def require_dense(points: int, share: float) -> None:
    """Refuse a number of points whose covariance matrix would not fit.

    Raises:
        TooLarge: with the number of points that would fit, and the models that do not need that matrix.
    """
    available = available_bytes()
    most = most_points(share, available)
    if points > most:
        needed = 8 * MATRICES * points**2 / 1e9
        raise TooLarge(
            f"model=gp: {points:,} points need {MATRICES} matrices of {points:,} × {points:,} numbers ({needed:.3g} GB), "
            f"but at most {most:,} points fit into model.memory = {share:g} of the {available / 1e9:.3g} GB that are available; "
            "take fewer points, or one of gp_sparse, gp_grid (on grids) and binn, which need no such matrix"
        )
