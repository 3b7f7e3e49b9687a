"""Whether two runs of one configuration came to the same numbers, and in what else they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from binn_cli.results.provenance import DATA_IDENTITY
from binn_cli.results.record import RunRecord

ROUND_OFF = 1e-9
"""Differences up to this part of the largest value of an output are round-off, which an iteration carries on and
magnifies."""
RELATIVE = 1e-6
"""Scores are quotients and logarithms of differences, which magnify it; up to this part of themselves they agree."""

BITS, DIGITS, NOT = "to the last bit", "to round-off", "not"
VERDICTS = (BITS, DIGITS, NOT)

PLACES = ("python", "platform", "cpu_model", "cpu_count", "devices", "processes")
CODE = ("program_version", "git_commit", "git_dirty", "code_digest")


@dataclass(frozen=True)
class Difference:
    """How far two arrays are apart.

    Attributes:
        name: what they are, such as "metrics/rmse on test".
        verdict: one of `VERDICTS`.
        largest: the largest difference.
        relative: the same as a part of the value there.
    """

    name: str
    verdict: str
    largest: float = 0.0
    relative: float = 0.0


def verdict_of(differences: list[Difference]) -> str:
    """The worst of all."""
    return max((difference.verdict for difference in differences), key=VERDICTS.index, default=BITS)


def differences(first: RunRecord, second: RunRecord) -> list[Difference]:
    """How far the numbers of two runs are apart: acquired cases, scores of every step, and predictions."""
    if len(first.steps) != len(second.steps) or first.outputs != second.outputs:
        return [Difference(f"{len(first.steps)} steps and {len(second.steps)} steps", NOT)]
    found = [_apart(name, a, b, 0.0, 0.0) for name, a, b in _acquired(first, second)]
    sizes = _sizes(first)
    for split in first.splits:
        for metric in dict.fromkeys(name for step in first.steps for name in step.metrics.get(split, {})):
            found.append(
                _apart(
                    f"{metric} on {split}", first.series(split, metric), second.series(split, metric), sizes, RELATIVE
                )
            )
    if first.predictions is not None and second.predictions is not None:
        for name in ("inputs", "truth", "mean", "std_epistemic", "std_total"):
            before, after = getattr(first.predictions, name), getattr(second.predictions, name)
            found.append(_apart(f"predictions/{name}", before, after, 0.0 if name == "inputs" else sizes, ROUND_OFF))
    return found


def _acquired(first: RunRecord, second: RunRecord) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    for name in first.case_coordinates:
        before, after = (
            np.concatenate([np.atleast_1d((step.acquired or {}).get(name, np.nan)) for step in run.steps])
            for run in (first, second)
        )
        yield f"acquired {name}", before, after


def _sizes(record: RunRecord) -> np.ndarray:
    """(L,) the largest absolute value of every output, as far as it is known."""
    if record.predictions is None or len(record.predictions.truth) == 0:
        return np.zeros(max(1, len(record.outputs)))
    return np.abs(record.predictions.truth).max(axis=0)


def _apart(name: str, first: np.ndarray, second: np.ndarray, sizes: np.ndarray | float, relative: float) -> Difference:
    before, after = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if before.shape != after.shape or not np.array_equal(np.isfinite(before), np.isfinite(after)):
        return Difference(f"{name}: shapes or missing values", NOT)
    if np.array_equal(before, after, equal_nan=True):
        return Difference(name, BITS)
    gap = np.abs(np.nan_to_num(before) - np.nan_to_num(after))
    value = np.maximum(np.abs(np.nan_to_num(before)), np.abs(np.nan_to_num(after)))
    within = gap <= np.maximum(ROUND_OFF * np.broadcast_to(sizes, gap.shape), relative * value)
    parts = np.divide(gap, value, out=np.zeros_like(gap), where=value > 0)
    return Difference(name, DIGITS if within.all() else NOT, float(gap.max()), float(parts.max()))


def what_differs(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, tuple[object, object]]:
    """The versions, the machine, the code and the data that two runs do not share, by the name of the attribute.

    Args:
        before, after: /provenance of each.
    """
    names = [
        *CODE,
        DATA_IDENTITY,
        *PLACES,
        *sorted(name for name in {**before, **after} if name.startswith("version_")),
    ]
    unknown = "not recorded"
    pairs = {
        name: (before.get(name, unknown), after.get(name, unknown)) for name in names if name in before or name in after
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
