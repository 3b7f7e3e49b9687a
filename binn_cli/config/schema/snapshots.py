"""The schema of the data set `snapshots`: a folder of simulations that exist."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from binn_cli.config.ranges import at_least, one_of
from binn_cli.config.schema.kinds import kinds_of
from binn_cli.config.schema.table import AUTO, texts
from binn_cli.errors import ConfigError


@dataclass
class SnapshotsConfig:
    """conf/dataset/snapshots.yaml"""

    name: str = "snapshots"
    path: str = ""
    table: str = ""
    file_column: str = AUTO
    pattern: str = ""
    outputs: list[Any] = field(default_factory=list)
    coordinates: list[Any] = field(default_factory=list)
    parameters: list[Any] = field(default_factory=list)
    kinds: Any = None
    location: str = AUTO
    meshes: str = AUTO
    stride: int = 1
    missing: str = "refuse"
    test_share: float = 0.2
    test_cases: list[Any] = field(default_factory=list)
    train_cases: int = 0
    stream: bool = False
    initial_cases: int = 8
    cache: str = "data/snapshots"
    cheap: str = ""

    def __post_init__(self) -> None:
        for key in ("outputs", "coordinates", "parameters", "test_cases"):
            names = texts(f"dataset.{key}", getattr(self, key))
            if len(set(names)) != len(names):
                raise ConfigError(f"dataset.{key}", f"must name nothing twice, as [{', '.join(names)}] does")
            setattr(self, key, names)
        if self.table and self.pattern:
            raise ConfigError("dataset.pattern", "must be empty where dataset.table says the parameters")
        kinds_of(self.kinds)
        one_of("dataset.location", self.location, (AUTO, "point", "cell"))
        one_of("dataset.meshes", self.meshes, (AUTO, "same", "own"))
        one_of("dataset.missing", self.missing, ("refuse", "drop"))
        if not self.test_cases and not 0 < self.test_share < 1:
            problem = (
                f"must lie between 0 and 1, both excluded, not {self.test_share}; or name files with dataset.test_cases"
            )
            raise ConfigError("dataset.test_share", problem)
        at_least("dataset.stride", self.stride, 1)
        at_least("dataset.train_cases", self.train_cases, 0)
        at_least("dataset.initial_cases", self.initial_cases, 2)
