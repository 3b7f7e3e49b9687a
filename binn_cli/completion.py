"""Shell completion for bash, zsh and fish: verbs and their options here, what stands behind `binn run` by Hydra."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from importlib.resources import files

SHELLS = ("bash", "zsh", "fish")
INSTALLING = {
    "bash": 'eval "$(binn -sc install=bash)"',
    "zsh": 'eval "$(binn -sc install=zsh)"',
    "fish": "binn -sc install=fish | source",
}
"""What a user types, or writes into the file that the shell reads at its start."""

Act = Callable[[Sequence[str]], int]


def complete(arguments: Sequence[str], verbs: Mapping[str, Act]) -> int:
    """Answer `binn -sc install=SHELL`, `binn -sc uninstall=SHELL` and `binn -sc query=SHELL`.

    Args:
        arguments: the whole command line behind the name of the program.
        verbs: what each verb does; it is asked for its help.

    Returns:
        The exit status.
    """
    asked = dict(word.split("=", 1) for word in arguments if "=" in word and not word.startswith("-"))
    if (
        len(asked) != 1
        or not asked.keys() <= {"install", "uninstall", "query"}
        or next(iter(asked.values())) not in SHELLS
    ):
        listed = ", ".join(f"-sc {verb}={{{'|'.join(SHELLS)}}}" for verb in ("install", "uninstall"))
        print(f"binn: completion is asked for by {listed}", file=sys.stderr)
        return 2
    ((wish, shell),) = asked.items()
    if wish == "query":
        line = os.environ.get("COMP_LINE", "")
        point = os.environ.get("COMP_POINT", "")
        print("\n".join(candidates(line[: int(point)] if point.isdecimal() else line, verbs)))
    else:
        print(files("binn_cli.shells").joinpath(f"{wish}.{shell}").read_text(encoding="utf-8"), end="")
    return 0


def candidates(line: str, verbs: Mapping[str, Act]) -> list[str]:
    """What the last word of a command line may become; nothing where the shell shall complete paths.

    Args:
        line: up to the cursor, the program's name first.
        verbs: as in `complete`.
    """
    words = line.split(" ")
    last = words[-1]
    if len(words) <= 2:
        return [verb for verb in verbs if len(words) < 2 or verb.startswith(last)]
    if words[1] not in verbs:
        return []
    if words[1] == "run" and not last.startswith("-"):
        return _of_hydra([words[0], *words[2:]])
    return [option for option in _options(words[1], verbs[words[1]]) if last and option.startswith(last)]


def _options(name: str, act: Act) -> list[str]:
    """The options and keys that a verb's own help names."""
    if name == "run":
        from hydra._internal.utils import get_args_parser

        return [text for action in get_args_parser()._actions for text in action.option_strings]
    with redirect_stdout(io.StringIO()) as said, suppress(SystemExit):
        act(["--help"])
    found = re.findall(r"(?<![\w-])(--[a-z][\w-]*|[a-z_]+(?:[./][a-z_]+)*=)", said.getvalue())
    return list(dict.fromkeys(["--help", *found]))


def _of_hydra(words: Sequence[str]) -> list[str]:
    """What Hydra offers for the words behind `binn run`."""
    from binn_cli.run import main

    os.environ["COMP_LINE"] = " ".join(words)
    os.environ["COMP_POINT"] = str(len(os.environ["COMP_LINE"]))
    # A line that cannot be composed yet has no candidates, and an error would stand in the middle of what is typed.
    with redirect_stdout(io.StringIO()) as answer, redirect_stderr(io.StringIO()):
        main(["-sc", "query=bash"], program="binn")
    # Schemas, and what experiments say of models, stand beside the groups, but nobody chooses them.
    return [word for word in answer.getvalue().split() if not word.startswith(("schema", "by_model", "by_budget"))]
