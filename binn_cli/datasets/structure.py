"""Structure that a plain table has though nobody said so: every combination of the points of several axes.

Columns belong to one axis if they vary together. In a grid every column has an axis of its own; on a mesh, and among
the parameters of simulations, several columns share one. Rows may stand in any order, and up to half of the
combinations may be missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from binn_cli.datasets.product import Axis
from binn_cli.errors import ConfigError

ROUND_OFF = 1e-9
"""Share of a column's range within which two values are one, which differ by how they were written."""
LEAST_OBSERVED = 0.5
"""Share of all combinations that must be there."""
NEARLY_ALL = 0.85
"""Share of the pairs of values of two columns that single missing rows leave, where whole simulations that are missing
leave fewer."""
FEWEST_CASES = 4
"""Cases below which none can be kept for the test: rows are."""
ROWS_OF_A_CASE = 8
"""Rows of a simulation on average, below which nobody who has not said so has simulations with a field each."""
FEWEST_ROWS = 6
LEAST_REPEATED = 1.5
"""Rows that each point of an axis must have on average."""
TABLE = 8
"""Entries a row of the largest table of combinations."""
FIELD = re.compile(
    r"(x|y|z|r|s|t|theta|phi|xi|eta|zeta|radius|time|times|lat|lon|latitude|longitude|height|depth|node|cell|element|frequency|freq|wavelength)"
    r"([ _-]?(coord|coordinate|position|pos))?|(coords?|coordinates?|points?|position|pos|nodes?)[:_\- ]*[0-2xyz]",
    re.IGNORECASE,
)
"""Names, without unit, of where and when a field is known; other columns then say which simulation it is."""


@dataclass(frozen=True)
class Structure:
    """A table as a product.

    Attributes:
        columns: which inputs each axis has.
        indices: for each axis which of its points every row has.
        points: (n_a, D_a) the points of each axis.
        has_cases: whether the last axis is the cases, of which some are kept for the test; rows are otherwise.
    """

    columns: tuple[tuple[int, ...], ...]
    indices: tuple[Int[np.ndarray, " N"], ...]
    points: tuple[Float[np.ndarray, "n D"], ...]
    has_cases: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of points of each axis."""
        return tuple(len(points) for points in self.points)

    @property
    def share(self) -> float:
        """Share of the combinations that have a row."""
        return len(self.indices[0]) / math.prod(self.shape)

    @property
    def flat(self) -> Int[np.ndarray, " N"]:
        """Place of every row among all combinations, in C order."""
        return np.ravel_multi_index(self.indices, self.shape)

    def axes(self, names: Sequence[str], units: Sequence[str]) -> tuple[Axis, ...]:
        """The axes under the names and units of the inputs."""
        found = []
        for a, (own, points) in enumerate(zip(self.columns, self.points, strict=True)):
            last = self.has_cases and a == len(self.columns) - 1
            name = "case" if last else names[own[0]] if len(own) == 1 else "node"
            found.append(Axis(name, points, tuple(names[k] for k in own), tuple(units[k] for k in own)))
        return tuple(found)

    def spread(
        self, y: Float[np.ndarray, "N L"], rows: Int[np.ndarray, " n"] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Outputs at every combination, NaN where there is no row, and which have one; of the given rows alone, or of
        all."""
        chosen = slice(None) if rows is None else rows
        values = np.full((math.prod(self.shape), y.shape[1]), np.nan)
        values[self.flat[chosen]] = y[chosen]
        values = values.reshape(*self.shape, y.shape[1])
        return values, np.isfinite(values[..., 0])

    @property
    def text(self) -> str:
        """In words: `3 grid axes × 55 cases`."""
        fields = self.columns[: len(self.columns) - self.has_cases]
        grid = sum(len(own) == 1 for own in fields)
        parts = [f"{grid} grid {'axis' if grid == 1 else 'axes'}"] if grid else []
        parts += [f"a mesh of {n:,} points" for own, n in zip(fields, self.shape, strict=False) if len(own) > 1]
        parts += [f"{self.shape[-1]:,} cases"] if self.has_cases else []
        sizes = " × ".join(f"{n:,}" for n in self.shape)
        missing = "" if self.share == 1 else f", {100 * self.share:.3g} % of the combinations there"
        return " × ".join(parts) + f" ({sizes}{missing})"


def found_structure(x: Float[np.ndarray, "N D"], names: Sequence[str], cases: Sequence[str] = ()) -> Structure | None:
    """The product that a table is, or None where it is scattered.

    Args:
        x: inputs.
        names: their names, which tell places and times from parameters of simulations.
        cases: names of the inputs that say which simulation a row is of; found where empty.

    Raises:
        ConfigError: if `cases` names what is no input, or inputs that cannot be told from the others.
    """
    _require_inputs(names, cases)
    n = len(x)
    if n < FEWEST_ROWS or x.shape[1] < 2 or looks_scattered(x):
        return None
    columns = _Columns.of(x)
    varying = tuple(k for k in range(x.shape[1]) if columns.count((k,)) > 1)
    if len(varying) < 2 or columns.count(varying) < n:
        return None  # some rows are of one place: measured again, or of simulations that no input tells apart
    groups = _groups(columns, varying, names)
    if groups is None:
        return None
    groups, has_cases = _with_cases_last(columns, groups, names, cases)
    constant = tuple(k for k in range(x.shape[1]) if k not in varying)
    groups = (*groups[:-1], (*groups[-1], *constant))
    indices, points = zip(*map(columns.points, groups), strict=True)
    found = Structure(groups, indices, points, has_cases)
    return found if found.share >= LEAST_OBSERVED and LEAST_REPEATED * max(found.shape) <= n else None


def looks_scattered(x: Float[np.ndarray, "N D"]) -> bool:
    """Whether a few rows show that no column has as few values as one of the smallest axis must have."""
    n = len(x)
    most = int(np.sqrt(n / LEAST_OBSERVED)) + 1
    rows = np.random.default_rng(0).choice(n, min(n, 4 * most), replace=False)
    return all(len(_levels(column[rows])[1]) > most for column in x.T)


def _levels(column: Float[np.ndarray, " N"]) -> tuple[Int[np.ndarray, " N"], Float[np.ndarray, " n"]]:
    """Which distinct value every row has, and the values, rising."""
    values, index = np.unique(column, return_inverse=True)
    begins = np.concatenate([[True], np.diff(values) > ROUND_OFF * (values[-1] - values[0])])
    return (index, values) if begins.all() else ((np.cumsum(begins) - 1)[index], values[begins])


Group = tuple[int, ...]
"""Columns of one axis."""


@dataclass(frozen=True)
class _Columns:
    """The columns of a table by their distinct values.

    Attributes:
        index: for each column which of its values every row has.
        values: its distinct values, rising.
    """

    index: tuple[Int[np.ndarray, " N"], ...]
    values: tuple[Float[np.ndarray, " n"], ...]

    @classmethod
    def of(cls, x: Float[np.ndarray, "N D"]) -> _Columns:
        index, values = zip(*map(_levels, x.T), strict=True)
        return cls(index, values)

    @property
    def rows(self) -> int:
        return len(self.index[0])

    def count(self, own: Group) -> int:
        """How many distinct combinations of some columns there are."""
        return len(self.values[own[0]]) if len(own) == 1 else int(self.combined(own).max()) + 1

    def combined(self, own: Group) -> Int[np.ndarray, " N"]:
        """Which distinct combination of some columns every row has, in the order of the first column, then the second
        and so on."""
        index, count = self.index[own[0]], len(self.values[own[0]])
        for k in own[1:]:
            size = len(self.values[k])
            index = index * size + self.index[k]
            if count * size <= TABLE * self.rows:  # to look up is faster than to sort
                present = np.zeros(count * size, dtype=bool)
                present[index] = True
                index = (np.cumsum(present) - 1)[index]
            else:
                index = np.unique(index, return_inverse=True)[1]
            count = int(index.max()) + 1
        return index

    def points(self, own: Group) -> tuple[Int[np.ndarray, " N"], Float[np.ndarray, "n D"]]:
        """Which point of an axis every row has, and the points."""
        index = self.combined(own)
        first = np.empty(int(index.max()) + 1, dtype=np.int64)
        first[index[::-1]] = np.arange(self.rows)[::-1]
        return index, np.column_stack([self.values[k][self.index[k][first]] for k in own])

    def pairs(self, i: int, j: int) -> int:
        """How many pairs of values two columns have, 0 where there cannot be half of all."""
        most = len(self.values[i]) * len(self.values[j])
        if most > self.rows / LEAST_OBSERVED:
            return 0
        return int(np.count_nonzero(np.bincount(self.index[i] * len(self.values[j]) + self.index[j], minlength=most)))


def _groups(columns: _Columns, varying: Group, names: Sequence[str]) -> tuple[Group, ...] | None:
    """Columns by axis: first so that no combination is missing, then so that at most half of them are; but an axis of
    places and parameters alike, as a part of a simulation that is missing leaves, only where there is nothing else."""
    mixed = None
    for groups in _possible_groups(columns, varying):
        if not any(len({is_place(names[k]) for k in own}) > 1 for own in groups):
            return groups
        mixed = mixed or groups
    return mixed


def _possible_groups(columns: _Columns, varying: Group) -> Iterator[tuple[Group, ...]]:
    for tolerated, least in ((1.0, 1.0), (NEARLY_ALL, LEAST_OBSERVED), (LEAST_OBSERVED, LEAST_OBSERVED)):
        joined = _that_vary_together(columns, varying, tolerated)
        if len(joined) > 1 and columns.rows >= least * math.prod(map(columns.count, joined)):
            yield joined
            continue
        split = _split_off(columns, joined, least)
        if len(split) > 1:
            yield split


def _that_vary_together(columns: _Columns, varying: Group, tolerated: float) -> tuple[Group, ...]:
    """Columns in groups, so that two of different groups have (nearly) all pairs of their values."""
    owner = {k: k for k in varying}
    for i, j in combinations(varying, 2):
        if owner[i] != owner[j] and columns.pairs(i, j) < tolerated * columns.count((i,)) * columns.count((j,)):
            old, new = owner[j], owner[i]
            owner = {k: new if own == old else own for k, own in owner.items()}
    return tuple(tuple(k for k in varying if owner[k] == name) for name in dict.fromkeys(owner.values()))


def _split_off(columns: _Columns, groups: tuple[Group, ...], least: float) -> tuple[Group, ...]:
    """The groups that are combined with all the rest, and the rest as one: a design of settings may have all pairs, but
    not all triples."""
    alone = []
    for own in groups:
        others = tuple(k for other in groups if other != own for k in other)
        if others and columns.rows >= least * columns.count(own) * columns.count(others):
            alone.append(own)
    rest = tuple(k for own in groups if own not in alone for k in own)
    return (*alone, rest) if rest else tuple(alone)


def _with_cases_last(
    columns: _Columns, groups: tuple[Group, ...], names: Sequence[str], stated: Sequence[str]
) -> tuple[tuple[Group, ...], bool]:
    """The groups with those of the parameters of simulations as one last one; and whether there are any."""
    if stated:
        of_cases = [own for own in groups if any(names[k] in stated for k in own)]
        others = [names[k] for own in of_cases for k in own if names[k] not in stated]
        if others:
            problem = f"names {', '.join(stated)}, but {', '.join(others)} varies together with that; name it too"
            raise ConfigError("dataset.cases", problem)
    else:
        of_cases = _found_cases(columns, groups, names)
    fields = tuple(own for own in groups if own not in of_cases)
    whole = tuple(k for own in of_cases for k in own)
    if not of_cases or not fields:
        return groups, False
    return (*fields, whole), columns.count(whole) >= FEWEST_CASES


def _found_cases(columns: _Columns, groups: tuple[Group, ...], names: Sequence[str]) -> list[Group]:
    """Groups without a name of a place or a time, if others have one; or else several parameters beside a grid, or few
    beside a mesh."""
    places = [own for own in groups if all(is_place(names[k]) for k in own)]
    if places:
        return [own for own in groups if own not in places]
    shared = [own for own in groups if len(own) > 1]
    if not shared:
        return []
    smallest = min(shared, key=columns.count)
    rest = [own for own in groups if own != smallest]
    return [smallest] if len(shared) > 1 or columns.count(smallest) <= math.prod(map(columns.count, rest)) else rest


def is_place(name: str) -> bool:
    """Whether a column is called as if it said where or when a field is known."""
    return FIELD.fullmatch(_bare(name)) is not None


def _bare(name: str) -> str:
    """A name without a unit in brackets behind it."""
    return re.sub(r"\s*[\[(].*[\])]\s*$", "", name).strip()


def grouped(
    x: Float[np.ndarray, "N D"], names: Sequence[str], cases: Sequence[str] = ()
) -> Int[np.ndarray, " N"] | None:
    """Which simulation every row of a scattered table is of, as where each has a mesh of its own; None where rows are
    all there is.

    Args:
        x: inputs.
        names: their names.
        cases: names of those that say which simulation; found where empty.

    Raises:
        ConfigError: if `cases` names what is no input, or says the same of all rows.
    """
    _require_inputs(names, cases)
    places = [k for k, name in enumerate(names) if is_place(name)]
    of_cases = [k for k, name in enumerate(names) if (name in cases if cases else k not in places)]
    if not of_cases or (not cases and not places):
        return None
    index = _Columns.of(x[:, of_cases]).combined(tuple(range(len(of_cases))))
    count = int(index.max()) + 1
    if cases and count < 2:
        raise ConfigError(
            "dataset.cases",
            f"{', '.join(cases)}: all rows have the same value; name inputs that tell simulations apart",
        )
    return index if cases or (count >= FEWEST_CASES and count * ROWS_OF_A_CASE <= len(x)) else None


def _require_inputs(names: Sequence[str], cases: Sequence[str]) -> None:
    unknown = [name for name in cases if name not in names]
    if unknown:
        raise ConfigError(
            "dataset.cases", f"names {unknown[0]!r}, which is not an input; the inputs are {', '.join(names)}"
        )
