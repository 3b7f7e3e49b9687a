"""The schemas of the group `task`."""

from __future__ import annotations

from dataclasses import dataclass, field

from binn_cli.config.ranges import at_least, one_of, positive, valid_seed
from binn_cli.errors import ConfigError

ACQUISITIONS = ("mean_std", "max_std", "ivr", "random", "maximin")


@dataclass
class RegressConfig:
    """conf/task/regress.yaml"""

    name: str = "regress"
    train_points: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.train_points is not None:
            at_least("task.train_points", self.train_points, 1)
        valid_seed("task.seed", self.seed)


@dataclass
class ActiveLearnConfig:
    """conf/task/active_learn.yaml"""

    name: str = "active_learn"
    acquisition: str = "mean_std"
    initial: int | None = None
    rounds: int = 20
    batch: int = 1
    acquisition_points: int = 4096
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("task.acquisition", self.acquisition, ACQUISITIONS)
        if self.initial is not None:
            at_least("task.initial", self.initial, 1)
        at_least("task.rounds", self.rounds, 1)
        at_least("task.batch", self.batch, 1)
        at_least("task.acquisition_points", self.acquisition_points, 1)
        valid_seed("task.seed", self.seed)


@dataclass
class ScalingConfig:
    """conf/task/scaling.yaml"""

    name: str = "scaling"
    parameter: str | None = None
    sizes: list[int] = field(default_factory=lambda: [160, 1280, 10240, 81920, 655360, 1310720])
    repeats: int = 3
    timeout: float = 3600.0

    def __post_init__(self) -> None:
        if not self.sizes or list(self.sizes) != sorted(set(self.sizes)) or self.sizes[0] < 1:
            raise ConfigError("task.sizes", f"must be rising whole numbers of at least 1, such as [1000, 10000], not {list(self.sizes)}")
        at_least("task.repeats", self.repeats, 1)
        positive("task.timeout", self.timeout)
