"""Whose indices are asked for, and what is left as a field."""

from __future__ import annotations

from binn_cli.config.schema import SensitivityConfig
from binn_cli.errors import ConfigError
from binn_cli.tasks.questions.source import Names, Source


def inputs_in_question(config: SensitivityConfig, source: Source) -> tuple[Names, Names]:
    """The inputs that vary, and the others.

    Raises:
        ConfigError: if one is no input of the surrogate, or nothing is left to tell apart.
    """
    for name in config.inputs:
        source.column("task.inputs", name)
    names = tuple(config.inputs) or source.parameters
    rest = tuple(name for name in source.scope.inputs if name not in names)
    if len(names) < 2 and not rest:
        raise ConfigError("task.inputs", f"{names[0]} is the only input of {source.name}: it explains everything")
    source.require_among("task.distributions", names, config.distributions or ())
    return names, rest
