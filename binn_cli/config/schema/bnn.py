"""The schemas of the Bayesian neural networks, model=bnn_…: what they share, and what each inference adds."""

from __future__ import annotations

from dataclasses import dataclass, field

from binn_cli.config.ranges import at_least, one_of, positive, valid_seed, within

ACTIVATIONS = ("tanh", "relu", "silu", "gelu", "sin")
PRIORS = ("fan_in", "unit", "xavier", "function")
KERNELS = ("rbf", "matern52", "matern32")
METRICS = ("curvature", "adapted", "identity")
MOST_UNITS = 4096
"""Units of a layer, and draws that are kept, beyond which a slip of the finger is more likely than a wish."""


@dataclass
class NetworkConfig:
    """The network, its prior and its noise: what every conf/model/bnn_*.yaml has."""

    name: str = ""
    widths: list[int] = field(default_factory=lambda: [64, 64])
    activation: str = "tanh"
    prior: str = "fan_in"
    prior_kernel: str = "rbf"
    prior_length: float = 0.3
    prior_variance: float = 1.0
    noise: str = "learned"
    noise_variance: float = 1e-3
    temperature: float = 1.0
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        for width in self.widths:
            within("model.widths", width, 1, MOST_UNITS)
        one_of("model.activation", self.activation, ACTIVATIONS)
        one_of("model.prior", self.prior, PRIORS)
        one_of("model.prior_kernel", self.prior_kernel, KERNELS)
        within("model.prior_length", self.prior_length, 0.01, 100.0)
        within("model.prior_variance", self.prior_variance, 1e-6, 1e6)
        one_of("model.noise", self.noise, ("learned", "fixed"))
        within("model.noise_variance", self.noise_variance, 1e-12, 1e6)
        within("model.temperature", self.temperature, 1e-6, 1e6)
        one_of("model.precision", self.precision, ("float32", "float64"))
        valid_seed("model.seed", self.seed)


@dataclass
class TrainedConfig(NetworkConfig):
    """Networks whose weights are found by climbing: Adam, then L-BFGS."""

    steps: int = 8000
    steps_again: int = 2000
    batch: int = 1024
    learning_rate: float = 3e-3
    polish: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("steps", "steps_again", "batch", "polish"):
            at_least(f"model.{key}", getattr(self, key), 0)
        positive("model.learning_rate", self.learning_rate)


@dataclass
class McmcConfig(NetworkConfig):
    """Networks whose weights are sampled by a Markov chain."""

    chains: int = 1
    warmup: int = 40
    samples: int = 40
    warmup_again: int = 20
    samples_again: int = 40
    subsample: int = 0
    keep: int = 50
    start_steps: int = 8000
    start_polish: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        within("model.chains", self.chains, 1, 64)
        for key in ("warmup", "warmup_again", "subsample", "start_steps", "start_polish"):
            at_least(f"model.{key}", getattr(self, key), 0)
        for key in ("samples", "samples_again"):
            at_least(f"model.{key}", getattr(self, key), 4)
        within("model.keep", self.keep, 1, MOST_UNITS)


@dataclass
class BnnNutsConfig(McmcConfig):
    """conf/model/bnn_nuts.yaml"""

    name: str = "bnn_nuts"
    target_accept: float = 0.85
    max_tree_depth: int = 5
    metric: str = "curvature"

    def __post_init__(self) -> None:
        super().__post_init__()
        within("model.target_accept", self.target_accept, 0.05, 0.999)
        within("model.max_tree_depth", self.max_tree_depth, 1, 15)
        one_of("model.metric", self.metric, METRICS)


@dataclass
class BnnHmcConfig(McmcConfig):
    """conf/model/bnn_hmc.yaml"""

    name: str = "bnn_hmc"
    samples: int = 60
    step: float = 0.1
    leapfrog: int = 20
    adapt: bool = True
    target_accept: float = 0.8
    metric: str = "curvature"

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("model.step", self.step)
        within("model.leapfrog", self.leapfrog, 1, 100_000)
        one_of("model.metric", self.metric, METRICS)
        within("model.target_accept", self.target_accept, 0.05, 0.999)


@dataclass
class BnnMhConfig(McmcConfig):
    """conf/model/bnn_mh.yaml"""

    name: str = "bnn_mh"
    warmup: int = 500
    samples: int = 1000
    warmup_again: int = 200
    samples_again: int = 500
    step: float = 0.03
    metric: str = "curvature"

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("model.step", self.step)
        one_of("model.metric", self.metric, ("curvature", "identity"))


@dataclass
class BnnEnsembleConfig(TrainedConfig):
    """conf/model/bnn_ensemble.yaml"""

    name: str = "bnn_ensemble"
    steps: int = 4000
    steps_again: int = 1000
    polish: int = 100
    members: int = 5
    anchored: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        within("model.members", self.members, 2, 256)


@dataclass
class BnnMapConfig(TrainedConfig):
    """conf/model/bnn_map.yaml"""

    name: str = "bnn_map"


@dataclass
class BnnLaplaceConfig(TrainedConfig):
    """conf/model/bnn_laplace.yaml"""

    name: str = "bnn_laplace"
    covariance: str = "auto"
    full_limit: int = 1000
    tune: bool = True
    draws: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("model.covariance", self.covariance, ("auto", "full", "last_layer"))
        within("model.full_limit", self.full_limit, 0, 20_000)
        within("model.draws", self.draws, 2, MOST_UNITS)


@dataclass
class BnnSwagConfig(TrainedConfig):
    """conf/model/bnn_swag.yaml"""

    name: str = "bnn_swag"
    walk: int = 8000
    walk_again: int = 4000
    every: int = 50
    step: float = 0.1
    rank: int = 20
    runs: int = 1
    draws: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        within("model.every", self.every, 1, 1_000_000)
        for key in ("walk", "walk_again"):
            at_least(f"model.{key}", getattr(self, key), 2 * self.every)
        within("model.step", self.step, 1e-8, 1.0)
        within("model.rank", self.rank, 0, 1000)
        within("model.runs", self.runs, 1, 256)
        within("model.draws", self.draws, 2, MOST_UNITS)


@dataclass
class BnnSgldConfig(McmcConfig):
    """conf/model/bnn_sgld.yaml"""

    name: str = "bnn_sgld"
    chains: int = 2
    warmup: int = 200
    samples: int = 200
    warmup_again: int = 100
    samples_again: int = 200
    start_steps: int = 4000
    start_polish: int = 250
    steps: int = 100
    batch: int = 256
    step: float = 0.1
    decay: float = 0.33
    control_variates: bool = True
    metric: str = "curvature"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("model.steps", self.steps, 1)
        at_least("model.batch", self.batch, 0)
        within("model.step", self.step, 1e-8, 1.0)
        within("model.decay", self.decay, 0.0, 1.0)
        one_of("model.metric", self.metric, ("curvature", "identity"))


@dataclass
class BnnViConfig(NetworkConfig):
    """conf/model/bnn_vi.yaml"""

    name: str = "bnn_vi"
    rank: int = 0
    steps: int = 8000
    steps_again: int = 2000
    batch: int = 1024
    learning_rate: float = 1e-3
    initial_scale: float = 1e-3
    draws: int = 50
    start_steps: int = 8000
    start_polish: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("rank", "batch", "start_steps", "start_polish"):
            at_least(f"model.{key}", getattr(self, key), 0)
        for key in ("steps", "steps_again"):
            at_least(f"model.{key}", getattr(self, key), 1)
        positive("model.learning_rate", self.learning_rate)
        positive("model.initial_scale", self.initial_scale)
        within("model.draws", self.draws, 2, MOST_UNITS)
