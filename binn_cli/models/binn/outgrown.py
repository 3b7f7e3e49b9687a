"""Whether an earlier fit's scales still suit the data after cases were added; in active learning they were chosen from the first few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import ProductData
from binn_cli.models.binn.basis import Basis, GaussianBasis, StretchedBasis
from binn_cli.models.binn.compilation import Stopwatch
from binn_cli.models.binn.evidence import Choice, choose_scales, evidence_of
from binn_cli.models.binn.normalization import InputMap, OutputMap
from binn_cli.models.binn.preparation import spectra_of
from binn_cli.models.binn.scales import axis_shapes

GROWTH = 1.5
"""The scales are looked at again whenever there are this many times the cases of the last time."""

WORTH_REFITTING = 10.0
"""Gain in log evidence below which the earlier scales stay: other scales can mean other shapes, which compile anew."""


class Scaled(Protocol):
    """What an earlier fit must tell."""

    @property
    def bases(self) -> tuple[Basis, ...]:
        """Of every dimension."""

    @property
    def inputs(self) -> InputMap:
        """The map of inputs."""

    @property
    def outputs(self) -> OutputMap:
        """The map of outputs."""

    @property
    def cases(self) -> int:
        """Length of the last axis when the scales were chosen or last looked at."""


AnyScaled = TypeVar("AnyScaled", bound=Scaled)


def kept(
    config: BinnConfig, before: AnyScaled | None, data: ProductData, capacity: int | None, watch: Stopwatch
) -> tuple[AnyScaled | None, int]:
    """The earlier fit if its scales are to be kept, else None, and the number of cases for which that holds.

    Only the case axis is looked at: the other axes' points never change. A posterior that serves as the prior mean is always kept.
    """
    cases = data.axes[-1].size
    if before is None:
        return None, cases
    if config.prior_mean != "zero" or cases < GROWTH * before.cases or len(data.axes) == 1:
        return before, before.cases
    now = _choices(before.bases[-len(data.axes[-1].coordinates) :])
    if now is None or not (config.tune or "auto" in (config.length, config.stretch)):
        return before, cases
    spectra = spectra_of(data, before.outputs, capacity, watch)
    points, columns = axis_shapes(data, before.inputs, before.outputs, spectra)[-1]
    if not columns.size:
        return before, cases
    best = choose_scales(points, columns, watch)
    gain = evidence_of(points, columns, best, watch) - evidence_of(points, columns, now, watch)
    return (None if gain > WORTH_REFITTING else before), cases


def _choices(bases: Sequence[Basis]) -> list[Choice] | None:
    """Rates and lengths of Gaussian bases; None if there are others."""
    found = []
    for basis in bases:
        rate, inner = (float(basis.rate), basis.basis) if isinstance(basis, StretchedBasis) else (0.0, basis)
        if not isinstance(inner, GaussianBasis):
            return None
        found.append(Choice(rate, float(inner.length), np.zeros((0, 3))))
    return found
