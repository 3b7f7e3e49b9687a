"""How much memory there is, and the refusal of what would not fit into a share of it."""

from __future__ import annotations

import math
import os
from pathlib import Path

from binn_cli.errors import TooLarge

MATRICES = 6
"""n × n matrices that the evidence of n points and its gradient hold at their peak: covariance, factor, inverse and the
kernel's gradient among them."""

_CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int:
    """Memory that this process may still take: what the system has to spare, or what is left of its control group's
    limit."""
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


def require_dense(points: int, evidence_points: int, groups: int, share: float) -> None:
    """Refuse a number of points whose covariance matrix would not fit.

    Args:
        points: N, whose factor is kept for every group of outputs, beside the covariance matrix from which the last one
            comes.
        evidence_points: points whose evidence is looked at; 0 where hyperparameters are stated.
        groups: groups of outputs with hyperparameters of their own.
        share: of the available memory that may be taken.

    Raises:
        TooLarge: with the number of points that would fit, and the models that do not need that matrix.
    """
    available = available_bytes()
    numbers = int(share * available) // 8
    most, most_evidence = math.isqrt(numbers // (groups + 1)), math.isqrt(numbers // MATRICES)
    if evidence_points > most_evidence:
        most = min(most, most_evidence)
    if points > most:
        looked_at = min(points, evidence_points)
        kept, wide = max(((groups + 1, points), (MATRICES, looked_at)), key=lambda pair: pair[0] * pair[1] ** 2)
        raise TooLarge(
            f"model=gp: {points:,} points need {kept} matrices of {wide:,} × {wide:,} numbers "
            f"({8e-9 * kept * wide**2:.3g} GB), "
            f"but at most {most:,} points fit into model.memory = {share:g} of the {available / 1e9:.3g} GB that are "
            f"available; "
            "take fewer points, or one of gp_sparse, gp_local, gp_grid (on grids) and binn, which need no such matrix"
        )


def require_experts(experts: int, width: int, points: int, groups: int, share: float) -> None:
    """Refuse local experts whose covariance matrices would not fit.

    Args:
        experts: how many there are.
        width: points of each.
        points: N, of all of them together.
        groups: groups of outputs with hyperparameters of their own, each of which keeps a factor an expert.
        share: of the available memory that may be taken.

    Raises:
        TooLarge: with the number of points that would fit.
    """
    available = available_bytes()
    needed = 8 * experts * width**2 * groups
    if needed > share * available:
        most = int(points * share * available / needed)
        raise TooLarge(
            f"model=gp_local: {points:,} points in experts of {width:,} need {needed / 1e9:.3g} GB, but about "
            f"{most:,} points fit into "
            f"model.memory = {share:g} of the {available / 1e9:.3g} GB that are available; lower "
            f"model.expert_points, or take gp_sparse, "
            "gp_grid (on grids) or binn"
        )
