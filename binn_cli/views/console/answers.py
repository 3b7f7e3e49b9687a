"""What was asked of a run's surrogate, as tables: estimates, indices, the optimum."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from rich.console import RenderableType
from rich.markup import escape
from rich.text import Text

from binn_cli.results.answers import Answer
from binn_cli.results.record import RunRecord
from binn_cli.views.console import quantities
from binn_cli.views.console.layout import headed

MOST = 30
"""Rows of a table at most: targets, or pairs of inputs."""


def inverse(record: RunRecord) -> Sequence[RenderableType]:
    """Every unknown with its error bar, of every target."""
    answer = record.answers.get("estimate")
    if answer is None:
        return []
    targets = answer.scales.get("target")
    table = headed(
        (*(["target"] if targets is not None else []), "unknown"),
        ("mean ± std", "95 %\nfrom", "to", "most\nprobable"),
    )
    columns = [np.asarray(answer[name]) for name in ("mean", "std", "interval_95", "mode")]
    if targets is None:
        columns = [column[None] for column in columns]
    for j, rows in enumerate(zip(*columns, strict=True)):
        if j == MOST:
            break
        for i, (name, unit) in enumerate(answer.named("unknown")):
            mean, std, interval, mode = (row[i] for row in rows)
            label = [] if targets is None else [quantities.coordinate(float(targets[j]))]
            table.add_row(
                *label, escape(quantities.named(name, unit)), quantities.with_error(mean, std),
                *(quantities.coordinate(float(value)) for value in (*interval, mode)),
            )  # fmt: skip
    more = f"and {len(columns[0]) - MOST} targets more; " if len(columns[0]) > MOST else ""
    r_hat, ess = np.nanmax(answer["r_hat"]), np.nanmin(answer["ess"])
    chains = f"{more}R-hat at most {r_hat:.3f}, at least {ess:,.0f} effective draws"
    return [table, Text(chains, style="dim")]


def sensitivity(record: RunRecord) -> Sequence[RenderableType]:
    """First-order and total indices of every input for every output, and the largest pairs."""
    answer = record.answers.get("sensitivity")
    if answer is None:
        return []
    inputs, outputs = list(answer.scales["input"]), list(answer.scales["output"])
    several = len(outputs) > 1
    table = headed((*(["output"] if several else []), "input"), ("first order", "total", "total\n95 % from", "to"))
    for j, output in enumerate(outputs):
        for i in np.argsort(-np.nan_to_num(answer["total"][:, j]), kind="stable"):
            first, total = ((answer[n][i, j], answer[f"{n}_std"][i, j]) for n in ("first_order", "total"))
            low, high = answer["total_interval_95"][i, j]
            table.add_row(
                *([escape(str(output))] if several else []), escape(str(inputs[i])), _index(*first), _index(*total),
                _share(low), _share(high),
            )  # fmt: skip
    return [table, *_pairs(answer, inputs, outputs)]


def _share(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else quantities.MISSING


def _index(value: float, std: float) -> str:
    return f"{value:.3f} ± {std:.3f}" if np.isfinite(value) else quantities.MISSING


def _pairs(answer: Answer, inputs: Sequence, outputs: Sequence) -> list[RenderableType]:
    if "second_order" not in answer.arrays:
        return []
    values, stds = answer["second_order"], answer["second_order_std"]
    found = [
        (values[i, k, j], stds[i, k, j], i, k, j)
        for j in range(len(outputs))
        for i in range(len(inputs))
        for k in range(i)
        if np.isfinite(values[i, k, j]) and values[i, k, j] > 0.005
    ]
    if not found:
        return [Text("no pair of inputs acts together by more than 0.5 % of the variance", style="dim")]
    table = headed((*(["output"] if len(outputs) > 1 else []), "pair of inputs"), ("second order",))
    for value, std, i, k, j in sorted(found, key=lambda entry: -entry[0])[:MOST]:
        name = f"{inputs[k]}, {inputs[i]}"
        table.add_row(*([escape(str(outputs[j]))] if len(outputs) > 1 else []), escape(name), _index(value, std))
    return [table]


def optimize(record: RunRecord) -> Sequence[RenderableType]:
    """The best inputs and the output there, with their uncertainty."""
    answer = record.answers.get("optimum")
    if answer is None:
        return []
    table = headed(("at the optimum",), ("value", "95 % interval\nfrom", "to"))
    for dimension, value, std, style in (("input", "inputs", "inputs_std", ""), ("output", "mean", "std", "bold")):
        intervals = answer["inputs_interval_95" if dimension == "input" else "interval_95"]
        for i, (name, unit) in enumerate(answer.named(dimension)):
            shown = quantities.with_error(answer[value][i], answer[std][i])
            ends = (quantities.coordinate(end) for end in intervals[i])
            table.add_row(escape(quantities.named(name, unit)), shown, *ends, style=style)
    return [table]


TABLES: dict[str, Callable[[RunRecord], Sequence[RenderableType]]] = {
    "inverse": inverse,
    "sensitivity": sensitivity,
    "optimize": optimize,
}
"""The tables of the tasks that ask a run."""


def as_plain(record: RunRecord) -> dict[str, object]:
    """The answers but for draws and fields as plain values: lists by name, with the names along every dimension."""
    kept = {name: answer for name, answer in record.answers.items() if name != "posterior"}
    return {name: _plain(answer) for name, answer in kept.items()}


def _plain(answer: Answer) -> dict[str, object]:
    scales = {name: [_value(v) for v in np.asarray(values).tolist()] for name, values in answer.scales.items()}
    arrays = {
        name: {"dimensions": list(dimensions), "values": _nested(np.asarray(values))}
        for name, (values, dimensions) in answer.arrays.items()
    }
    return {"dimensions": scales, **arrays}


def _nested(array: np.ndarray) -> object:
    if array.ndim == 0:
        return _value(array.item())
    return [_nested(part) for part in array]


def _value(value: object) -> object:
    return None if isinstance(value, float) and not np.isfinite(value) else value
