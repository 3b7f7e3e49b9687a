"""Values filled into commands and templates: no shell reads them, and a value or a name never becomes more than one
word."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from binn_cli.config.ranges import did_you_mean
from binn_cli.datasets.simulator.cases import Value
from binn_cli.errors import ConfigError

FORMAT = re.compile(r"(?:[^{}]?[<>=^])?[-+ 0#]*\d*[_,]?(?:\.\d+)?[bdeEfFgGnosxX%]?")
"""What Python's format takes, aligned columns among them."""
PLACE = re.compile(r"\{\{|\}\}|\{([^{}\n]+)\}")
WORD = re.compile(r"[A-Za-z_]\w*")
SHELL_WORDS = {"|", "||", "&", "&&", ";", ">", ">>", "<", "<<", "2>", "2>&1", "&>"}

Values = Mapping[str, Value]


def filled(text: str, values: Values) -> str:
    """A text with its placeholders replaced: `{k}`, or `{k:.3e}` with a format of Python; `{{` and `}}` stand for
    single braces."""

    def replaced(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return match.group(0)[0]
        found = _told_apart(match.group(1), values)
        if found is None:
            return match.group(0)
        name, form = found
        value = values[name]
        return format(value, form) if form else repr(value) if isinstance(value, float) else str(value)

    return PLACE.sub(replaced, text)


def _told_apart(inside: str, known: Mapping[str, object]) -> tuple[str, str] | None:
    """Name and format of what stands in braces, None where it is neither a known name nor looks like a name."""
    if inside in known:
        return inside, ""
    name, colon, form = inside.rpartition(":")
    return (name, form) if colon and name in known and FORMAT.fullmatch(form) else None


def require_known(text: str, known: Mapping[str, object], key: str, where: str = "") -> set[str]:
    """The names of all placeholders of a text.

    Args:
        text: a command or a template.
        known: the names that have values, with a value of the kind that each will have.
        key: dotted name of the leaf, for errors.
        where: the file, where the text is a file's.

    Raises:
        ConfigError: if something in braces looks like a name and is none, or a format does not suit its value.
    """
    used: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        place = f"{where}, line {number}: " if where else ""
        for match in PLACE.finditer(line):
            inside = match.group(1)
            if inside is None:
                continue
            found = _told_apart(inside, known)
            if found is None:
                name, colon, form = inside.partition(":")
                converted = re.fullmatch(r"(.+)![rsa]", name)  # {k!r} of Python's own formats
                name = converted[1] if converted and converted[1] in known else name
                if converted or (WORD.fullmatch(name) and (not colon or FORMAT.fullmatch(form))):
                    listed = ", ".join(f"{{{name}}}" for name in known)
                    problem = (
                        f"{place}there is no parameter for {{{inside}}}{did_you_mean(name, known)}; there are {listed}"
                    )
                    raise ConfigError(key, f"{problem}, and {{{{ and }}}} stand for plain braces")
                continue
            used.add(found[0])
            try:
                format(known[found[0]], found[1])
            except (ValueError, TypeError) as error:
                raise ConfigError(
                    key, f"{place}{{{inside}}}: {found[0]!r} cannot be written with {found[1]!r} ({error})"
                ) from error
    return used


def words_of(command: str | Sequence[str], names: Sequence[str], key: str) -> list[str]:
    """A command as a list of words, split as a shell would split it but for what stands in braces.

    Args:
        command: one text, or its words.
        names: of the parameters, which may hold blanks and quotes.
        key: dotted name of the leaf, for errors.

    Raises:
        ConfigError: if it is empty, a quote is not closed, or a word of it only means something to a shell.
    """
    if not isinstance(command, str):
        return _nonempty([str(word) for word in command], key)
    # A placeholder may hold anything; a character that means nothing to shlex stands for it meanwhile.
    tokens = {chr(0xE000 + i): f"{{{name}}}" for i, name in enumerate(sorted(names, key=len, reverse=True))}
    for token, placeholder in tokens.items():
        command = command.replace(placeholder, token)
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(key, f"cannot be split into words ({str(error).lower()}); close every quote") from error
    for word in words:
        if word in SHELL_WORDS or word.startswith("$("):
            problem = f"has {word}, which only a shell understands, and none runs it; put the command into a script"
            raise ConfigError(key, f"{problem}, or write it as a list: [bash, -c, …]")
    for token, placeholder in tokens.items():
        words = [word.replace(token, placeholder) for word in words]
    return _nonempty(words, key)


def _nonempty(words: list[str], key: str) -> list[str]:
    if not words or not words[0].strip():
        raise ConfigError(key, "names no program")
    return words


def with_whole_paths(words: Sequence[str], start: Path) -> list[str]:
    """The words with those that name files made absolute, since each call has a working directory of its own."""
    return [str(start / word) if "{" not in word and word and (start / word).is_file() else word for word in words]
