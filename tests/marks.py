"""Marks on some of the values that a test runs on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def thorough_for(left_out: Collection[Any], values: Iterable[Any]) -> list[Any]:
    """The values for `parametrize`, those marked that only `make test-thorough` runs: they repeat a check that stays on
    other values.

    Args:
        left_out: those, single values or tuples as in `values`.
        values: all, in their order; tuples where the test takes several parameters.

    Raises:
        ValueError: if something is left out that is not there.
    """
    every = list(values)
    if missing := [value for value in left_out if value not in every]:
        raise ValueError(f"not among the values: {missing}")

    def marked(value: Any) -> Any:
        parts = value if isinstance(value, tuple) else (value,)
        return pytest.param(*parts, marks=pytest.mark.thorough) if value in left_out else value

    return [marked(value) for value in every]
