"""The basis of every coordinate, from what the configuration states and what the evidence chooses where it says
auto."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import BinnConfig
from binn_cli.models.binn.bases.base import Basis, per_dimension
from binn_cli.models.binn.bases.build import build_basis, build_mirrored
from binn_cli.models.binn.bases.chidenn import Patch
from binn_cli.models.binn.bases.mirrored import FREE
from binn_cli.models.binn.bases.stretched import stretch
from binn_cli.models.binn.hyperparameters.evidence import Choice, choose_count, choose_scale

CENTERS_PER_LENGTH = 2.0
"""Automatic centres per length scale: the kernel of the basis then ripples by less than round-off."""

PADDING_LENGTHS = 6.0
"""Automatic padding in length scales: what lies farther out is exp(-18) at the boundary."""

MOST_FUNCTIONS = 64
"""Different values of a coordinate beyond which more of them ask for no more functions."""

MOST_CENTERS, MOST_PADDING = 512, 64
"""Limits on what a stated length far too short or too long can ask for."""


@dataclass(frozen=True)
class Stated:
    """What the configuration says of every coordinate, the word auto included.

    Attributes:
        kinds, centers, lengths, padding, rates: one entry per coordinate.
        unit: of the lengths, `spacing` or `input`.
        patch: how chidenn interpolates.
        tune: whether the evidence chooses whatever is stated.
    """

    kinds: list[str]
    centers: list[int | str]
    lengths: list[float | str]
    padding: list[int | str]
    rates: list[float | str]
    unit: str
    patch: Patch
    tune: bool

    @classmethod
    def of(cls, config: BinnConfig, inputs: Sequence[str]) -> Stated:
        """What the configuration says for these inputs."""
        free = ["auto"] * len(inputs)

        def said(key: str, value: object) -> list:
            stated = per_dimension(f"model.{key}", value, inputs)
            return list(free) if config.tune and key != "basis" else stated

        return cls(
            per_dimension("model.basis", config.basis, inputs),
            said("centers", config.centers),
            said("length", config.length),
            said("padding", config.padding),
            said("stretch", config.stretch),
            config.length_unit,
            Patch(config.patch, config.order, config.dilation),
            config.tune,
        )

    def open(self, d: int) -> bool:
        """Whether the data have to choose something for coordinate d."""
        return self.tune or self.rates[d] == "auto" or (self.kinds[d] == "gaussian" and self.lengths[d] == "auto")

    def free(self, d: int) -> bool:
        """Whether length, centres and padding of coordinate d are all the data's choice."""
        return self.tune or all(own[d] == "auto" for own in (self.lengths, self.centers, self.padding))


@dataclass(frozen=True)
class Chosen:
    """The basis of one coordinate and how it came about.

    Attributes:
        basis: the basis.
        length: its length scale in units of the domain, NaN for a basis that has none.
        rate: rate of its logarithmic coordinate.
        trace: named tables of the candidates and their log evidence.
    """

    basis: Basis
    length: float
    rate: float
    trace: dict[str, np.ndarray]


def choose_basis(
    stated: Stated,
    d: int,
    name: str,
    x: Float[np.ndarray, " n"],
    columns: Float[np.ndarray, "n R"] | None,
    span: float,
    distinct: int,
    shortest: float = 0.0,
) -> Chosen:
    """The basis of one coordinate.

    Args:
        stated: what the configuration says.
        d: which coordinate.
        name: its name.
        x: some of its values in units of the domain.
        columns: functions at them; None where nothing has to be chosen.
        span: range of the coordinate in its own unit.
        distinct: how many values it has.
        shortest: length that its points can show.
    """
    choice, trace = None, {}
    kind, count = stated.kinds[d], stated.centers[d]
    if stated.open(d) and columns is not None:
        choice = choose_scale(x, columns)
        choice = replace(choice, length=max(choice.length, shortest))
        trace[f"evidence_{name}"] = choice.trace
    rate = float(stated.rates[d]) if stated.rates[d] != "auto" else choice.rate if choice else 0.0
    if stated.tune and kind != "gaussian" and columns is not None and columns.size:
        count, trace[f"evidence_centers_{name}"] = choose_count(kind, stated.patch, stretch(x, rate), columns)
    size = _sizes(kind, count, stated.padding[d], stated.lengths[d], stated.unit, span, distinct, choice)
    basis = build_basis(kind, *size, rate, stated.patch)
    return Chosen(basis, size[2] if kind == "gaussian" else np.nan, rate, trace)


def basis_of_length(length: float, rate: float, ends: tuple[int, int] = (FREE, FREE)) -> Basis:
    """The Gaussian basis that `auto` builds for a length and a rate, or for what the functions are at the ends."""
    sizes = _sizes("gaussian", "auto", "auto", "auto", "spacing", 1.0, 2, Choice(rate, length, np.zeros((0, 3))))
    return build_mirrored(*sizes, ends) if any(ends) else build_basis("gaussian", *sizes, rate)


def _sizes(
    kind: str,
    centers: int | str,
    padding: int | str,
    length: float | str,
    unit: str,
    span: float,
    distinct: int,
    choice: Choice | None,
) -> tuple[int, int, float]:
    """Centres inside, padding beyond each end, and length in units of the domain, for one coordinate."""
    if kind != "gaussian":
        count = int(np.clip(distinct, 2, MOST_FUNCTIONS)) if centers == "auto" else int(centers)
        return count, 0 if padding == "auto" else int(padding), np.nan
    if length == "auto":
        size = choice.length if choice else 0.5
        count = int(np.ceil(CENTERS_PER_LENGTH / size)) + 1 if centers == "auto" else int(centers)
    elif unit == "input":
        size = float(length) / span
        count = min(int(np.ceil(CENTERS_PER_LENGTH / size)) + 1, MOST_CENTERS) if centers == "auto" else int(centers)
    else:
        count = int(np.clip(distinct, 2, 32)) if centers == "auto" else int(centers)
        size = float(length) / (count - 1)
    count = max(count, 2)
    automatic = min(int(np.ceil(PADDING_LENGTHS * size * (count - 1))), MOST_PADDING)
    return count, automatic if padding == "auto" else int(padding), size
