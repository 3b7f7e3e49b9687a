"""Shell completion: the verbs are completed here, what stands behind `binn run` by Hydra."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from contextlib import redirect_stdout


def complete(arguments: Sequence[str], verbs: Sequence[str]) -> int:
    """Answer `binn -sc install=bash`, `binn -sc uninstall=bash` and `binn -sc query=bash`.

    Args:
        arguments: the whole command line behind the name of the program.
        verbs: the verbs that can be completed.

    Returns:
        The exit status.
    """
    if not any(argument.startswith("query=") for argument in arguments):
        from binn_cli.run import main

        return main(arguments, program="binn")
    words = os.environ.get("COMP_LINE", "").split(" ")
    position = int(os.environ.get("COMP_POINT") or len(" ".join(words)))
    if len(words) <= 2:
        print(" ".join(verb for verb in verbs if verb.startswith(words[-1] if len(words) == 2 else "")))
        return 0
    if words[1] != "run":
        # The other verbs take paths, which the shell completes itself when nothing is printed.
        return 0
    os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])
    os.environ["COMP_POINT"] = str(max(0, position - len("run ")))
    return _query(arguments)


def _query(arguments: Sequence[str]) -> int:
    from binn_cli.run import main

    with redirect_stdout(io.StringIO()) as answer:
        status = main(arguments, program="binn")
    # Schemas, and what experiments say of models, stand beside the groups, but nobody chooses them.
    print(" ".join(word for word in answer.getvalue().split() if not word.startswith(("schema", "by_model"))))
    return status
