"""Range checks for configuration leaves: each raises a ConfigError that names the key, the value and what would be
right."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from binn_cli.errors import ConfigError

LARGEST_SEED = 2**63 - 1


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A clause that suggests the nearest choice, or an empty string where none is near."""
    spelt = {choice.lower(): choice for choice in choices}
    near = difflib.get_close_matches(str(word).lower(), list(spelt), n=1, cutoff=0.5)
    return f'; did you mean "{spelt[near[0]]}"?' if near else ""


def one_of(key: str, value: str, choices: Sequence[str]) -> None:
    """Require a value out of a list of names."""
    if value not in choices:
        raise ConfigError(key, f'"{value}" is not one of {", ".join(choices)}{did_you_mean(value, choices)}')


def shown(value: object) -> str:
    """A value as it is written on the command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f'"{value}"' if isinstance(value, str) else str(value)


def written(text: str) -> str:
    """A text as an element of a list on the command line, in quotes where Hydra would not take it for a text
    otherwise."""
    plain = re.fullmatch(r"[A-Za-z_][\w.+-]*", text) and text.lower() not in ("true", "false", "null", "nan", "inf")
    return text if plain else "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def at_least(key: str, value: float, least: float) -> None:
    """Require a finite number no smaller than `least`."""
    if not math.isfinite(value) or value < least:
        raise ConfigError(key, f"must be at least {least}, not {value}")


def positive(key: str, value: float) -> None:
    """Require a finite number above zero."""
    if not math.isfinite(value) or value <= 0:
        raise ConfigError(key, f"must be greater than 0, not {value}")


def place(key: str, value: str) -> None:
    """Require the name of a directory, which an empty text is not."""
    if not value.strip():
        raise ConfigError(key, 'must name a directory, not ""')


def within(key: str, value: float, least: float, most: float) -> None:
    """Require a number from `least` to `most`."""
    if not least <= value <= most:
        raise ConfigError(key, f"must be from {least:g} to {most:g}, not {value}")


def valid_seed(key: str, value: int) -> None:
    """Require a seed that every random generator and the results file can hold."""
    if not 0 <= value <= LARGEST_SEED:
        raise ConfigError(key, f"must be a whole number from 0 to {LARGEST_SEED} (2^63 - 1), not {value}")


def interval(key: str, value: Sequence[float]) -> None:
    """Require two finite numbers, the first smaller than the second."""
    if len(value) != 2 or not all(math.isfinite(v) for v in value) or value[0] >= value[1]:
        raise ConfigError(key, f"must be [low, high] with low < high, not {list(value)}")


def intervals(key: str, value: object) -> dict[str, list[float]]:
    """Two finite numbers by name, as floats.

    Raises:
        ConfigError: if the value is anything else, or the first number is not smaller than the second.
    """
    if not isinstance(value, Mapping):
        raise ConfigError(key, f"must be {{NAME: [low, high], …}} or null, not {shown(value)}")
    for name, item in value.items():
        if not _is_list(item) or len(item) != 2 or not all(map(_is_number, item)) or item[0] >= item[1]:
            raise ConfigError(key, f"must be [low, high] with low < high for {str(name)!r}, not {shown(item)}")
    return {str(name): [float(low), float(high)] for name, (low, high) in value.items()}


def pairs(key: str, value: object) -> list[list[float]]:
    """Points of a plane, as floats.

    Raises:
        ConfigError: if the value is not a list of at least one pair of finite numbers.
    """
    items = list(value) if _is_list(value) else []
    if not items or not all(_is_list(item) and len(item) == 2 and all(map(_is_number, item)) for item in items):
        raise ConfigError(
            key, f"must be a list of points with two finite numbers each, such as [[0.5,0.5]], not {shown(value)}"
        )
    return [[float(x), float(y)] for x, y in items]


def points_of_space(key: str, value: object, width: int) -> list[list[float]]:
    """Points of so many coordinates, as floats.

    Raises:
        ConfigError: if the value is not a list of at least one point of finite numbers.
    """
    items = list(value) if _is_list(value) else []
    if not items or not all(_is_list(item) and len(item) == width and all(map(_is_number, item)) for item in items):
        example = ",".join(["0.5"] * width)
        raise ConfigError(
            key, f"must be a list of points with {width} finite numbers each, such as [[{example}]], not {shown(value)}"
        )
    return [[float(x) for x in item] for item in items]


def names_per_coordinate(key: str, value: object, choices: Sequence[str]) -> None:
    """Require a name, or a list with one name a coordinate."""
    items = list(value) if _is_list(value) else [value]
    for item in items:
        if isinstance(item, str):
            one_of(key, item, choices)
    if not items or not all(isinstance(item, str) for item in items):
        raise ConfigError(
            key, f"must be one of {', '.join(choices)}, or a list of them with one a coordinate, not {shown(value)}"
        )


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


def per_coordinate(
    key: str,
    value: Any,
    least: float,
    most: float = math.inf,
    *,
    integer: bool = False,
    exclusive: bool = False,
    word: str,
) -> Any:
    """Require a number, or a list with one number a coordinate, or the given word.

    Args:
        key: dotted name of the leaf.
        value: what the configuration holds.
        least: lower bound of every number.
        most: upper bound of every number.
        integer: whether the numbers must be whole.
        exclusive: whether `least` itself is out of range.
        word: a string that is allowed instead of numbers.

    Returns:
        The value, with floats for numbers that need not be whole, so that 2 and 2.0 are one configuration.
    """
    if value == word:
        return value
    kind = "a whole number" if integer else "a number"
    bound = (
        f"greater than {least:g}"
        if exclusive
        else f"at least {least:g}"
        if most == math.inf
        else f"from {least:g} to {most:g}"
    )
    expected = f'must be {kind} {bound}, or a list of them with one a coordinate, or "{word}"'
    items: list[Any] = list(value) if _is_list(value) else [value]
    if not items:
        raise ConfigError(key, f"{expected}, not an empty list")
    for item in items:
        if not _is_number(item, whole=integer) or not least <= item <= most or (exclusive and item == least):
            raise ConfigError(
                key, f"{expected}, not {shown(value)}" + (did_you_mean(value, [word]) if isinstance(value, str) else "")
            )
    if integer:
        return value
    return [float(item) for item in items] if _is_list(value) else float(value)


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_number(value: object, *, whole: bool = False) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        # A whole number beyond the largest float.
        return whole
