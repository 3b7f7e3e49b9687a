"""The arguments behind `binn run`: Hydra's flags and the overrides, told apart wherever they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from binn_cli.config.explain import GROUPS
from binn_cli.config.schema import PLAIN_KEYS, SECTIONS
from binn_cli.errors import ConfigError


@dataclass(frozen=True)
class Arguments:
    """A command line that Hydra understands.

    Attributes:
        flags: in their long form, each with its value, such as `--cfg=job`.
        overrides: what is composed, in the order in which it was typed.
    """

    flags: tuple[str, ...]
    overrides: tuple[str, ...]

    @property
    def ordered(self) -> list[str]:
        """The flags before the overrides: Hydra's own parser refuses overrides on both sides of a flag."""
        # Hydra's help is not about this program's configuration, and would complain of its keys.
        return [*self.flags] if "--hydra-help" in self.flags else [*self.flags, *self.overrides]


def told_apart(arguments: Sequence[str], program: str) -> Arguments:
    """Flags and overrides, in whatever order they were typed; leaves with status 2 and one sentence where Hydra knows a
    flag not."""
    parser = get_args_parser()
    parser.prog = program

    def refuse(message: str) -> NoReturn:
        for word in arguments:
            key = word.lstrip("-").partition("=")[0]
            if message.endswith(f": {word}") and key.partition(".")[0] in (*GROUPS, *SECTIONS, *PLAIN_KEYS):
                message = f"there is no flag {word}; values are set without dashes, as in {key}=VALUE"
        parser.exit(2, f"{program}: {message}; see {program} --help\n")

    parser.error = refuse  # type: ignore[method-assign]
    known = vars(parser.parse_intermixed_args(_info_alone(arguments)))
    overrides = known.pop("overrides")
    # Every flag of Hydra has a long form that is named as its value is.
    named = {f"--{name.replace('_', '-')}": value for name, value in known.items() if value not in (None, False)}
    return Arguments(
        tuple(flag if value is True else f"{flag}={value}" for flag, value in named.items()), tuple(overrides)
    )


def _info_alone(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--info` for `--info seed=3`: the flag may stand without its value and would take the override
    for it."""
    following = [*arguments, ""][1:]
    return [
        "--info=all" if word in ("--info", "-i") and "=" in after else word
        for word, after in zip(arguments, following, strict=True)
    ]


def refuse_repeated_groups(overrides: Sequence[str]) -> None:
    """Complain of `dataset=sine dataset=heat`, of which Hydra takes the last.

    Raises:
        ConfigError: at the first group that is chosen twice, differently.
    """
    chosen: dict[str, str] = {}
    for override in overrides:
        group, _, option = override.partition("=")
        if group in GROUPS and chosen.setdefault(group, option) != option:
            raise ConfigError(group, f"is chosen twice, {chosen[group]} and {option}; leave one out")


def refuse_added_groups(overrides: Sequence[str]) -> None:
    """Complain of `+dataset=sine`, which Hydra refuses or, where it repeats the default, takes for nothing.

    Raises:
        ConfigError: at the first group with a + before it.
    """
    for override in overrides:
        group, _, option = override.lstrip("+").partition("=")
        if override.startswith("+") and group in GROUPS:
            raise ConfigError(group, f"exists, so write {group}={option or 'OPTION'} without the +")
