"""One sentence for every way in which Hydra can refuse a command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields

from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
    SearchPathException,
)
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException, ValidationError

from binn_cli.config.compose import omegaconf_error
from binn_cli.config.ranges import did_you_mean
from binn_cli.config.schema import PLAIN_KEYS, SCHEMAS, SECTIONS
from binn_cli.config.store import leaves, options
from binn_cli.config.suggestions import no_such_key
from binn_cli.errors import BinnError, MissingExtraError

GROUPS = (*SCHEMAS, "budget", "experiment")
LAUNCHERS = {"joblib": "joblib", "submitit_local": "submitit", "submitit_slurm": "submitit"}
"""The extra that brings a launcher of another package under its own name."""


def explained(error: Exception, overrides: Sequence[str]) -> str:
    """The sentence that a person gets instead of a traceback.

    Args:
        error: what composition or a run raised.
        overrides: the arguments of `binn run`.
    """
    return " ".join(_sentence(error, overrides).split())


def _sentence(error: Exception, overrides: Sequence[str]) -> str:
    if isinstance(error, BinnError):
        return str(error)
    if isinstance(error, OverrideParseException):
        return _unreadable(error)
    if isinstance(error, MissingConfigException):
        return _missing(error)
    if isinstance(error, ConfigCompositionException):
        return _composition(error, overrides)
    if isinstance(error, OmegaConfBaseException):
        return str(omegaconf_error(error))
    if isinstance(error, SearchPathException):
        return f"--config-dir: {error}"
    if isinstance(error, ValueError) and str(error).startswith("Config group override must be"):
        return _no_option(overrides)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) if isinstance(error, HydraException | ValueError) else f"{type(error).__name__}: {error}"


def _unreadable(error: OverrideParseException) -> str:
    if "=" not in error.override:
        word = error.override.rstrip(":")
        if word in GROUPS:
            return (
                f"{word}: has no value; write {word}=OPTION without spaces, where OPTION is one of "
                f"{', '.join(options(word))}"
            )
        nearest = did_you_mean(word, GROUPS)
        return f'"{error.override}" is neither GROUP=OPTION nor KEY=VALUE{nearest}; see binn run --help'
    key = error.override.partition("=")[0]
    if not re.fullmatch(r"[~+]*[\w./@:-]+", key, re.ASCII):
        return (
            f'"{key}" is no name of a group or a key in "{error.override}"; write KEY=VALUE without spaces around the ='
        )
    return (
        f'"{error.override}" cannot be read; put lists and text with spaces or special characters in quotes, '
        "as in 'model.centers=[16,16]' or 'output.root=\"my runs\"'"
    )


def _missing(error: MissingConfigException) -> str:
    group, _, name = str(error.missing_cfg_file).rpartition("/")
    if group in GROUPS:
        known = options(group)
        return f'{group}: "{name}" is not one of {", ".join(known)}{did_you_mean(name, known)}'
    if group == "hydra/launcher" and name in LAUNCHERS:
        return str(MissingExtraError(LAUNCHERS[name], f"{group}={name}"))
    if group:
        known = sorted(error.options or [])
        listed = f"is not one of {', '.join(known)}" if known else "is not known"
        return f'{group}: "{name}" {listed}{did_you_mean(name, known)}'
    return (
        f'there is no configuration file "{error.missing_cfg_file}"; leave --config-name and --config-path out to '
        f"use the built-in one"
    )


def _no_option(overrides: Sequence[str]) -> str:
    """The sentence for a group that is given something other than a name (null, a number)."""
    for override in overrides:
        group, _, value = override.lstrip("+").partition("=")
        if not group:
            return f'"{override}" is neither GROUP=OPTION nor KEY=VALUE; see binn run --help'
        if group in GROUPS and value not in options(group):
            return f'{group}: "{value}" is not one of {", ".join(options(group))}'
    return "a group takes the name of one of its options; see binn run --help"


def _composition(error: ConfigCompositionException, overrides: Sequence[str]) -> str:
    text = str(error)
    cause = error.__cause__ or error.__context__
    for pattern in (
        r"Could not override '([^'@]+)'",
        r"Could not delete from config\. '([^']+)' does not exist",
        r"config group '([^']+)' does not exist",
        r"Could not delete '([^'=]+)",
    ):
        if found := re.search(pattern, text):
            return unknown_key(found.group(1), overrides)
    if found := re.search(r"(?:Sweep parameters|Ambiguous value for argument) '([^']+)'", text):
        return (
            f'"{found.group(1)}" gives several values, which needs a sweep: binn run -m; for one list write it in '
            f"brackets"
        )
    if "already at" in text:
        key = text.split("'")[1]
        return f"{key}: exists, so leave out the + before it"
    if found := re.match(r"Error merging override (.*)", text):
        return _bad_value(found.group(1), cause, overrides)
    # A file (an experiment) may set a leaf that the chosen option does not have.
    if found := re.search(r"In '([^']+)':.*?(?:[Kk]ey '([^']+)').*?full_key: (\S+)", text, re.DOTALL):
        place, _, full_key = found.groups()
        return (
            f"conf/{place}.yaml sets {full_key}, which the chosen option does not have; leave out the choice or "
            f"the experiment"
        )
    if found := re.search(r"In '([^']+)': \w+ raised while composing config:\n(.*)", text):
        return f"conf/{found.group(1)}.yaml: {found.group(2)}"
    return text or str(cause)


def _bad_value(override: str, cause: BaseException | None, overrides: Sequence[str]) -> str:
    key, _, value = override.lstrip("+~").partition("=")
    if isinstance(cause, ConfigKeyError | ConfigAttributeError) and not isinstance(cause, ValidationError):
        return unknown_key(key, overrides)
    if override.startswith("~"):
        return f"{key}: cannot be deleted; every key has a value"
    reason = str(getattr(cause, "msg", None) or cause or "cannot be used").strip().splitlines()[0]
    if found := re.search(r"could not be converted to (\w+)", reason):
        kind = {"Integer": "a whole number", "Float": "a number"}.get(found.group(1), found.group(1))
        return f'{key}: must be {kind}, not "{value}"'
    if "is not a valid bool" in reason:
        return f'{key}: must be true or false, not "{value}"'
    if "is not a subclass of" in reason:
        return (
            f"{key}: has values of its own; set one of "
            f"{', '.join(leaf for leaf in leaves(()) if leaf.startswith(f'{key}.'))}"
        )
    if "to string" in reason:
        return f'{key}: must be a single text, not "{value}"'
    if "is not Optional" in reason:
        return f"{key}: must have a value, not null"
    if "incompatible with type hint 'int'" in reason:
        return f'{key}: must hold whole numbers only, not "{value}"'
    if "is not a ListConfig" in reason and value.startswith("["):
        return f'{key}: must be a list of lists, as in [[1,2,3]], not "{value}"'
    if "is not a ListConfig" in reason:
        return f'{key}: must be a list in brackets, not "{value}"'
    return f'{key}: cannot be "{value}" ({reason[0].lower() + reason[1:]})'


def unknown_key(key: str, overrides: Sequence[str]) -> str:
    """The sentence for a key or a group that does not exist, with the nearest that does."""
    if key.partition(".")[0].partition("/")[0] == "hydra":
        return f"{key}: Hydra has no such key; see binn run --hydra-help"
    if key in GROUPS:
        return _no_option(overrides)
    if "." not in key:
        known = [*GROUPS, *SECTIONS, *PLAIN_KEYS]
        return f"{key}: no such group or key{did_you_mean(key, known) or '; there are ' + ', '.join(known)}"
    group, _, leaf = key.partition(".")
    owners = [
        name for name, schema in SCHEMAS.get(group, {}).items() if leaf in {known.name for known in fields(schema)}
    ]
    if owners:
        return (
            f"{key}: no such key in the chosen {group}; it belongs to "
            f"{' and '.join(f'{group}={name}' for name in owners)}"
        )
    others = [part for part in overrides if part.lstrip("+~").partition("=")[0] != key]
    return f"{key}: {no_such_key(key, leaves(others))}"
