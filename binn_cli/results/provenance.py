"""Where, when and with what a run was made; the name of the host is left out for privacy."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import binn_cli

PACKAGES = (
    "binn",
    "hydra-core",
    "omegaconf",
    "jax",
    "jaxlib",
    "numpyro",
    "numpy",
    "scipy",
    "h5py",
    "pandas",
    "xarray",
    "scikit-fem",
    "scoringrules",
    "matplotlib",
)
"""The packages whose versions are kept, where they are installed."""

DATA_IDENTITY = "data_identity"
"""The attribute of /provenance that says what the data are known by, JSON with names and digests or versions."""

SIDE_BY_SIDE = "side_by_side"
"""The attribute of /provenance that says how many other runs shared the machine with this one at some time."""

COMPUTING = ("build.py", "config", "datasets", "measure.py", "metrics.py", "models", "results", "tasks")
"""What of the package a number can depend on; the views and the command line are above it."""

COMMAND_LINE = "BINN_COMMAND_LINE"


@contextmanager
def typed(argv: Sequence[str]) -> Iterator[None]:
    """Remember what was typed, also for the processes that a sweep may start: sys.argv is another's there, and Hydra's
    in a run."""
    before = os.environ.get(COMMAND_LINE)
    os.environ[COMMAND_LINE] = shlex.join(argv)
    try:
        yield
    finally:
        del os.environ[COMMAND_LINE]
        if before is not None:
            os.environ[COMMAND_LINE] = before


def _typed() -> str:
    # Bytes that are no text, such as those of a strange file name, cannot be kept as such.
    return os.environ.get(COMMAND_LINE, shlex.join(sys.argv)).encode("utf-8", "backslashreplace").decode()


def collect(argv: Sequence[str] | None = None) -> dict[str, str | int | float | bool]:
    """The provenance of a run that starts now.

    Args:
        argv: the command line; by default what was typed.
    """
    from importlib.metadata import PackageNotFoundError, version  # with all of `email`: not for `--cfg job`

    known: dict[str, str | int | float | bool] = {
        "program_version": binn_cli.__version__,
        "code_digest": code_digest(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count() or 0,
        "cpu_model": _cpu_model(),
        "memory_bytes": _memory_bytes(),
        "devices": devices(),
        "processes": processes(),
        "argv": _typed() if argv is None else shlex.join(argv),
        "start_time": now(),
    }
    for package in PACKAGES:
        try:
            known[f"version_{package}"] = version(package)
        except PackageNotFoundError:
            continue
    return known | _source_revision()


@cache
def code_digest() -> str:
    """A digest of all code that a number can depend on: unlike a commit it also tells of changes that are not
    committed."""
    package = Path(binn_cli.__file__).resolve().parent
    files = sorted(
        file
        for part in COMPUTING
        for file in ([package / part] if part.endswith(".py") else (package / part).rglob("*.py"))
    )
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.relative_to(package).as_posix()}\0".encode())
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return f"sha256:{whole.hexdigest()[:16]}"


def now() -> str:
    """The present time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def devices() -> str:
    """What jax computes on; "not asked" while nothing has imported jax, which takes a second."""
    jax = sys.modules.get("jax")
    if jax is None:
        return "not asked"
    try:
        return ", ".join(str(device) for device in jax.devices())
    except RuntimeError as error:
        return f"none: {error}"


def processes() -> int:
    """How many processes compute together; see `binn_cli.models.processes`."""
    jax = sys.modules.get("jax")
    try:
        return 1 if jax is None else int(jax.process_count())
    except RuntimeError:  # no device at all, which `devices` tells
        return 1


def peak_rss_bytes() -> int:
    """The largest resident memory of this process so far; 0 where the platform does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024


def _source_revision() -> dict[str, str | bool]:
    root = Path(binn_cli.__file__).resolve().parent.parent
    # an installed program may lie inside somebody else's repository, such as a project that keeps its environment in
    # its folder
    if not (root / ".git").exists():
        return {}
    commit, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain", "--untracked-files=no")
    return {} if commit is None or changes is None else {"git_commit": commit, "git_dirty": bool(changes)}


def _git(root: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ("git", "-C", str(root), *arguments), capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
