"""The protocol of every data set: a pool of cases that are labelled on request, and the splits that a model is judged
on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from binn_cli.datasets.calls import NO_ROUND, Calls
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import RowChunks

if TYPE_CHECKING:
    from binn_cli.datasets.simulator.constraints import Constraints
    from binn_cli.datasets.simulator.space import Space

Announce = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and how many there are."""


def silent(message: str, done: int, total: int) -> None:
    """Announce nothing."""


@runtime_checkable
class Dataset(Protocol):
    """Cases along a last axis, each a slab of values over the other axes.

    Attributes:
        name: the option of the `dataset` group.
        size_parameter: the configuration leaf of this group that the scaling task varies.
        initial_cases: how many cases active learning starts from, unless the task says otherwise.
        note: what every view must say of the data beside their name, such as "synthetic"; mostly empty.
    """

    name: str
    size_parameter: str
    initial_cases: int
    note: str

    @property
    def candidates(self) -> Axis:
        """The case axis with every candidate, held-out ones included."""
        ...

    @property
    def held_out(self) -> tuple[int, ...]:
        """Rows of `candidates` that are kept for the test split and never offered for training."""
        ...

    @property
    def order(self) -> Int[np.ndarray, " n"]:
        """All rows of `candidates` that may be trained on, in the seeded random order in which they are drawn;
        read-only."""
        ...

    def label(self, cases: Sequence[int] | np.ndarray, announce: Announce = silent) -> ProductData:
        """The data of the given rows of `candidates`, simulated or taken from a cache."""
        ...

    def training(self, announce: Announce = silent) -> ProductData:
        """The training split of the `regress` task: the first cases of `order`."""
        ...

    def evaluation(self, announce: Announce = silent) -> Mapping[str, ProductData]:
        """The splits that are predicted but never trained on: `test` and, where there is one, `offgrid`."""
        ...


@dataclass(frozen=True)
class SurfaceCase:
    """One case on a triangulated surface.

    Attributes:
        name: the case.
        points: (n, 3) coordinates of the corners.
        triangles: (t, 3) rows of `points`.
        data: the fields, on an axis of the n points and an axis of this one case.
    """

    name: str
    points: Float[np.ndarray, "n 3"]
    triangles: Int[np.ndarray, "t 3"]
    data: ProductData


@runtime_checkable
class OnSurface(Protocol):
    """A data set whose fields live on a surface that can be drawn."""

    def surface(self, announce: Announce = silent) -> SurfaceCase:
        """A test case on the whole surface."""
        ...


@runtime_checkable
class Identified(Protocol):
    """A data set whose values depend on more than its configuration and the seed."""

    def identity(self) -> dict[str, str]:
        """Names to digests or versions: `{"dataset.path": "sha256:9f86…"}`; a file's content counts, not where or when
        it was written."""
        ...


def identity_of(dataset: object) -> dict[str, str]:
    """What the values of a data set depend on beside its configuration; empty for formulas."""
    return dict(dataset.identity()) if isinstance(dataset, Identified) else {}


@runtime_checkable
class HasFields(Protocol):
    """A data set whose cases may be fields at points of their own, so that a case that nobody has seen has none."""

    def field_axes(self) -> tuple[Axis, ...]:
        """The points at which such a case is judged, those of another; none where a candidate is a single row."""
        ...


@runtime_checkable
class SaysWhatWasRead(Protocol):
    """A data set out of files, in which something may be other than the user believes."""

    def reading(self, announce: Announce = silent) -> str:
        """One line on what was read: inputs, outputs, units, rows, and what was left out and why."""
        ...


def reading_of(dataset: object, announce: Announce = silent) -> str:
    """What was read, in one line; empty for data sets that read no file of the user's."""
    return dataset.reading(announce) if isinstance(dataset, SaysWhatWasRead) else ""


@runtime_checkable
class StreamsRows(Protocol):
    """A data set whose training rows may be too many for memory."""

    def rows(self) -> RowChunks | None:
        """The training rows to be read in chunks, or None where `training` gives them all at once."""
        ...

    def evaluation_rows(self) -> Mapping[str, RowChunks]:
        """The splits of `evaluation`, likewise to be read in chunks."""
        ...

    def remarks(self) -> tuple[str, ...]:
        """What must be said of these rows once they have been read, such as that there are more by now."""
        ...


@runtime_checkable
class StatesRanges(Protocol):
    """A data set of which the user may say how far its inputs will reach."""

    def stated_ranges(self, inputs: Sequence[str]) -> Float[np.ndarray, "D 2"]:
        """Smallest and largest value of each input that the surrogate will ever be asked about, NaN where nothing is
        said.

        Raises:
            ConfigError: if a range is stated for what is not one of the inputs.
        """
        ...


@runtime_checkable
class AsksSolver(Protocol):
    """A data set whose cases are computed by a program of the user's, which may fail.

    Attributes:
        by_hand: whether somebody else runs the program, so that nothing can be computed here.
        is_finite: whether there is a list of candidates; anything in the ranges is possible otherwise.
        space: the parameters.
        constraints: what every case fulfils.
    """

    by_hand: bool
    is_finite: bool
    space: Space
    constraints: Constraints

    @property
    def candidates(self) -> Axis:
        """See `Dataset`."""
        ...

    @property
    def known_rows(self) -> tuple[int, ...]:
        """The rows of cases whose results the user has given beforehand."""
        ...

    @property
    def calls(self) -> Calls:
        """What became of every case that was asked for so far."""
        ...

    def begin_with(self, count: int) -> tuple[int, ...]:
        """The rows of so many cases to begin with, those whose results are known among them."""
        ...

    def admitted(self, points: Float[np.ndarray, "*n D"]) -> tuple[int, ...]:
        """The rows of cases, which become candidates where they are none."""
        ...

    def answered(self, cases: Sequence[int], announce: Announce = silent, number: int = NO_ROUND) -> ProductData | None:
        """The data of those of some cases that have an answer, None where none has; `number` is the round that asks."""
        ...

    def no_answer(self, cases: Sequence[int]) -> str:
        """The sentence about cases none of which has an answer."""
        ...
