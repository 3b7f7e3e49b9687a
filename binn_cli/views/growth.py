"""How time and error grow with the number of training points, from the repeats of a scaling run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num

from binn_cli.results.record import RunRecord, Step


@dataclass(frozen=True)
class SizeRow:
    """All fits of one size.

    Attributes:
        size: what the task asked for, in the data set's own terms.
        n_train: number of training points; 0 where a size failed before anyone counted them.
        seconds: of every timed fit; none where the size was skipped or failed.
        compile: median seconds, NaN where there are none.
        rmse: (L,) median test RMSE.
        peak_rss_bytes: the largest over the fits.
        reason: why the size was not measured, "" where it was.
    """

    size: float
    n_train: int
    seconds: tuple[float, ...]
    compile: float
    rmse: Float[np.ndarray, " L"]
    peak_rss_bytes: int
    reason: str

    @property
    def fit(self) -> float:
        """Median seconds of a fit, NaN without one."""
        return _median(self.seconds)


def by_size(record: RunRecord) -> list[SizeRow]:
    """One row per size, in rising order."""
    sizes: dict[float, list[Step]] = {}
    for step in record.steps:
        sizes.setdefault(step.coordinates.get("size", step.n_train), []).append(step)
    return [_row(record, size, sizes[size]) for size in sorted(sizes)]


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


def _row(record: RunRecord, size: float, steps: Sequence[Step]) -> SizeRow:
    fitted = [step for step in steps if np.isfinite(step.timings.get("fit", np.nan))]
    scores = [step.metrics["test"]["rmse"] for step in fitted if "rmse" in step.metrics.get("test", {})]
    return SizeRow(
        size=size,
        n_train=max(step.n_train for step in steps),
        seconds=tuple(second for step in fitted for second in _timed(step)),
        compile=_median([step.timings["compile"] for step in fitted if "compile" in step.timings]),
        rmse=np.median(scores, axis=0) if scores else np.full(max(1, len(record.outputs)), np.nan),
        peak_rss_bytes=max((step.peak_rss_bytes for step in fitted), default=0),
        reason="" if fitted else str((record.state or {}).get(f"reason_{size:.0f}", "for an unknown reason")),
    )


def _timed(step: Step) -> list[float]:
    """Every fit of the step that was timed, the one that compiled left out."""
    return [float(second) for second in np.atleast_1d(step.diagnostics.get("fit_seconds", step.timings["fit"]))]


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if len(values) else float("nan")
