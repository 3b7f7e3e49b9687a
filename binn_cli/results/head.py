"""What is read of a run to list it or to compare it with others: everything but arrays of points and steps gone by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Head:
    """A run in short; plain values throughout, so that an index can keep it as JSON.

    Attributes:
        status: "running", "complete" or "failed", as the file says; see `fate` for what became of a run that says
            "running".
        reason: why it failed; empty where it did not.
        task, dataset, model, config_id, seed, note: as in `Header`.
        config: every leaf of the resolved configuration by its dotted name; a list is one value, as JSON writes it.
        provenance: as in the file.
        outputs: names of the outputs.
        n_steps: how many steps are finished.
        n_train: training points of the last one.
        metrics: of the last step by split and name, one value an output; NaN as None.
        timings: seconds by phase, over all steps.
        peak_rss_bytes: the largest resident memory.
        warnings: how many steps bear warnings.
    """

    status: str
    reason: str
    task: str
    dataset: str
    model: str
    config_id: str
    seed: int
    note: str
    config: Mapping[str, Scalar]
    provenance: Mapping[str, Scalar]
    outputs: tuple[str, ...] = ()
    n_steps: int = 0
    n_train: int = 0
    metrics: Mapping[str, Mapping[str, list[float | None]]] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    peak_rss_bytes: int = 0
    warnings: int = 0


def read_head(path: Path) -> Head:
    """The head of a results file.

    Raises:
        BinnError: as `store.read`.
    """
    from binn_cli.results.store import config_text, opened
    from binn_cli.results.tree import scalar

    with opened(path) as file:
        root: dict[str, Any] = {name: scalar(value) for name, value in file.attrs.items()}
        return Head(
            status=str(root["status"]),
            reason=str(root.get("reason", "")),
            task=str(root["task"]),
            dataset=str(root["dataset"]),
            model=str(root["model"]),
            config_id=str(root["config_id"]),
            seed=int(root["seed"]),
            note=str(root.get("note", "")),
            config=flattened(config_text(file)),
            provenance={name: scalar(value) for name, value in file["provenance"].attrs.items()},
            **_last_step(file),
        )


def flattened(config: str) -> dict[str, Scalar]:
    """Every leaf of a configuration by its dotted name."""
    import yaml

    # The parser in C is ten times as fast, and is not everywhere.
    found = yaml.load(config, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return _flat("", found) if isinstance(found, dict) else {}


def _flat(prefix: str, section: Mapping[Any, Any]) -> dict[str, Scalar]:
    import json

    leaves: dict[str, Scalar] = {}
    for key, value in section.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            leaves |= _flat(f"{name}.", value)
        else:
            leaves[name] = (
                value
                if value is None or isinstance(value, str | int | float | bool)
                else json.dumps(value, default=str)
            )
    return leaves


def _last_step(file: Any) -> dict[str, Any]:
    import numpy as np

    from binn_cli.results.dimensions import values_of, variables

    n_train = file["step/n_train"]
    outputs = tuple(str(name) for name in values_of(file["output"]))
    known: dict[str, Any] = {"outputs": outputs, "n_steps": len(n_train)}
    if len(n_train) == 0:
        return known
    splits = [str(split) for split in values_of(file["metrics/split"])]
    metrics: dict[str, dict[str, list[float | None]]] = {split: {} for split in splits}
    for name, found in variables(file["metrics"]).items():
        for split, values in zip(splits, found[-1], strict=True):
            if np.isfinite(values).any():
                metrics[split][name] = [float(value) if np.isfinite(value) else None for value in values]
    warnings: Any = values_of(file["step/warnings"]) if "warnings" in file["step"] else []
    totals = {name: float(np.nansum(found[...])) for name, found in variables(file["timings"]).items()}
    return known | {
        "n_train": int(n_train[-1]),
        "metrics": {split: named for split, named in metrics.items() if named},
        "timings": totals,
        "peak_rss_bytes": int(np.max(file["resources/peak_rss_bytes"][...])),
        "warnings": sum(1 for warning in warnings if warning),
    }
