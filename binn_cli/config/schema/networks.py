"""The schemas of the networks that are not Bayesian: model=mlp, kan, inn and diffusion."""

from __future__ import annotations

from dataclasses import dataclass

from binn_cli.config.ranges import at_least, one_of, valid_seed, within
from binn_cli.config.schema.bnn import ACTIVATIONS


@dataclass
class NetworkConfig:
    """What all networks have in common: how they are trained."""

    output_scaling: str = "standard"
    steps: int = 10_000
    batch: int = 256
    learning_rate: float = 0.003
    held_out: float = 0.1
    patience: int = 3000
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("model.output_scaling", self.output_scaling, ("scale", "standard", "none"))
        at_least("model.steps", self.steps, 1)
        at_least("model.batch", self.batch, 1)
        within("model.learning_rate", self.learning_rate, 1e-8, 1.0)
        within("model.held_out", self.held_out, 0.0, 0.5)
        at_least("model.patience", self.patience, 1)
        valid_seed("model.seed", self.seed)


@dataclass
class MlpConfig(NetworkConfig):
    """conf/model/mlp.yaml"""

    name: str = "mlp"
    steps: int = 50_000
    width: int = 64
    layers: int = 3
    activation: str = "tanh"

    def __post_init__(self) -> None:
        super().__post_init__()
        within("model.width", self.width, 1, 100_000)
        within("model.layers", self.layers, 0, 1000)
        one_of("model.activation", self.activation, ACTIVATIONS)


@dataclass
class KanConfig(NetworkConfig):
    """conf/model/kan.yaml"""

    name: str = "kan"
    width: int = 16
    layers: int = 2
    intervals: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        within("model.width", self.width, 1, 100_000)
        within("model.layers", self.layers, 0, 1000)
        within("model.intervals", self.intervals, 1, 10_000)


@dataclass
class InnConfig(NetworkConfig):
    """conf/model/inn.yaml"""

    name: str = "inn"
    modes: int = 16
    basis: str = "bspline"
    centers: int = 16
    padding: int = 0
    length: float = 1.5

    def __post_init__(self) -> None:
        super().__post_init__()
        within("model.modes", self.modes, 1, 100_000)
        one_of("model.basis", self.basis, ("gaussian", "hat", "bspline"))
        within("model.centers", self.centers, 2, 100_000)
        at_least("model.padding", self.padding, 0)
        within("model.length", self.length, 1e-3, 1e3)


@dataclass
class DiffusionConfig(NetworkConfig):
    """conf/model/diffusion.yaml"""

    name: str = "diffusion"
    steps: int = 20_000
    steps_again: int = 5000
    learning_rate: float = 0.002
    patience: int = 5000
    width: int = 56
    blocks: int = 3
    members: int = 4
    averaging: float = 0.999
    draws: int = 8
    sampling_steps: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("model.steps_again", self.steps_again, 1)
        within("model.width", self.width, 1, 100_000)
        within("model.blocks", self.blocks, 0, 1000)
        within("model.members", self.members, 1, 256)
        within("model.averaging", self.averaging, 0.0, 0.99999)
        within("model.draws", self.draws, 2, 4096)
        within("model.sampling_steps", self.sampling_steps, 2, 10_000)
