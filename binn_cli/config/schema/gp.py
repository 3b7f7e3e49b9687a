"""The schemas of the Gaussian processes: model=gp, gp_grid, gp_sparse, gp_local and
gp_vecchia."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from binn_cli.config.ranges import at_least, one_of, per_coordinate, valid_seed, within
from binn_cli.errors import ConfigError

KERNELS = ("rbf", "matern52")
SMALLEST_VARIANCE, LARGEST_VARIANCE = 1e-30, 1e12


@dataclass
class KernelConfig:
    """What all Gaussian processes have in common."""

    kernel: str = "rbf"
    hyperparameters: str = "evidence"
    outputs: str = "separate"
    length: Any = 0.3
    length_unit: str = "unit"
    signal_variance: float = 1.0
    noise_variance: float = 1e-3
    output_scaling: str = "standard"
    starts: int = 2
    iterations: int = 60
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("model.kernel", self.kernel, KERNELS)
        one_of("model.hyperparameters", self.hyperparameters, ("fixed", "evidence"))
        one_of("model.outputs", self.outputs, ("separate", "shared"))
        self.length = per_coordinate("model.length", self.length, 0, exclusive=True, word="")
        one_of("model.length_unit", self.length_unit, ("unit", "input"))
        within("model.signal_variance", self.signal_variance, SMALLEST_VARIANCE, LARGEST_VARIANCE)
        within("model.noise_variance", self.noise_variance, SMALLEST_VARIANCE, LARGEST_VARIANCE)
        one_of("model.output_scaling", self.output_scaling, ("scale", "standard", "none"))
        within("model.starts", self.starts, 1, 1000)
        at_least("model.iterations", self.iterations, 0)
        valid_seed("model.seed", self.seed)


@dataclass
class GpConfig(KernelConfig):
    """conf/model/gp.yaml"""

    name: str = "gp"
    noise: str = "constant"
    evidence_points: int = 1000
    memory: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("model.noise", self.noise, ("constant", "varying"))
        if self.noise == "varying" and self.hyperparameters == "fixed":
            raise ConfigError(
                "model.noise", "must be constant where model.hyperparameters is fixed: how noise varies is learned"
            )
        at_least("model.evidence_points", self.evidence_points, 2)
        within("model.memory", self.memory, 0.0, 1.0)


@dataclass
class GpGridConfig(KernelConfig):
    """conf/model/gp_grid.yaml"""

    name: str = "gp_grid"
    starts: int = 1
    iterations: int = 80
    noise_variance: float = 1e-8
    output_scaling: str = "scale"
    warp: str = "log"
    noise_floor: float = 1e-12
    evidence_points: int = 2_000_000

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("model.warp", self.warp, ("none", "log"))
        within("model.noise_floor", self.noise_floor, 1e-24, 1.0)
        at_least("model.evidence_points", self.evidence_points, 2)


@dataclass
class GpSparseConfig(KernelConfig):
    """conf/model/gp_sparse.yaml"""

    name: str = "gp_sparse"
    starts: int = 1
    method: str = "auto"
    inducing: int = 1024
    evidence_points: int = 1000
    bound_points: int = 8192
    bound_iterations: int = 10
    steps: int = 100
    batch: int = 512
    learning_rate: float = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("model.method", self.method, ("auto", "collapsed", "stochastic"))
        within("model.inducing", self.inducing, 1, 10_000)
        at_least("model.evidence_points", self.evidence_points, 2)
        at_least("model.bound_points", self.bound_points, 1)
        at_least("model.bound_iterations", self.bound_iterations, 0)
        at_least("model.steps", self.steps, 1)
        at_least("model.batch", self.batch, 1)
        within("model.learning_rate", self.learning_rate, 0.0, 1.0)


@dataclass
class GpLocalConfig(KernelConfig):
    """conf/model/gp_local.yaml"""

    name: str = "gp_local"
    starts: int = 1
    partition: str = "kdtree"
    expert_points: int = 128
    combination: str = "rbcm"
    nearest: int = 4
    evidence_points: int = 1000
    evidence_experts: int = 32
    memory: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("model.partition", self.partition, ("kdtree", "kmeans"))
        within("model.expert_points", self.expert_points, 1, 20_000)
        one_of("model.combination", self.combination, ("rbcm", "grbcm", "gpoe", "bcm"))
        at_least("model.nearest", self.nearest, 1)
        at_least("model.evidence_points", self.evidence_points, 2)
        at_least("model.evidence_experts", self.evidence_experts, 1)
        within("model.memory", self.memory, 0.0, 1.0)


@dataclass
class GpVecchiaConfig(KernelConfig):
    """conf/model/gp_vecchia.yaml"""

    name: str = "gp_vecchia"
    starts: int = 1
    neighbours: int = 20
    evidence_points: int = 1000
    vecchia_points: int = 5000

    def __post_init__(self) -> None:
        super().__post_init__()
        within("model.neighbours", self.neighbours, 1, 1000)
        at_least("model.evidence_points", self.evidence_points, 2)
        at_least("model.vecchia_points", self.vecchia_points, 2)
