"""The verb `resume`: a run goes on from its last finished step, a sweep with all that is missing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from binn_cli.config.compose import Settings, read
from binn_cli.config.schema import LimitsConfig, Wishes
from binn_cli.errors import BinnError, ConfigError
from binn_cli.results.fate import COMPLETE, RESULTS, RUNNING, fate_of, is_sweep
from binn_cli.results.sweep_file import read_sweep
from binn_cli.sweeps.overrides import changed, key_of, without_wishes
from binn_cli.sweeps.plan import GO_ON, LEAVE, SKIP
from binn_cli.sweeps.single import run_single


def resume(path: Path, changes: Sequence[str] = ()) -> int:
    """Go on with a run or a sweep, and print the results files on stdout.

    Args:
        path: directory of the run or the sweep, or a results file.
        changes: arguments such as `dry_run=true` or `limits.seconds=60`.

    Returns:
        The exit status.

    Raises:
        BinnError: if there is nothing to go on with, it is complete, another process is working on it, or it fails
            again.
    """
    if path.is_dir() and is_sweep(path) and not (path / RESULTS).exists():
        return _resume_sweep(path, changes)
    directory = path.parent if path.name == RESULTS else path
    settings, dry_run = with_limits(read(directory / "config.yaml"), changes)
    if dry_run:
        _print_plan(directory, settings)
        return 0
    print(run_single(settings, directory, resuming=True))
    return 0


def _resume_sweep(directory: Path, changes: Sequence[str]) -> int:
    from binn_cli.run import main

    sweep = read_sweep(directory)
    if sweep is None:
        advice = "go on with its runs one by one, or type the command again with resume=true"
        raise BinnError(
            f"{directory}: an older version of the program made this sweep, which says not what it consists of; "
            f"{advice}"
        )
    wishes = [*(override for override in changes if override == "force=true"), "resume=true"]
    overrides = changed([*without_wishes(sweep.overrides), *wishes], changes)
    return main([*sweep.flags, "-m", *overrides], program="binn resume", goes_on_in=directory)


def with_limits(settings: Settings, changes: Sequence[str]) -> tuple[Settings, bool]:
    """The settings of a run with other limits, and whether only to say what would be done."""
    limits: dict[str, Any] = {}
    dry_run = False
    for change in changes:
        key, value = key_of(change), yaml.safe_load(change.partition("=")[2] or "null")
        if found := re.fullmatch(r"limits\.(\w+)", key):
            if found.group(1) not in LimitsConfig.__dataclass_fields__:
                raise ConfigError(key, f"no such key; limits has {', '.join(LimitsConfig.__dataclass_fields__)}")
            limits[found.group(1)] = float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        elif key == "dry_run":
            dry_run = value is True
        elif key == "force":
            raise ConfigError(key, "would begin anew, which is binn rerun RUN; binn resume RUN goes on")
        elif key not in Wishes.__dataclass_fields__:
            raise ConfigError(
                key, "is part of what the run computes and cannot be changed here; for another run: binn run"
            )
    return replace(settings, limits=LimitsConfig(**limits)), dry_run


def _print_plan(directory: Path, settings: Settings) -> None:
    from binn_cli.views.console.fates import print_plan

    fate = fate_of(directory)
    action = {COMPLETE: SKIP, RUNNING: LEAVE}.get(fate.status, GO_ON)
    name = "_".join([settings.task.name, settings.dataset.name, settings.model.name])
    print_plan([((name,), action, f"{fate.status} after {fate.steps} finished steps", directory)])
