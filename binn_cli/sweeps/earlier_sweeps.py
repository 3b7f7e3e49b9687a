"""Sweeps that exist already, and whether a new one is the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from binn_cli.config.store import conf_directory
from binn_cli.errors import BinnError
from binn_cli.results import sweep_file
from binn_cli.results.fate import fates_of
from binn_cli.results.provenance import code_digest
from binn_cli.results.sweep_file import SweepFile, read_sweep


@dataclass(frozen=True)
class EarlierSweep:
    """A sweep on the disk.

    Attributes:
        directory: the sweep's.
        file: what it says of itself.
    """

    directory: Path
    file: SweepFile

    @property
    def numbers(self) -> dict[str, int]:
        """The number of every job by what identifies it; of equal jobs the first one's."""
        found: dict[str, int] = {}
        for job in self.file.jobs:
            found.setdefault(job.config_id or " ".join(job.overrides), job.job)
        return found


def earlier_sweeps(root: Path) -> list[EarlierSweep]:
    """The sweeps in a directory, by name; files that cannot be used are passed over."""
    found = []
    for path in sorted(root.glob(f"*/{sweep_file.FILE_NAME}")):
        try:
            sweep = read_sweep(path.parent)
        except BinnError:
            continue
        if sweep is not None:
            found.append(EarlierSweep(path.parent, sweep))
    return found


def the_same_sweep(jobs: Sequence[tuple[str, tuple[str, ...]]], sweeps: Sequence[EarlierSweep]) -> EarlierSweep | None:
    """The sweep that has exactly these jobs; of several the one with the most results, and the last of those.

    Args:
        jobs: `config_id` and overrides of each.
        sweeps: those to choose from.
    """
    wanted = {config_id or " ".join(overrides) for config_id, overrides in jobs}
    same = [sweep for sweep in sweeps if set(sweep.numbers) == wanted]
    if len(same) < 2:
        return same[0] if same else None
    return max(
        enumerate(same), key=lambda pair: (sum(fate.succeeded for fate in fates_of(pair[1].directory)), pair[0])
    )[1]


def composed_with(flags: Sequence[str]) -> str:
    """A digest of all that turns overrides into a configuration; empty where files of the user's take part, which are
    not looked at."""
    if any(flag.startswith(("--config-dir", "--config-path", "--config-name")) for flag in flags):
        return ""
    whole = hashlib.sha256(code_digest().encode())
    for path in sorted(conf_directory().rglob("*.yaml")):
        whole.update(path.as_posix().encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()[:16]
