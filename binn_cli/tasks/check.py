"""Look at data without fitting: ranges, duplicates, columns that tell nothing, and how far the test lies outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import TableConfig
from binn_cli.datasets.columns.table_reader import TableReport, read_table, refusal
from binn_cli.datasets.dataset import Announce, Dataset, reading_of, silent
from binn_cli.datasets.product import ProductData
from binn_cli.datasets.table import Table, reading_options
from binn_cli.errors import BinnError
from binn_cli.results.data_check import ColumnCheck, DataCheck, Outside

ROWS_AT_ONCE = 2**16
FAR = 10.0
"""How many times the range of all other values an extreme that repeats must lie away to be taken for a mark of missing
values."""
EQUAL = 1e-12
"""One less the correlation of two inputs above which one tells nothing that the other does not."""
MOST_INPUTS = 100
"""Inputs above which pairs are not compared."""


def checked(dataset: Dataset, announce: Announce = silent) -> DataCheck:
    """What was found in a data set.

    Raises:
        BinnError: if it cannot be read at all.
    """
    if not isinstance(dataset, Table):
        return _splits(dataset, DataCheck(dataset.name, reading_of(dataset, announce), "", 0, 0, 0, ()), announce)
    config = dataset.config
    # Rows that lack a number are counted here rather than refused.
    dataset = Table(replace(config, missing="drop"), dataset.seed)
    if not config.outputs:
        content = read_table(
            dataset.path, reading_options(config), config.inputs, (), drop_missing=True, outputs_needed=False
        )
        report = content.report
        columns = _columns(content.x, report.inputs, "number", report.missing)
        remark = "name the columns that are outputs with dataset.outputs=[…]; all others are then inputs"
        remarks = (*_alike(content.x, tuple(report.inputs)), remark)
        return DataCheck(
            dataset.name, report.line, "", report.rows, 0, 0, columns, refused=_refused(config, report), remarks=remarks
        )
    report = dataset.report
    begun = DataCheck(
        dataset.name,
        dataset.reading(announce),
        dataset.structure,
        report.rows,
        0,
        0,
        (),
        refused=_refused(config, report),
    )
    if config.stream:
        return _streamed(dataset, begun)
    content = dataset.content
    inputs = _columns(content.x, report.inputs, "input", report.missing)
    outputs = _columns(content.y, report.outputs, "output", report.missing)
    same, other = _repeated(content.x, content.y)
    remarks = (*_alike(content.x, tuple(report.inputs)), *_told_repeated(same, other))
    begun = replace(begun, columns=(*inputs, *outputs), same_inputs=same, other_outputs=other, remarks=remarks)
    return _splits(dataset, begun, announce)


def _refused(config: TableConfig, report: TableReport) -> str:
    return (
        refusal(report.path, report.why_dropped, report.dropped, report.rows)
        if config.missing == "refuse" and report.dropped
        else ""
    )


def _splits(dataset: Dataset, begun: DataCheck, announce: Announce) -> DataCheck:
    """With what the splits tell."""
    try:
        train, test = dataset.training(announce), dataset.evaluation(announce)["test"]
    except BinnError as error:
        return replace(begun, refused=begun.refused or str(error))
    columns = begun.columns
    if not columns:
        (x, y), units = train.table(), [unit for axis in train.axes for unit in axis.units]
        columns = (
            *_columns(x, dict(zip(train.inputs, units, strict=True)), "input", {}),
            *_columns(y, dict(zip(train.outputs, train.output_units, strict=True)), "output", {}),
        )
    outside, count = _outside(_reach(train), test)
    rows = begun.rows or train.n_observed + test.n_observed
    return replace(
        begun,
        rows=rows,
        columns=columns,
        n_train=train.n_observed,
        n_test=test.n_observed,
        outside=outside,
        n_outside=count,
    )


def _streamed(dataset: Table, begun: DataCheck) -> DataCheck:
    """The same of rows that are read in chunks: without what would take all of them in memory."""
    rows, report = dataset.rows(), dataset.report
    assert rows is not None
    low, high = (np.full(len(report.inputs) + len(report.outputs), limit) for limit in (np.inf, -np.inf))
    for chunk in rows.chunks(ROWS_AT_ONCE):
        table = np.concatenate(chunk, axis=1)
        low, high = np.minimum(low, table.min(axis=0)), np.maximum(high, table.max(axis=0))
    roles = [*("input",) * len(report.inputs), *("output",) * len(report.outputs)]
    units = {**report.inputs, **report.outputs}
    columns = tuple(
        ColumnCheck(name, unit, role, float(a), float(b), None, remarks=_constant(float(a), float(b), role))
        for (name, unit), role, a, b in zip(units.items(), roles, low, high, strict=True)
    )
    test = dataset.evaluation()["test"]
    count = len(report.inputs)
    outside, many = _outside(np.stack([low[:count], high[:count]], axis=1), test)
    remark = "the rows are read in chunks, so that nobody has looked for rows that repeat or inputs that are alike"
    return replace(
        begun,
        columns=columns,
        n_train=rows.n_points,
        n_test=test.n_observed,
        same_inputs=None,
        outside=outside,
        n_outside=many,
        remarks=(remark,),
    )


def _columns(
    table: Float[np.ndarray, "N k"], units: Mapping[str, str], role: str, missing: Mapping[str, int]
) -> tuple[ColumnCheck, ...]:
    found = []
    for (name, unit), column in zip(units.items(), table.T, strict=True):
        values, counts = np.unique(column, return_counts=True)
        low, high = float(values[0]), float(values[-1])
        remarks = (*_constant(low, high, role), *_mark_of_missing(values, counts))
        found.append(ColumnCheck(name, unit, role, low, high, len(values), missing.get(name, 0), remarks))
    return tuple(found)


def _constant(low: float, high: float, role: str) -> tuple[str, ...]:
    if low != high:
        return ()
    return ("constant: nothing to learn",) if role == "output" else ("constant: tells nothing",)


def _mark_of_missing(values: Float[np.ndarray, " n"], counts: np.ndarray) -> tuple[str, ...]:
    """A word on an extreme value that stands in several rows, far from all others, such as -999."""
    if len(values) < 4:
        return ()
    for extreme, rest in ((0, values[1:]), (-1, values[:-1])):
        span, value = rest[-1] - rest[0], values[extreme]
        gap = min(abs(value - rest[0]), abs(value - rest[-1]))
        if counts[extreme] > 1 and gap > FAR * span > 0:
            stated = f"dataset.missing_values=[{value:g}]"
            return (
                f"{value:g} stands {counts[extreme]:,} times, far from all others; if it means missing, say {stated}",
            )
    return ()


def _alike(x: Float[np.ndarray, "N D"], names: Sequence[str]) -> tuple[str, ...]:
    """A word on every input that is a straight line of one before it."""
    span = np.ptp(x, axis=0)
    varying = np.flatnonzero(span > 0)
    if len(x) < 3 or len(varying) > MOST_INPUTS or len(varying) < 2:
        return ()
    scaled = (x[:, varying] - x[:, varying].mean(axis=0)) / span[varying]
    correlation = np.abs(np.corrcoef(scaled.T))
    told = []
    for j in range(1, len(varying)):
        same = [i for i in range(j) if correlation[i, j] > 1 - EQUAL]
        if same:
            told.append(
                f"{names[varying[j]]} is a straight line of {names[varying[same[0]]]}, and tells nothing more as an "
                f"input"
            )
    return tuple(told)


def _repeated(x: Float[np.ndarray, "N D"], y: Float[np.ndarray, "N L"]) -> tuple[int, int]:
    """How many rows have inputs that another one has, and how many of these have other outputs than the first with the
    same inputs."""
    import pandas as pd

    inputs = pd.DataFrame(np.ascontiguousarray(x))
    repeated = inputs.duplicated(keep=False).to_numpy()
    if not repeated.any():
        return 0, 0
    group = inputs[repeated].groupby(list(inputs.columns), sort=False).ngroup().to_numpy()
    first = np.unique(group, return_index=True)[1]
    return int(repeated.sum()), int((y[repeated] != y[repeated][first[group]]).any(axis=1).sum())


def _told_repeated(same: int, other: int) -> tuple[str, ...]:
    if not same:
        return ()
    rows = f"{same:,} rows have the same inputs as another row"
    if not other:
        return (f"{rows}, and the same outputs: copies of rows make intervals too narrow",)
    return (f"{rows}; {other:,} of them have other outputs: noise, or an input that is missing",)


def _reach(data: ProductData) -> Float[np.ndarray, "D 2"]:
    return np.concatenate([np.stack([axis.points.min(axis=0), axis.points.max(axis=0)], axis=1) for axis in data.axes])


def _outside(reach: Float[np.ndarray, "D 2"], test: ProductData) -> tuple[tuple[Outside, ...], int]:
    """Which inputs of the test go beyond the range of the training, and how many points do."""
    points, _ = test.table()
    span = np.where(reach[:, 1] > reach[:, 0], reach[:, 1] - reach[:, 0], 1.0)
    beyond = np.maximum(np.maximum(reach[:, 0] - points, points - reach[:, 1]), 0.0)
    told = [
        Outside(name, int(np.count_nonzero(column)), float(column.max() / width))
        for name, column, width in zip(test.inputs, beyond.T, span, strict=True)
        if column.any()
    ]
    return tuple(told), int(np.count_nonzero(beyond.any(axis=1)))
