"""A comparison as CSV, JSON, LaTeX or Parquet, with every digit."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from binn_cli import __version__
from binn_cli.errors import BinnError, MissingExtraError
from binn_cli.views.compare.summary import BEST, NEAR, Comparison, Mean, Row
from binn_cli.views.compare.table import label_of, mean_text
from binn_cli.views.output_file import write_output

FORMATS = ("csv", "json", "latex", "parquet")


def export(comparison: Comparison, kind: str, path: Path) -> None:
    """Write a comparison, whole or not at all; `-` stands for stdout.

    Args:
        comparison: what to write.
        kind: one of `FORMATS`.
        path: the file.

    Raises:
        BinnError: if it cannot be written, or what Parquet needs is not installed.
    """
    content = {"csv": _csv, "json": _json, "latex": _latex, "parquet": _parquet}[kind](comparison)
    if str(path) == "-":
        if kind == "parquet":
            raise BinnError("--parquet: needs the name of a file, for a terminal cannot show it")
        print(content.decode(), end="")
        return
    write_output(path, content)


def flat_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One dictionary for each row, all with the same keys; what is not known is None."""
    return [_flat(row, comparison) for row in comparison.rows]


def _flat(row: Row, comparison: Comparison) -> dict[str, Any]:
    flat: dict[str, Any] = {**row.keys, "output": row.output, "runs": len(row.runs), "side_by_side": row.side_by_side}
    for split, metric in comparison.cells:
        mean, name = row.metrics.get((split, metric)), f"{split}_{metric}"
        flat |= _of_mean(name, mean)
        flat[f"{name}_mark"] = row.marks.get((split, metric))
    for phase in _phases(comparison):
        flat |= _of_mean(f"{phase}_seconds", row.timings.get(phase))
    return flat


def _of_mean(name: str, mean: Mean | None) -> dict[str, Any]:
    if mean is None:
        return {name: None, f"{name}_se": None, f"{name}_n": 0}
    return {name: mean.value, f"{name}_se": mean.error, f"{name}_n": mean.n}


def _phases(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(phase for row in comparison.rows for phase in row.timings))


def _csv(comparison: Comparison) -> bytes:
    rows = flat_rows(comparison)
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {name: label_of(value) if isinstance(value, bool) else value for name, value in row.items()} for row in rows
        )
    return text.getvalue().encode()


def _json(comparison: Comparison) -> bytes:
    rows = [
        {
            "keys": dict(row.keys),
            "dataset": row.dataset,
            "output": row.output,
            "runs": [str(run.directory) for run in row.runs],
            "seeds": [run.head.seed for run in row.runs],
            "side_by_side": row.side_by_side,
            "metrics": {split: _metrics_of(row, split) for split in dict.fromkeys(split for split, _ in row.metrics)},
            "timings": {phase: _plain(mean) for phase, mean in row.timings.items()},
        }
        for row in comparison.rows
    ]
    others = [
        {
            "run": None if fate.directory is None else str(fate.directory),
            "job": fate.job,
            "overrides": list(fate.overrides),
            "fate": fate.status,
            "reason": fate.reason,
        }
        for fate in comparison.gathered.others
    ]
    whole = {"schema": "binn-comparison/1", "program_version": __version__, "columns": comparison.columns, "rows": rows}
    whole |= {"not_compared": others, "notes": comparison.notes}
    return (json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _metrics_of(row: Row, split: str) -> dict[str, Any]:
    return {
        metric: {**_plain(mean), "mark": row.marks.get((s, metric))}
        for (s, metric), mean in row.metrics.items()
        if s == split
    }


def _plain(mean: Mean) -> dict[str, Any]:
    return {"mean": mean.value, "standard_error": mean.error, "n": mean.n}


def _latex(comparison: Comparison) -> bytes:
    """A booktabs table: the best in bold face, what is within its error underlined."""
    several = len(comparison.outputs) > 1
    keys = [*comparison.columns, *(["output"] if several else [])]
    headings = [*keys, "runs", *(f"{split} {metric}" for split, metric in comparison.cells)]
    lines = [
        "% needs \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{{'l' * len(keys)}{'r' * (len(headings) - len(keys))}}}",
        "\\toprule",
        " & ".join(map(_escaped, headings)) + " \\\\",
        "\\midrule",
    ]
    for row in comparison.rows:
        cells = [_escaped(label_of(value)) for value in row.keys.values()] + ([_escaped(row.output)] if several else [])
        cells += [str(len(row.runs)), *(_latex_cell(row, cell) for cell in comparison.cells)]
        lines.append(" & ".join(cells) + " \\\\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""]).encode()


def _latex_cell(row: Row, cell: tuple[str, str]) -> str:
    text = _escaped(mean_text(row.metrics.get(cell), cell[1], len(row.runs))).replace("±", "$\\pm$").replace("–", "--")
    command = {BEST: "textbf", NEAR: "underline"}.get(row.marks.get(cell, ""))
    return f"\\{command}{{{text}}}" if command else text


_LATEX = {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _parquet(comparison: Comparison) -> bytes:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise MissingExtraError("parquet", "--parquet") from error
    rows = flat_rows(comparison)
    columns = {name: _one_kind([row[name] for row in rows]) for name in rows[0]} if rows else {}
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


def _one_kind(values: list[Any]) -> list[Any]:
    """A column has one type: text where numbers and text stand beside each other, as in a key that may be `auto`."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} or len(kinds) < 2:
        return (
            [float(value) for value in values]
            if kinds == {int, float} and None not in values
            else _floats(values, kinds)
        )
    return [None if value is None else label_of(value) for value in values]


def _floats(values: list[Any], kinds: set[type]) -> list[Any]:
    return [None if value is None else float(value) for value in values] if kinds == {int, float} else values
