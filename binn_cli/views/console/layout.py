"""The look of all tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table


def headed(left: Sequence[str], right: Sequence[str]) -> Table:
    """A table that fits into 80 columns: headings in two lines; names fold where they must, numbers are never cut."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in left:
        table.add_column(escape(name), vertical="bottom", overflow="fold")
    for name in right:
        table.add_column(escape(name), justify="right", vertical="bottom", no_wrap=True)
    return table
