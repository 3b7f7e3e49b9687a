"""Whether a run that was run again came to the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from binn_cli.results.agreement import BITS, NOT, Difference, verdict_of
from binn_cli.views.console import quantities
from binn_cli.views.console.streams import Results

SENTENCES = {
    BITS: "the numbers agree to the last bit",
    "to round-off": "the numbers agree to round-off",
    NOT: "the numbers do not agree",
}
MOST_ROWS = 8


def print_agreement(
    found: Sequence[Difference] | None,
    apart: Mapping[str, tuple[object, object]],
    added: Mapping[str, object],
    before: str,
) -> None:
    """Print the verdict on stdout, the largest differences, and what the two runs do not share.

    Args:
        found: the differences; None where the first run has no result to compare with.
        apart: what differs beside the numbers, before and now.
        added: keys that the first run did not know, with the values that they have now.
        before: how the first run ended.
    """
    console = Results()
    if found is None:
        console.print(
            f"nothing to compare with: the run was not complete ({before})",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    else:
        verdict = verdict_of(list(found))
        colour = "red" if verdict == NOT else "green"
        console.print(SENTENCES[verdict], style=f"bold {colour}", highlight=False)
        unequal = sorted((d for d in found if d.verdict != BITS), key=lambda d: (d.verdict != NOT, -d.relative))
        if unequal:
            console.print(_differences(unequal[:MOST_ROWS]))
            if len(unequal) > MOST_ROWS:
                console.print(f"and {len(unequal) - MOST_ROWS} more that differ", style="dim", highlight=False)
    if apart:
        console.print(_apart(apart))
    else:
        console.print("versions, code, machine and data are the same", highlight=False)
    for key, value in added.items():
        console.print(f"the run did not know {key}; it is {value} now", markup=False, highlight=False, soft_wrap=True)


def _differences(unequal: Sequence[Difference]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("what", "agrees", "largest difference", "relative"):
        table.add_column(name, justify="left" if name in ("what", "agrees") else "right")
    for difference in unequal:
        numbers = (quantities.number(difference.largest), quantities.number(difference.relative))
        table.add_row(escape(difference.name), difference.verdict, *numbers)
    return table


def _apart(apart: Mapping[str, tuple[object, object]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("what differs", "then", "now"):
        table.add_column(name, overflow="fold")
    for name, (before, after) in apart.items():
        table.add_row(escape(name), escape(str(before)), escape(str(after)))
    return table
