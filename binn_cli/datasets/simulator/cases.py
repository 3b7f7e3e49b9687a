"""A case as a solver is told it; nothing heavy, since every process that calls a solver needs it."""

from __future__ import annotations

from collections.abc import Mapping

Value = float | int | str
"""What a solver is told of a parameter."""


def text_of(case: Mapping[str, Value], digits: int = 6) -> str:
    """A case in words, such as `k=1.5, P=120`."""
    parts = (
        f"{name}={value:.{digits}g}" if isinstance(value, float) else f"{name}={value}" for name, value in case.items()
    )
    return ", ".join(parts)
