"""The schemas of the group `task`."""

from __future__ import annotations

from dataclasses import dataclass, field

from binn_cli.config.ranges import at_least, one_of, positive, valid_seed, within
from binn_cli.errors import ConfigError

TARGETS = ("rmse", "rel_rmse", "mae", "max_error", "nlpd", "crps", "interval_score_95", "r2")
"""Metrics that active learning may stop at: all of them but r2 shall be small."""

ACQUISITIONS = ("mean_std", "max_std", "ivr", "random", "maximin", "ei")
DIRECTIONS = ("minimize", "maximize")


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
class StopConfig:
    """The section `stop` of conf/task/active_learn.yaml"""

    rmse: float | None = None
    rel_rmse: float | None = None
    gain: float | None = None
    metric: str | None = None
    split: str = "test"
    value: float | None = None
    calls: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for key in ("rmse", "rel_rmse", "gain", "seconds"):
            if getattr(self, key) is not None:
                positive(f"task.stop.{key}", getattr(self, key))
        if self.calls is not None:
            at_least("task.stop.calls", self.calls, 1)
        if (self.metric is None) != (self.value is None):
            lacking = "value" if self.value is None else "metric"
            raise ConfigError(
                f"task.stop.{lacking}", "is missing; task.stop.metric and task.stop.value belong together"
            )
        if self.metric is not None:
            one_of("task.stop.metric", self.metric, TARGETS)

    @property
    def looks_ahead(self) -> bool:
        """Whether it needs to be known what the surrogate expects of itself."""
        return not (self.rmse is None and self.rel_rmse is None and self.gain is None)


@dataclass
class ActiveLearnConfig:
    """conf/task/active_learn.yaml"""

    name: str = "active_learn"
    acquisition: str = "mean_std"
    goal: str = "minimize"
    output: str = ""
    initial: int | None = None
    rounds: int = 20
    batch: int = 1
    acquisition_points: int = 4096
    stop: StopConfig = field(default_factory=StopConfig)
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("task.acquisition", self.acquisition, ACQUISITIONS)
        one_of("task.goal", self.goal, DIRECTIONS)
        if self.output and self.acquisition != "ei":
            raise ConfigError("task.output", "belongs to task.acquisition=ei; the others look at all outputs")
        if self.initial is not None:
            at_least("task.initial", self.initial, 1)
        at_least("task.rounds", self.rounds, 1)
        at_least("task.batch", self.batch, 1)
        at_least("task.acquisition_points", self.acquisition_points, 1)
        valid_seed("task.seed", self.seed)


@dataclass
class SolveConfig:
    """conf/task/solve.yaml"""

    name: str = "solve"
    tolerance: float | None = None
    most_points: int = 513
    truth_points: int = 20_000
    observations: str = ""
    unknown: list[str] = field(default_factory=list)
    noise_std: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.unknown and not self.observations:
            raise ConfigError("task.observations", "name the file of observations with task.observations=obs.csv")
        if len(set(self.unknown)) != len(self.unknown):
            raise ConfigError("task.unknown", f"must name nothing twice, as [{', '.join(self.unknown)}] does")
        if self.noise_std is not None:
            at_least("task.noise_std", self.noise_std, 0)
        if self.tolerance is not None:
            within("task.tolerance", self.tolerance, 1e-14, 1)
        at_least("task.most_points", self.most_points, 3)
        at_least("task.truth_points", self.truth_points, 20_000)
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
            raise ConfigError(
                "task.sizes",
                f"must be rising whole numbers of at least 1, such as [1000, 10000], not {list(self.sizes)}",
            )
        at_least("task.repeats", self.repeats, 1)
        positive("task.timeout", self.timeout)
