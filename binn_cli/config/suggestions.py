"""What to say about a key that does not exist: the nearest one that does, or all there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def no_such_key(key: str, known: Iterable[str]) -> str:
    """What follows `KEY: ` in the sentence about an unknown key.

    Args:
        key: dotted name that was asked for.
        known: dotted names of all leaves that can be set.
    """
    names = list(known)
    group, dot, leaf = key.partition(".")
    sections = list(dict.fromkeys(name.partition(".")[0] for name in names))
    if not dot:
        near = _near(key, sections)
        return f'no such key; did you mean "{near}"?' if near else f"no such key; there are {', '.join(sections)}"
    section = group if group in sections else _near(group, sections)
    if section is None:
        return (
            f"no such key; the groups are "
            f"{', '.join(name for name in sections if any(other.startswith(f'{name}.') for other in names))}"
        )
    # Only the part behind the dot is compared: the group before it would make every key look alike.
    leaves = [name.partition(".")[2] for name in names if name.startswith(f"{section}.")]
    near = leaf if leaf in leaves else _near(leaf, leaves)
    if near:
        return f'no such key; did you mean "{section}.{near}"?'
    listed = ", ".join(name for name in leaves if name != "name")
    return f"no such key; {section} has {listed}"


def _near(word: str, choices: list[str]) -> str | None:
    found = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    return found[0] if found else None
