"""What a question to a surrogate, or the solution of an equation, has given: named groups of arrays with named
dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import h5py
import numpy as np

from binn_cli.results.dimensions import TRUE_NAME, dataset, free_name, scaled_group, values_of, variables
from binn_cli.results.tree import attribute, scalar

ANSWERS = ("error_estimate", "posterior", "estimate", "sensitivity", "optimum")
"""The names that such groups may have at the top of a results file."""


@dataclass(frozen=True)
class Answer:
    """A group of arrays.

    Attributes:
        scales: coordinate values, numbers or names, by dimension; a range where nothing else is said.
        arrays: each with the names of its dimensions.
        groups: groups inside.
        attributes: what holds for the whole group.
    """

    scales: Mapping[str, Sequence | np.ndarray] = field(default_factory=dict)
    arrays: Mapping[str, tuple[np.ndarray, tuple[str, ...]]] = field(default_factory=dict)
    groups: Mapping[str, Answer] = field(default_factory=dict)
    attributes: Mapping[str, str | float | int | bool] = field(default_factory=dict)

    def __getitem__(self, name: str) -> np.ndarray:
        """The values of an array."""
        return self.arrays[name][0]

    @property
    def texts(self) -> list[str]:
        """Every name and every unit in it."""
        every = [
            np.asarray(values) for values in (*self.scales.values(), *(array for array, _ in self.arrays.values()))
        ]
        return [str(text) for values in every if values.dtype.kind in "UO" for text in values.ravel()]

    def named(self, dimension: str) -> list[tuple[str, str]]:
        """The names along a dimension, each with its unit; runs of older versions know no units."""
        names = [str(name) for name in self.scales[dimension]]
        key = f"{dimension}_units"
        units = [str(unit) for unit in self[key]] if key in self.arrays else [""] * len(names)
        return list(zip(names, units, strict=True))


def units_along(dimension: str, units: Sequence[str]) -> dict[str, tuple[np.ndarray, tuple[str, ...]]]:
    """The array of an answer that `Answer.named` reads."""
    return {f"{dimension}_units": (np.array(list(units), dtype=object), (dimension,))}


def write_answers(file: h5py.File, answers: Mapping[str, Answer]) -> None:
    """Write every group at the top of a file.

    Raises:
        ValueError: if a name is none of `ANSWERS`.
    """
    for name, answer in answers.items():
        if name not in ANSWERS:
            raise ValueError(f"{name!r} is none of {', '.join(ANSWERS)}")
        _write(file, name, answer)


def read_answers(file: h5py.File, *, inner: bool = True) -> dict[str, Answer]:
    """The groups that `write_answers` wrote.

    Args:
        file: a results file.
        inner: whether also the groups inside of these are read, which hold what is large: fields and draws.
    """
    return {name: _read(file[name], inner) for name in ANSWERS if name in file}


def _write(parent: h5py.Group, name: str, answer: Answer) -> None:
    scales = dict(answer.scales)
    for values, dimensions in answer.arrays.values():
        for dimension, length in zip(dimensions, np.shape(values), strict=True):
            scales.setdefault(dimension, np.arange(length))
    group = scaled_group(parent, name, {key: _texts(values) for key, values in scales.items()})
    for key, (values, dimensions) in answer.arrays.items():
        plain = free_name(group, key)
        created = dataset(group, plain, values, dimensions)
        if plain != key:
            created.attrs[TRUE_NAME] = key
    for key, value in answer.attributes.items():
        group.attrs[key] = attribute(value, f"{name}/{key}")
    for key, inner in answer.groups.items():
        _write(group, key, inner)


def _read(group: h5py.Group, inner: bool) -> Answer:
    found = variables(group)
    arrays = {
        str(item.attrs.get(TRUE_NAME, name)): (
            values_of(item),
            tuple(str(dim[0].name).rsplit("/", 1)[-1] for dim in item.dims),
        )
        for name, item in found.items()
    }
    scales = {name: values_of(item) for name, item in group.items() if isinstance(item, h5py.Dataset) and item.is_scale}
    groups = {name: _read(item, inner) for name, item in group.items() if inner and isinstance(item, h5py.Group)}
    return Answer(scales, arrays, groups, {key: scalar(value) for key, value in group.attrs.items()})


def _texts(values: Sequence | np.ndarray) -> np.ndarray:
    array = np.asarray(values)
    return array.astype(object) if array.dtype.kind in "UO" else array
