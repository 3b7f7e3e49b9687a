"""The arguments of a sweep: which of them say what is computed, and which only how."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

from binn_cli.config.schema import Wishes
from binn_cli.errors import ConfigError

WISHES = tuple(wish.name for wish in fields(Wishes))
NOT_TELLING = (*WISHES, "verbose", "limits", "output", "hydra")
"""Keys and sections that do not tell one job from another."""


def key_of(override: str) -> str:
    """The key that an argument sets."""
    return override.lstrip("+~").partition("=")[0]


def section_of(override: str) -> str:
    """The group or section of the key that an argument sets."""
    return key_of(override).partition(".")[0].partition("/")[0]


def telling(overrides: Iterable[str]) -> tuple[str, ...]:
    """Those of a job's arguments that say what it computes."""
    return tuple(str(override) for override in overrides if section_of(str(override)) not in NOT_TELLING)


def without_wishes(overrides: Iterable[str]) -> tuple[str, ...]:
    """The arguments that belong to a sweep whenever it is gone on with."""
    return tuple(override for override in overrides if key_of(override) not in WISHES)


def changed(overrides: Sequence[str], changes: Sequence[str]) -> list[str]:
    """The arguments with some set anew.

    Raises:
        ConfigError: if a change would make another sweep of it.
    """
    for change in changes:
        if section_of(change) not in NOT_TELLING or key_of(change) == "output.root":
            raise ConfigError(
                key_of(change), "cannot be changed when a sweep goes on; for another grid: binn run -m … resume=true"
            )
    keys = {key_of(change) for change in changes}
    return [*(override for override in overrides if key_of(override) not in keys), *changes]
