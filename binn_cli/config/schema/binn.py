"""The schema of model=binn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from binn_cli.config.ranges import (
    at_least,
    names_per_coordinate,
    one_of,
    per_coordinate,
    positive,
    shown,
    valid_seed,
    within,
)
from binn_cli.errors import ConfigError

BASES = ("gaussian", "hat", "bspline", "chidenn")
MOST_MODES, MOST_CENTERS = 1024, 4096
"""Far more than any data need, and few enough that a slip of the finger does not ask for all of the memory."""


@dataclass
class BinnConfig:
    """conf/model/binn.yaml"""

    name: str = "binn"
    decomposition: str = "auto"
    inference: str = "auto"
    tune: bool = False
    modes: Any = "auto"
    ranks: Any = "auto"
    basis: Any = "gaussian"
    centers: Any = "auto"
    length: Any = "auto"
    length_unit: str = "spacing"
    padding: Any = "auto"
    stretch: Any = "auto"
    patch: int = 2
    order: int = 4
    dilation: float = 4.0
    prior: str = "function"
    prior_variance: float = 1.0
    prior_mean: str = "zero"
    relevance: str = "modes"
    noise: str = "learned"
    noise_variance: float = 1e-3
    sweeps: int = 30
    tolerance: float = 1e-4
    acceleration: str = "extrapolation"
    start: str = "svd"
    variance: str = "laplace"
    calibration: str = "none"
    output_scaling: str = "auto"
    compression: float = 1e-12
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("model.decomposition", self.decomposition, ("auto", "limit", "cp", "tucker"))
        one_of("model.inference", self.inference, ("auto", "gauss_newton", "als", "vb"))
        one_of("model.calibration", self.calibration, ("none", "conformal"))
        modes = isinstance(self.modes, int) and not isinstance(self.modes, bool) and 1 <= self.modes <= MOST_MODES
        if self.modes != "auto" and not modes:
            raise ConfigError(
                "model.modes", f'must be a whole number from 1 to {MOST_MODES}, or "auto", not {shown(self.modes)}'
            )
        per_coordinate("model.ranks", self.ranks, 1, MOST_MODES, integer=True, word="auto")
        if self.decomposition == "cp" and self.ranks != "auto":
            raise ConfigError("model.ranks", "is for model.decomposition=tucker; cp has model.modes")
        if self.decomposition in ("tucker", "limit") and self.inference in ("gauss_newton", "als", "vb"):
            raise ConfigError(
                "model.inference", f"{self.inference} is for model.decomposition=cp; {self.decomposition} has auto"
            )
        if self.variance != "laplace" and self.inference not in ("als", "vb"):
            raise ConfigError(
                "model.variance", f"{self.variance} is of blocks, for model.inference=als or vb; else laplace"
            )
        if self.modes != "auto" and self.ranks != "auto":
            raise ConfigError(
                "model.ranks", "is for model.decomposition=tucker and model.modes for cp; state one of them"
            )
        if self.decomposition in ("tucker", "limit") and self.modes != "auto":
            raise ConfigError("model.modes", f"is for model.decomposition=cp; {self.decomposition} has model.ranks")
        names_per_coordinate("model.basis", self.basis, BASES)
        per_coordinate("model.centers", self.centers, 2, MOST_CENTERS, integer=True, word="auto")
        self.length = per_coordinate("model.length", self.length, 0, exclusive=True, word="auto")
        one_of("model.length_unit", self.length_unit, ("spacing", "input"))
        per_coordinate("model.padding", self.padding, 0, MOST_CENTERS, integer=True, word="auto")
        self.stretch = per_coordinate("model.stretch", self.stretch, -1e6, word="auto")
        within("model.patch", self.patch, 1, 8)
        within("model.order", self.order, 0, 2 * self.patch)
        positive("model.dilation", self.dilation)
        one_of("model.prior", self.prior, ("function", "weight"))
        within("model.prior_variance", self.prior_variance, 1e-12, 1e12)
        one_of("model.prior_mean", self.prior_mean, ("zero", "start"))
        one_of("model.relevance", self.relevance, ("modes", "none"))
        one_of("model.noise", self.noise, ("learned", "varying", "fixed"))
        within("model.noise_variance", self.noise_variance, 1e-30, 1e12)
        within("model.sweeps", self.sweeps, 1, 1_000_000)
        at_least("model.tolerance", self.tolerance, 0)
        one_of("model.acceleration", self.acceleration, ("extrapolation", "none"))
        one_of("model.start", self.start, ("svd", "random"))
        one_of("model.output_scaling", self.output_scaling, ("auto", "scale", "standard", "none"))
        one_of("model.variance", self.variance, ("laplace", "joint", "modes"))
        within("model.compression", self.compression, 0, 1)
        valid_seed("model.seed", self.seed)


@dataclass
class BinnPaperConfig(BinnConfig):
    """conf/model/binn_paper.yaml: the same keys with what the paper states."""

    name: str = "binn_paper"
    inference: str = "als"
    modes: Any = 10
    centers: Any = 16
    length: Any = 1.2
    padding: Any = 0
    stretch: Any = 0
    prior: str = "weight"
    prior_mean: str = "start"
    relevance: str = "none"
    noise: str = "fixed"
    sweeps: int = 40
    tolerance: float = 0.0
    start: str = "random"
    variance: str = "modes"
    output_scaling: str = "standard"
    compression: float = 0.0
