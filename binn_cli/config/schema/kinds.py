"""What inputs are, where they are more than numbers on a line: `dataset.kinds`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from binn_cli.config.ranges import shown
from binn_cli.errors import ConfigError

KEY = "dataset.kinds"
WORDS = ("log", "integer")


@dataclass(frozen=True)
class Kind:
    """What an input is.

    Attributes:
        name: plain, log, integer, period or choice.
        period: after which it is the same again.
        choices: all its values, numbers or texts.
    """

    name: str
    period: float = 0.0
    choices: tuple[Any, ...] = ()

    @property
    def has_texts(self) -> bool:
        """Whether its choices are texts, which stand in tables of numbers as their places among them, from 0."""
        return any(isinstance(choice, str) for choice in self.choices)

    @property
    def levels(self) -> tuple[float, ...]:
        """Its choices as numbers."""
        return tuple(float(k if self.has_texts else choice) for k, choice in enumerate(self.choices))


def kinds_of(value: Any) -> dict[str, Kind]:
    """The kinds that a configuration states, by the name of the input.

    Raises:
        ConfigError: if it is anything else than {NAME: log | integer | {period: P} | {choice: [...]}}.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(
            KEY,
            f"must be {{NAME: log, NAME: integer, NAME: {{period: 360}}, NAME: {{choice: [a, b]}}}}, not "
            f"{shown(value)}",
        )
    return {str(name): _kind(str(name), given) for name, given in value.items()}


def text_choices(value: Any) -> dict[str, tuple[str, ...]]:
    """The texts that inputs may be, by their names."""
    return {name: kind.choices for name, kind in kinds_of(value).items() if kind.has_texts}


def _kind(name: str, given: Any) -> Kind:
    if given in WORDS:
        return Kind(str(given))
    if isinstance(given, Mapping) and list(given) == ["period"]:
        period = given["period"]
        if isinstance(period, bool) or not isinstance(period, (int, float)) or not 0 < period < float("inf"):
            raise ConfigError(KEY, f"the period of {name!r} must be a number greater than 0, not {shown(period)}")
        return Kind("period", float(period))
    if isinstance(given, Mapping) and list(given) == ["choice"]:
        choices = given["choice"]
        if (
            not isinstance(choices, Sequence)
            or isinstance(choices, str)
            or len(choices) < 2
            or len(set(map(str, choices))) < len(choices)
        ):
            raise ConfigError(
                KEY, f"the choices of {name!r} must be a list of at least two different values, not {shown(choices)}"
            )
        texts = any(isinstance(choice, (str, bool)) for choice in choices)
        return Kind("choice", choices=tuple(map(str, choices)) if texts else tuple(float(choice) for choice in choices))
    raise ConfigError(KEY, f"{name!r} must be log, integer, {{period: 360}} or {{choice: [a, b]}}, not {shown(given)}")
