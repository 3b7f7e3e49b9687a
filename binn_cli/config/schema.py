"""The typed shape of every configuration group; the YAML files under conf/ hold the values that are used and say what each means."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from binn_cli.config.ranges import at_least, chosen_once, interval, names_or, one_of, per_coordinate, positive
from binn_cli.errors import ConfigError

BASES = ("gaussian", "hat", "bspline")
BLENDEDNET_OUTPUTS = ("cp", "cf_x", "cf_y", "cf_z")
BLENDEDNET_INPUTS = (
    *("x", "y", "z", "n_x", "n_y", "n_z"),
    *("alt_kft", "log10_Re", "Re", "M_inf", "alpha_deg", "beta_deg"),
    *("B1", "B2", "B3", "C1", "C2", "C3", "C4", "S1", "S2", "S3"),
)
ACQUISITIONS = ("mean_std", "max_std", "random", "maximin")


def _cases_within_pool(candidates: int, train_cases: int, test_cases: int) -> None:
    most = candidates - test_cases
    if most < 1:
        raise ConfigError("dataset.test_cases", f"must be less than the {candidates} candidates, not {test_cases}")
    if train_cases > most:
        problem = f"must be at most {most}, the {candidates} candidates less {test_cases} for the test, not {train_cases}"
        raise ConfigError("dataset.train_cases", problem)


@dataclass
class SineConfig:
    """conf/dataset/sine.yaml"""

    name: str = "sine"
    n_train: int = 60
    n_test: int = 200
    noise_variance: float = 0.04
    test_noise: bool = True
    domain: list[float] = field(default_factory=lambda: [-1.0, 1.0])
    initial_cases: int = 8

    def __post_init__(self) -> None:
        at_least("dataset.n_train", self.n_train, 2)
        at_least("dataset.n_test", self.n_test, 2)
        at_least("dataset.noise_variance", self.noise_variance, 0)
        interval("dataset.domain", self.domain)
        at_least("dataset.initial_cases", self.initial_cases, 2)


@dataclass
class PoissonConfig:
    """conf/dataset/poisson.yaml"""

    name: str = "poisson"
    grid: int = 16
    candidates: int = 100
    p_range: list[float] = field(default_factory=lambda: [0.0, 1.0])
    wave_numbers: list[list[int]] = field(default_factory=lambda: [[2, 3, 2], [4, 1, 3], [5, 5, 2]])
    coefficients: list[float] = field(default_factory=lambda: [1.0, 0.8, 1.2])
    train_cases: int = 28
    test_cases: int = 2
    initial_cases: int = 8
    offgrid_points: int = 20_000

    def __post_init__(self) -> None:
        at_least("dataset.grid", self.grid, 2)
        at_least("dataset.candidates", self.candidates, 2)
        interval("dataset.p_range", self.p_range)
        if not self.wave_numbers or any(len(m) != 3 for m in self.wave_numbers) or len(self.wave_numbers) != len(self.coefficients):
            raise ConfigError("dataset.wave_numbers", "needs three wave numbers for each entry of dataset.coefficients")
        for m in (m for wave in self.wave_numbers for m in wave):
            at_least("dataset.wave_numbers", m, 1)
        if not all(map(math.isfinite, self.coefficients)):
            raise ConfigError("dataset.coefficients", f"must be finite numbers, not {list(self.coefficients)}")
        for key in ("train_cases", "test_cases", "initial_cases"):
            at_least(f"dataset.{key}", getattr(self, key), 1)
        _cases_within_pool(self.candidates, self.train_cases, self.test_cases)
        at_least("dataset.offgrid_points", self.offgrid_points, 0)


@dataclass
class HeatConfig:
    """conf/dataset/heat.yaml"""

    name: str = "heat"
    grid: int = 51
    times: int = 13
    end_time: float = 0.04
    k_range: list[float] = field(default_factory=lambda: [1.0, 4.0])
    P_range: list[float] = field(default_factory=lambda: [100.0, 200.0])
    candidates: list[int] = field(default_factory=lambda: [11, 11])
    source_centers: list[list[float]] = field(default_factory=list)
    source_radius: float = 0.05
    element_order: int = 2
    cells: int = 50
    scheme: str = "crank_nicolson"
    substeps: int = 16
    train_cases: int = 55
    test_cases: int = 10
    initial_cases: int = 35
    offgrid_points: int = 40
    offgrid_times: int = 12
    offgrid_cases: int = 10
    cache: str = "data/heat"

    def __post_init__(self) -> None:
        at_least("dataset.grid", self.grid, 2)
        at_least("dataset.times", self.times, 2)
        positive("dataset.end_time", self.end_time)
        interval("dataset.k_range", self.k_range)
        interval("dataset.P_range", self.P_range)
        positive("dataset.k_range", self.k_range[0])
        if len(self.candidates) != 2 or min(self.candidates) < 2:
            raise ConfigError("dataset.candidates", f"must be two whole numbers of at least 2, for k and P, not {list(self.candidates)}")
        if not self.source_centers or any(len(c) != 2 for c in self.source_centers):
            raise ConfigError("dataset.source_centers", "must list at least one centre as [x, y]")
        if not all(math.isfinite(c) for center in self.source_centers for c in center):
            raise ConfigError("dataset.source_centers", "must be finite numbers")
        positive("dataset.source_radius", self.source_radius)
        one_of("dataset.element_order", str(self.element_order), ("1", "2"))
        at_least("dataset.cells", self.cells, 2)
        one_of("dataset.scheme", self.scheme, ("crank_nicolson", "backward_euler"))
        for key in ("substeps", "train_cases", "test_cases", "initial_cases"):
            at_least(f"dataset.{key}", getattr(self, key), 1)
        for key in ("offgrid_points", "offgrid_times", "offgrid_cases"):
            at_least(f"dataset.{key}", getattr(self, key), 0)
        _cases_within_pool(self.candidates[0] * self.candidates[1], self.train_cases, self.test_cases)
        between = (self.times - 1) * (self.substeps - 1)
        if min(self.offgrid_points, self.offgrid_cases) > 0 and self.offgrid_times > between:
            problem = f"must be at most {between}, the substeps between output times, not {self.offgrid_times}"
            raise ConfigError("dataset.offgrid_times", f"{problem}; 0 leaves the off-grid splits out")


@dataclass
class BlendedNetConfig:
    """conf/dataset/blendednet.yaml"""

    name: str = "blendednet"
    root: str | None = None
    folder: str = "test"
    geometries: Any = field(default_factory=lambda: ["geom_13"])
    cases: Any = "all"
    test_folder: str = "test"
    test_geometries: Any = "all"
    test_cases: Any = field(default_factory=lambda: ["case_130"])
    interpolation_cases: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=lambda: ["x", "y", "z", "alt_kft", "log10_Re", "M_inf", "alpha_deg"])
    outputs: list[str] = field(default_factory=lambda: list(BLENDEDNET_OUTPUTS))
    stride: int = 1
    train_cases: int | None = None
    initial_cases: int = 4
    cache: str = "data/blendednet"

    def __post_init__(self) -> None:
        for key in ("folder", "test_folder"):
            one_of(f"dataset.{key}", getattr(self, key), ("train", "test"))
        for key in ("geometries", "test_geometries"):
            names_or("dataset." + key, getattr(self, key), "geom_13", counted=True)
        for key in ("cases", "test_cases"):
            names_or("dataset." + key, getattr(self, key), "case_130")
        for key, choices in (("inputs", BLENDEDNET_INPUTS), ("outputs", BLENDEDNET_OUTPUTS)):
            chosen_once(f"dataset.{key}", getattr(self, key), choices)
        at_least("dataset.stride", self.stride, 1)
        if self.train_cases is not None:
            at_least("dataset.train_cases", self.train_cases, 1)
        at_least("dataset.initial_cases", self.initial_cases, 1)


@dataclass
class BinnConfig:
    """conf/model/binn.yaml"""

    name: str = "binn"
    decomposition: str = "cp"
    modes: Any = "auto"
    basis: Any = "gaussian"
    centers: Any = "auto"
    length: Any = "auto"
    length_unit: str = "spacing"
    padding: Any = "auto"
    stretch: Any = "auto"
    prior: str = "function"
    prior_variance: float = 1.0
    prior_mean: str = "zero"
    relevance: str = "modes"
    noise: str = "learned"
    noise_variance: float = 1e-3
    sweeps: int = 30
    tolerance: float = 1e-4
    start: str = "svd"
    variance: str = "joint"
    output_scaling: str = "scale"
    compression: float = 1e-12
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("model.decomposition", self.decomposition, ("cp",))
        if self.modes != "auto" and (not isinstance(self.modes, int) or isinstance(self.modes, bool) or self.modes < 1):
            raise ConfigError("model.modes", f'must be a whole number of at least 1, or "auto", not {self.modes!r}')
        for basis in [self.basis] if isinstance(self.basis, str) else list(self.basis):
            one_of("model.basis", basis, BASES)
        per_coordinate("model.centers", self.centers, 2, integer=True, word="auto")
        per_coordinate("model.length", self.length, 0, integer=False, exclusive=True, word="auto")
        one_of("model.length_unit", self.length_unit, ("spacing", "input"))
        per_coordinate("model.padding", self.padding, 0, integer=True, word="auto")
        per_coordinate("model.stretch", self.stretch, -1e6, integer=False, word="auto")
        one_of("model.prior", self.prior, ("function", "weight"))
        positive("model.prior_variance", self.prior_variance)
        one_of("model.prior_mean", self.prior_mean, ("zero", "start"))
        one_of("model.relevance", self.relevance, ("modes", "none"))
        one_of("model.noise", self.noise, ("learned", "fixed"))
        positive("model.noise_variance", self.noise_variance)
        at_least("model.sweeps", self.sweeps, 1)
        at_least("model.tolerance", self.tolerance, 0)
        one_of("model.start", self.start, ("svd", "random"))
        one_of("model.output_scaling", self.output_scaling, ("scale", "standard", "none"))
        one_of("model.variance", self.variance, ("joint", "modes"))
        at_least("model.compression", self.compression, 0)


@dataclass
class RegressConfig:
    """conf/task/regress.yaml"""

    name: str = "regress"


@dataclass
class ActiveLearnConfig:
    """conf/task/active_learn.yaml"""

    name: str = "active_learn"
    acquisition: str = "mean_std"
    initial: int | None = None
    rounds: int = 20
    acquisition_points: int = 4096
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("task.acquisition", self.acquisition, ACQUISITIONS)
        if self.initial is not None:
            at_least("task.initial", self.initial, 1)
        at_least("task.rounds", self.rounds, 1)
        at_least("task.acquisition_points", self.acquisition_points, 1)


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


@dataclass
class OutputConfig:
    """The `output` section of conf/config.yaml."""

    root: str = "outputs"
    max_points: int = 20_000
    figures: bool = True

    def __post_init__(self) -> None:
        at_least("output.max_points", self.max_points, 1)


@dataclass
class RunConfig:
    """conf/config.yaml"""

    dataset: Any = MISSING
    model: Any = MISSING
    task: Any = MISSING
    output: OutputConfig = field(default_factory=OutputConfig)
    seed: int = 0
    verbose: bool = False


SCHEMAS: dict[str, dict[str, type]] = {
    "dataset": {"sine": SineConfig, "poisson": PoissonConfig, "heat": HeatConfig, "blendednet": BlendedNetConfig},
    "model": {"binn": BinnConfig},
    "task": {"regress": RegressConfig, "active_learn": ActiveLearnConfig, "scaling": ScalingConfig},
}
"""The schema of every option of every group; an option is added by a module, a YAML file and a line here."""
