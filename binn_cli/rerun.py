"""The verb `rerun`: a run once more from its file alone, and whether the numbers come out the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from binn_cli.compiled_code import prepare_jax
from binn_cli.config.compose import Settings, from_text
from binn_cli.config.explain import explained
from binn_cli.directory import claimed, stamped
from binn_cli.errors import BinnError, ConfigError
from binn_cli.results.fate import COMPLETE, RESULTS
from binn_cli.results.head import flattened
from binn_cli.resume import with_limits
from binn_cli.sweeps.overrides import key_of
from binn_cli.sweeps.single import run_single


def rerun(path: Path, changes: Sequence[str] = ()) -> int:
    """Run it again in a new directory; print what became of the numbers and, in the last line, the new results file.

    Args:
        path: directory of a run, or its results file.
        changes: arguments such as `output.root=DIR` or `limits.seconds=60`.

    Returns:
        The exit status: 1 if the numbers do not agree.

    Raises:
        BinnError: if the file cannot be read, or the run fails now.
    """
    from binn_cli.results.agreement import NOT, differences, verdict_of, what_differs
    from binn_cli.results.store import read
    from binn_cli.views.console.agreement import print_agreement

    file = path / RESULTS if path.is_dir() else path
    before = read(file)
    settings = _settings(before.header.config, file, changes)
    if settings.update:
        raise BinnError(
            f"{file}: was made by binn update, and rerun repeats what binn run makes; type again: "
            f"{before.provenance.get('argv', 'binn update RUN NEWDATA -o DIR')}"
        )
    prepare_jax()
    name = "_".join([settings.task.name, settings.dataset.name, settings.model.name])
    new = run_single(settings, claimed(Path(settings.output.root), stamped(name)))
    after = read(new)
    apart = what_differs(before.provenance, after.provenance)
    added = {
        key: value
        for key, value in flattened(after.header.config).items()
        if key not in flattened(before.header.config)
    }
    found = differences(before, after) if before.status == COMPLETE else None
    print_agreement(found, apart, added, before.reason or before.status)
    print(new)
    return 0 if found is None or verdict_of(found) != NOT else 1


def _settings(config: str, file: Path, changes: Sequence[str]) -> Settings:
    try:
        settings = from_text(config, file)
    except ConfigError as error:
        raise BinnError(
            f"{file}: this version of the program cannot run its configuration ({explained(error, ())})"
        ) from error
    output, others = settings.output, []
    for change in changes:
        key, value = key_of(change), change.partition("=")[2]
        if key == "output.root":
            output = replace(output, root=value)
        elif key == "output.figures":
            output = replace(output, figures=value == "true")
        else:
            others.append(change)
    settings, _ = with_limits(settings, others)
    return replace(settings, output=output)
