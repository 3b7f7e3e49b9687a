"""How time and error grow with the number of training points, from the repeats of a scaling run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num

from binn_cli.results.record import RunRecord, Step


@dataclass(frozen=True)
class SizeRow:
    """All repeats of one size.

    Attributes:
        n_train: number of training points.
        repeats: how many repeats were fitted; 0 where the size was skipped.
        fit, compile: median seconds, NaN where there are none.
        rmse: (L,) median test RMSE.
        peak_rss_bytes: the largest over the repeats.
    """

    n_train: int
    repeats: int
    fit: float
    compile: float
    rmse: Float[np.ndarray, " L"]
    peak_rss_bytes: int


def by_size(record: RunRecord) -> list[SizeRow]:
    """One row per size, in rising order."""
    sizes: dict[float, list[Step]] = {}
    for step in record.steps:
        sizes.setdefault(step.coordinates.get("size", step.n_train), []).append(step)
    return [_row(sizes[size], max(1, len(record.outputs))) for size in sorted(sizes)]


def slope(n_train: Num[np.ndarray, " S"], values: Float[np.ndarray, " S"], decade: bool = False) -> float:
    """The exponent a of the least-squares line values ~ n_train^a on logarithmic scales.

    Args:
        n_train: numbers of training points.
        values: what grows with them; entries that are not positive and finite are left out.
        decade: use the last factor of ten in `n_train` only, where constant costs matter least.

    Returns:
        The exponent, NaN with fewer than two different sizes.
    """
    n, v = np.asarray(n_train, dtype=float), np.asarray(values, dtype=float)
    usable = np.isfinite(v) & (v > 0) & (n > 0)
    n, v = n[usable], v[usable]
    if decade and n.size:
        # a hair of slack keeps 1000 with 10000 whatever the rounding
        top = n >= n.max() / 10 * (1 - 1e-9)
        n, v = n[top], v[top]
    if np.unique(n).size < 2:
        return float("nan")
    return float(np.polyfit(np.log(n), np.log(v), 1)[0])


def _row(steps: list[Step], outputs: int) -> SizeRow:
    fitted = [step for step in steps if np.isfinite(step.timings.get("fit", np.nan))]
    scores = [step.metrics["test"]["rmse"] for step in fitted if "rmse" in step.metrics.get("test", {})]
    return SizeRow(
        n_train=steps[0].n_train,
        repeats=len(fitted),
        fit=_median([step.timings["fit"] for step in fitted]),
        compile=_median([step.timings["compile"] for step in fitted if "compile" in step.timings]),
        rmse=np.median(scores, axis=0) if scores else np.full(outputs, np.nan),
        peak_rss_bytes=max((step.peak_rss_bytes for step in fitted), default=0),
    )


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")
