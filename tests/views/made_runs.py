"""Runs that were never run: results files with the numbers that a test wants."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from binn_cli.results.record import Header, RunRecord, Step
from binn_cli.results.store import write


def made_run(
    directory: Path,
    *,
    model: Mapping[str, Any] | None = None,
    dataset: Mapping[str, Any] | None = None,
    seed: int = 0,
    scores: Mapping[str, Mapping[str, Any]] | None = None,
    outputs: tuple[str, ...] = ("y",),
    status: str = "complete",
    reason: str | None = None,
    provenance: Mapping[str, Any] | None = None,
    fit: float = 1.0,
    note: str = "",
) -> Path:
    """Write the results file of a run; gives its directory."""
    config = {
        "dataset": {"name": "sine", "n_train": 60, "cache": str(directory), **(dataset or {})},
        "model": {"name": "binn", "seed": seed, **(model or {})},
        "task": {"name": "regress", "seed": seed},
        "budget": "quick",
        "output": {"root": str(directory.parent)},
        "seed": seed,
    }
    name = "-".join(
        str(value) for section in ("dataset", "model") for key, value in config[section].items() if key != "cache"
    )
    header = Header(
        "regress",
        config["dataset"]["name"],
        config["model"]["name"],
        f"{name}-{seed}",
        seed,
        yaml.safe_dump(config),
        note,
    )
    found = {"test": {"rmse": 0.5}} if scores is None else scores
    metrics = {
        split: {
            metric: np.broadcast_to(np.asarray(value, dtype=float), len(outputs)) for metric, value in named.items()
        }
        for split, named in found.items()
    }
    steps = (
        (Step(n_train=60, metrics=metrics, timings={"fit": fit, "compile": 2.0}, peak_rss_bytes=10**8),)
        if metrics
        else ()
    )
    known = {
        "program_version": "0.1.0",
        "code_digest": "sha256:aaaaaaaaaaaaaaaa",
        "data_identity": "{}",
        **(provenance or {}),
    }
    directory.mkdir(parents=True)
    write(directory / "results.h5", RunRecord(header, status, reason, known, steps, outputs if steps else ()))
    return directory
