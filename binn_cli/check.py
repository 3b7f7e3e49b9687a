"""The verb `check`: compose a data set, look at it, and fit nothing."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf, open_dict

from binn_cli import build
from binn_cli.config.compose import Settings, validated
from binn_cli.config.explain import explained
from binn_cli.config.store import conf_directory, register
from binn_cli.errors import BinnError
from binn_cli.tasks.check import checked
from binn_cli.views.console.check import print_check


def check(file: Path | None, overrides: Sequence[str], as_json: bool) -> int:
    """Print what is in a file, or in the data set that the overrides choose.

    Args:
        file: a table; None where the overrides say everything.
        overrides: as of `binn run`.
        as_json: whether to print JSON.

    Returns:
        The exit status: 1 if `binn run` would refuse the data.

    Raises:
        BinnError: if the data cannot be read at all.
    """
    found = checked(build.dataset(_settings(file, overrides)))
    print_check(found, as_json)
    if found.refused:
        print(f"binn run would refuse this: {found.refused}", file=sys.stderr)
    return 1 if found.refused else 0


def _settings(file: Path | None, overrides: Sequence[str]) -> Settings:
    register()
    chosen = [
        *([f"dataset={_dataset_of(file)}"] if file is not None and not _names_dataset(overrides) else []),
        *overrides,
    ]
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
            config = compose("config", chosen)
        if file is not None:
            with open_dict(config):
                OmegaConf.update(config, "dataset.path", str(file))
        return validated(config)
    except BinnError:
        raise
    except Exception as error:
        raise BinnError(explained(error, chosen)) from error


def _dataset_of(file: Path) -> str:
    """A folder, or a zip of several files, holds simulations; anything else a table."""
    if file.is_dir():
        return "snapshots"
    if file.suffix.lower() != ".zip" or not zipfile.is_zipfile(file):
        return "table"
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    return "snapshots" if len(names) > 1 else "table"


def _names_dataset(overrides: Sequence[str]) -> bool:
    return any(override.startswith("dataset=") for override in overrides)
