"""The page itself: one HTML file with its style, its script and its figures, which asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
import shlex
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from binn_cli import __version__
from binn_cli.results.fate import counted
from binn_cli.views.compare.summary import Comparison
from binn_cli.views.compare.table import LEGEND, SIGNS, label_of, mean_text
from binn_cli.views.console import quantities
from binn_cli.views.report import chart, figures, sections
from binn_cli.views.report.reading import MOST_DETAILED, Reading
from binn_cli.views.report.table import run_table

if TYPE_CHECKING:
    from jinja2 import Environment

NAMED_RUNS = 25
"""Runs that a sentence names one by one."""


def page(read: Reading, comparison: Comparison, title: str, metrics: Sequence[str], splits: Sequence[str]) -> str:
    """The whole page.

    Args:
        read: the runs.
        comparison: their means over seeds.
        title: what stands at the top.
        metrics, splits: which scores stand in the table of all runs.
    """
    style, script = _part("style.css"), _part("script.js")
    environment = _environment()
    by_directory = {entry.fate.directory: entry for entry in read.entries}
    return environment.get_template("page.html").render(
        title=title,
        version=__version__,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        counted=counted(entry.fate for entry in read.entries) or "no run",
        # A browser runs and applies what these digests are of, and nothing that a name might smuggle in.
        policy=f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        entries=read.entries,
        detailed=read.detailed,
        most_detailed=MOST_DETAILED,
        named_runs=NAMED_RUNS,
        warnings=sections.warnings_of(read.entries),
        incomplete=sections.incomplete(read.entries),
        reservations=sections.reservations(read.entries, comparison),
        table=run_table(read.entries, metrics, splits),
        comparison=comparison,
        charts=figures.of_all(comparison, read.entries),
        machines=sections.machines(read.entries),
        differences=sections.differences(read.entries),
        provenance=sections.provenance(read.entries),
        sections=sections,
        figures=figures,
        phases=[p for p in ("fit", "compile") if any(p in row.timings for row in comparison.rows)],
        legend=LEGEND,
        signs=SIGNS,
        label_of=label_of,
        mean_text=mean_text,
        seconds=quantities.seconds,
        missing=quantities.MISSING,
        size=chart,
        asked=read.names,
        numbered=lambda those: [by_directory[run.directory] for run in those],
        compare_command=shlex.join(["binn", "compare", *read.names]),
    )


def _part(name: str) -> str:
    return files("binn_cli.views.report").joinpath("page", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("binn_cli.views.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )


def _printable(value: Any) -> Any:
    """Text without letters that no page can hold or that would turn the text around them; a dash for nothing."""
    if value is None:
        return quantities.MISSING
    if type(value) is not str:
        return value
    text = value.encode("utf-8", "backslashreplace").decode()
    if text.isprintable():
        return text
    return "".join(letter if _harmless(letter) else repr(letter)[1:-1] for letter in text)


def _harmless(letter: str) -> bool:
    return letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cf", "Cn", "Cs")
