"""The schema of the data set `table`: the user's own scattered data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from binn_cli.config.ranges import at_least, intervals
from binn_cli.errors import ConfigError


@dataclass
class TableConfig:
    """conf/dataset/table.yaml"""

    name: str = "table"
    path: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    ranges: Any = None  # Hydra adds no key to a dictionary that has a type
    test_path: str = ""
    test_share: float = 0.2
    n_train: int = 0
    stream: bool = False
    initial_cases: int = 8

    def __post_init__(self) -> None:
        if not self.test_path and not 0 < self.test_share < 1:
            raise ConfigError(
                "dataset.test_share", f"must lie between 0 and 1, both excluded, not {self.test_share}; or give dataset.test_path"
            )
        if self.ranges is not None:
            self.ranges = intervals("dataset.ranges", self.ranges)
        at_least("dataset.n_train", self.n_train, 0)
        at_least("dataset.initial_cases", self.initial_cases, 2)
        for key, names in (("inputs", self.inputs), ("outputs", self.outputs)):
            if len(set(names)) != len(names):
                raise ConfigError(f"dataset.{key}", f"names a column twice: {', '.join(names)}")
        twice = sorted(set(self.inputs) & set(self.outputs))
        if twice:
            raise ConfigError("dataset.outputs", f"names what dataset.inputs names too: {', '.join(twice)}")
