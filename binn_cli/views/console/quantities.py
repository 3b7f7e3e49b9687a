"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

MISSING = "–"
ROUND_OFF = 1e-12
"""Share of a value below which its error is that of arithmetic."""


def number(value: float | int) -> str:
    """Three significant digits; a dash for what is not known."""
    if not np.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    return f"{value:#.3g}".rstrip(".") if 0.01 <= abs(value) < 99_950 else f"{value:.2e}"


def with_error(value: float, error: float) -> str:
    """A value and its standard error, both to the second digit of the error."""
    if not np.isfinite(error) or error <= 0:
        return f"{number(value)} ± {number(error)}"
    if error < ROUND_OFF * abs(value):
        return f"{value:.6g} ± 0"
    decimals = 1 - int(np.floor(np.log10(error)))
    size = int(np.floor(np.log10(max(abs(value), error))))
    if -3 <= size < 5 and decimals <= 8:
        return f"{value:.{max(decimals, 0)}f} ± {error:.{max(decimals, 0)}f}"
    places = max(decimals + size, 0)
    return f"({value / 10.0**size:.{places}f} ± {error / 10.0**size:.{places}f})e{size:+03d}"


def named(name: str, unit: str) -> str:
    """A name with its unit, if it has one."""
    return f"{name} [{unit}]" if unit else name


def numbers(values: Iterable[float | int]) -> str:
    """The values of all outputs in one cell."""
    return " / ".join(number(float(value)) for value in values)


def coordinate(value: float | int) -> str:
    """A coordinate as it was chosen, without padding; a dash for none."""
    return f"{value:.5g}" if np.isfinite(value) else MISSING


def percent(value: float | int) -> str:
    """A share as a percentage."""
    return f"{100 * value:.1f} %" if np.isfinite(value) else MISSING


def seconds(value: float | int) -> str:
    """A duration in the unit that suits it."""
    if not np.isfinite(value):
        return MISSING
    if value < 0.9995:
        return f"{1000 * value:.3g} ms"
    if value < 59.95:
        return f"{value:.3g} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def roughly(value: float) -> str:
    """A duration that is only an estimate: two digits, and no less than a second."""
    return seconds(max(float(f"{value:.2g}"), 1.0))


def size(n_bytes: float | int) -> str:
    """Memory in decimal units; a dash for zero, which stands for not measured."""
    if n_bytes <= 0:
        return MISSING
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"


def coordinates(values: float | Sequence[float], choices: Sequence[str] = ()) -> str:
    """The same coordinate of one case, or of several; where it has choices, a number is the place of one of them."""
    return ", ".join(
        choices[round(value)] if choices and np.isfinite(value) else coordinate(value)
        for value in np.atleast_1d(values)
    )


def case(acquired: Mapping[str, float | Sequence[float]] | None, choices: Mapping[str, Sequence[str]]) -> str:
    """The coordinates of a case; a dash for none."""
    if not acquired:
        return MISSING
    return ", ".join(f"{name} = {coordinates(value, choices.get(name, ()))}" for name, value in acquired.items())
