"""What a user writes about a parameter of a solver, in one canonical form."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from binn_cli.config.ranges import did_you_mean, shown
from binn_cli.errors import ConfigError

FORMS = "[low, high], {log: [low, high]}, {integer: [low, high]} or {choice: [a, b, …]}"
KEYS = ("range", "log", "integer", "choice", "unit")
RESERVED = ("output", "input", "directory")
"""Placeholders of a command that are no parameters."""
ROUND_OFF = 1e-12
"""Width of a range, over its larger end, in which numbers can hardly be told apart."""

Specification = dict[str, Any]
"""Either `choice`, or `range` with `log` and `integer`; and `unit`."""


def specifications(key: str, value: object) -> dict[str, Specification]:
    """The parameters by name, each in its canonical form.

    Args:
        key: dotted name of the leaf, for errors.
        value: a mapping from names to what is known of them; see `FORMS`.

    Raises:
        ConfigError: if a parameter is of none of the forms, or its range has no width.
    """
    if not isinstance(value, Mapping) or not value:
        raise ConfigError(key, f"must be {{NAME: {FORMS}, …}} with at least one name, not {shown(value)}")
    found: dict[str, Specification] = {}
    for name, given in value.items():
        text = str(name)
        if text != text.strip() or text.splitlines() != [text] or any(mark in text for mark in "{}\0"):
            problem = "it is empty, has a brace or a line break, or begins or ends with a blank"
            raise ConfigError(key, f"{text!r} cannot be the name of a parameter: {problem}")
        if text in RESERVED:
            raise ConfigError(
                key, f"{text!r} cannot be the name of a parameter: {{{text}}} in a command is a path; call it otherwise"
            )
        found[text] = _specification(key, text, given)
    return found


def _specification(key: str, name: str, given: object) -> Specification:
    spec = dict(given) if isinstance(given, Mapping) else {"range": given}
    for word in spec:
        if word not in KEYS:
            raise ConfigError(
                key, f"{name!r} has {word!r}, which is not one of {', '.join(KEYS)}{did_you_mean(str(word), KEYS)}"
            )
    unit = spec.get("unit") or ""
    if not isinstance(unit, str):
        raise ConfigError(key, f"the unit of {name!r} must be a text, not {shown(unit)}")
    if "choice" in spec:
        others = [word for word in spec if word not in ("choice", "unit")]
        if others:
            raise ConfigError(key, f"{name!r} has both choice and {others[0]}; give one of {FORMS}")
        return {"choice": _choices(key, name, spec["choice"]), "unit": unit}
    ranges = [spec[word] for word in ("range", "log", "integer") if word in spec and not isinstance(spec[word], bool)]
    if len(ranges) != 1:
        raise ConfigError(key, f"{name!r} must have one range, not {len(ranges)}; give one of {FORMS}")
    log, integer = (spec.get(word, False) is not False for word in ("log", "integer"))
    return {
        "range": _range(key, name, ranges[0], log=log, integer=integer),
        "log": log,
        "integer": integer,
        "unit": unit,
    }


def _choices(key: str, name: str, given: object) -> list[Any]:
    items: list[Any] = list(given) if _is_list(given) else []
    numbers = all(map(_is_number, items))
    plain = numbers or all(isinstance(item, str) or _is_number(item) for item in items)
    different = {float(item) if numbers else str(item).strip() for item in items}
    if not plain or len(items) < 2 or len(different) < len(items):
        raise ConfigError(
            key, f"the choices of {name!r} must be two or more different texts or numbers, not {shown(given)}"
        )
    return items


def _range(key: str, name: str, given: object, *, log: bool, integer: bool) -> list[float]:
    items: list[Any] = list(given) if _is_list(given) else []
    if len(items) != 2 or not all(map(_is_number, items)):
        raise ConfigError(key, f"{name!r} must be one of {FORMS}, not {shown(given)}")
    low, high = float(items[0]), float(items[1])
    if low == high:
        raise ConfigError(
            key,
            f"the range of {name!r} has no width: [{low:g}, {high:g}]; give low < high, or write the value into the "
            f"solver instead",
        )
    if low > high:
        raise ConfigError(key, f"the range of {name!r} must be [low, high] with low < high, not [{low:g}, {high:g}]")
    if not math.isfinite(high - low) or high - low <= ROUND_OFF * max(abs(low), abs(high), sys.float_info.min):
        width = "next to no width" if math.isfinite(high - low) else "a width that is no number"
        raise ConfigError(key, f"the range of {name!r}, [{low!r}, {high!r}], has {width}; scale the parameter")
    if log and low <= 0:
        raise ConfigError(key, f"the range of {name!r} must begin above 0 to be logarithmic, not at {low:g}")
    if integer and (low != int(low) or high != int(high)):
        raise ConfigError(
            key, f"the range of {name!r} must go from one whole number to another, not [{low:g}, {high:g}]"
        )
    return [low, high]


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
