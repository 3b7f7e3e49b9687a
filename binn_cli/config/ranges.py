"""Range checks for configuration leaves: each raises a ConfigError that names the key, the value and what would be right."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from typing import Any

from binn_cli.errors import ConfigError


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A clause that suggests the nearest choice, or an empty string where none is near."""
    near = difflib.get_close_matches(str(word), list(choices), n=1, cutoff=0.5)
    return f'; did you mean "{near[0]}"?' if near else ""


def one_of(key: str, value: str, choices: Sequence[str]) -> None:
    """Require a value out of a list of names."""
    if value not in choices:
        raise ConfigError(key, f'"{value}" is not one of {", ".join(choices)}{did_you_mean(value, choices)}')


def at_least(key: str, value: float, least: float) -> None:
    """Require a finite number no smaller than `least`."""
    if not math.isfinite(value) or value < least:
        raise ConfigError(key, f"must be at least {least}, not {value}")


def positive(key: str, value: float) -> None:
    """Require a finite number above zero."""
    if not math.isfinite(value) or value <= 0:
        raise ConfigError(key, f"must be greater than 0, not {value}")


def interval(key: str, value: Sequence[float]) -> None:
    """Require two finite numbers, the first smaller than the second."""
    if len(value) != 2 or not all(math.isfinite(v) for v in value) or value[0] >= value[1]:
        raise ConfigError(key, f"must be [low, high] with low < high, not {list(value)}")


def chosen_once(key: str, value: Sequence[str], choices: Sequence[str]) -> None:
    """Require at least one of the names, none of them twice."""
    if not value:
        raise ConfigError(key, f"needs at least one of {', '.join(choices)}")
    for name in value:
        one_of(key, str(name), choices)
    if len(set(value)) != len(value):
        raise ConfigError(key, f"must name nothing twice, as [{', '.join(map(str, value))}] does")


def names_or(key: str, value: object, example: str, *, counted: bool = False) -> None:
    """Require a list of names, or the word `all` or, where `counted`, a whole number of at least 1.

    Args:
        key: dotted name of the leaf.
        value: what the configuration holds.
        example: a name, for the error.
        counted: whether a number is allowed.
    """
    if value == "all" or (counted and isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return
    number = "a whole number of at least 1, " if counted else ""
    expected = f"must be {number}all, or a list of names such as [{example}]"
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ConfigError(key, f"{expected}, not {value!r}")
    if not value:
        raise ConfigError(key, f"{expected}, not an empty list")
    if not all(isinstance(name, str) for name in value):
        raise ConfigError(key, f"{expected}, not {list(value)}")


def per_coordinate(key: str, value: object, least: float, *, integer: bool, exclusive: bool = False, word: str | None = None) -> None:
    """Require a number, or a list with one number a coordinate, or the given word.

    Args:
        key: dotted name of the leaf.
        value: what the configuration holds.
        least: lower bound of every number.
        integer: whether the numbers must be whole.
        exclusive: whether `least` itself is out of range.
        word: a string that is allowed instead of numbers.
    """
    if word is not None and value == word:
        return
    kind = "a whole number" if integer else "a number"
    bound = f"greater than {least}" if exclusive else f"at least {least}"
    expected = f"must be {kind} {bound}, or a list of them with one a coordinate" + (f', or "{word}"' if word else "")
    items: list[Any] = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if not items:
        raise ConfigError(key, f"{expected}, not an empty list")
    for item in items:
        number = isinstance(item, int if integer else (int, float)) and not isinstance(item, bool) and math.isfinite(item)
        if not number or item < least or (exclusive and item == least):
            raise ConfigError(key, f"{expected}, not {value!r}" + (did_you_mean(value, [word]) if word and isinstance(value, str) else ""))
