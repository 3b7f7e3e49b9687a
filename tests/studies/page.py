"""A study's outcome, and how it becomes a page: every number in it comes from the run that wrote it."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import binn_cli
from binn_cli.results import provenance
from binn_cli.views.plots.style import saved


@dataclass(frozen=True)
class Study:
    """What a study found.

    Attributes:
        title: heading of the page.
        text: Markdown below the figure.
        figure: the figure.
        rests_on: of a study that keeps its results, how many there are and what they took; see `KeptRows.rests_on`.
    """

    title: str
    text: str
    figure: Figure
    rests_on: str = ""


def write(name: str, study: Study, directory: Path, seconds: float) -> Path:
    """Write NAME.md and NAME.png, and say in the page when, with what and in how long it was made."""
    directory.mkdir(parents=True, exist_ok=True)
    saved(study.figure, directory / f"{name}.png")
    made = f"Written by `python -m tests.studies {name}` on {provenance.now()[:10]}, binn {binn_cli.__version__}, "
    made += study.rests_on or f"in {seconds:.0f} seconds on {os.cpu_count()} CPUs, compilation included"
    path = directory / f"{name}.md"
    text = f"# {study.title}\n\n![{study.title}]({name}.png)\n\n{wrapped(study.text)}\n\n{wrapped(made)}.\n"
    path.write_text(text, encoding="utf-8")
    return path


def wrapped(text: str, width: int = 120) -> str:
    """Paragraphs and list items refilled; tables and headings as they are."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip()):
        if block.startswith(("|", "#")):
            blocks.append(block)
            continue
        items = re.split(r"\n(?=- )", block)
        blocks.append(
            "\n".join(
                textwrap.fill(" ".join(i.split()), width, subsequent_indent="  " * i.startswith("- ")) for i in items
            )
        )
    return "\n\n".join(blocks)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def lacking(what: str, asked: Iterable[object], there: Container[object]) -> str:
    """A sentence that names what a study asks for and does not have; empty where it has all."""
    names = [str(name) for name in asked if name not in there]
    return f"Not measured, and so not in the table: {what}{', '.join(names)}." if names else ""


def decay(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The exponent r of values ~ sizes^r, by least squares in logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
