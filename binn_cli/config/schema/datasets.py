"""The schemas of the group `dataset`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from binn_cli.config.ranges import at_least, interval, one_of, pairs, positive
from binn_cli.errors import ConfigError


def _cases_within_pool(candidates: int, train_cases: int, test_cases: int) -> None:
    most = candidates - test_cases
    if most < 1:
        raise ConfigError("dataset.test_cases", f"must be less than the {candidates} candidates, not {test_cases}")
    if train_cases > most:
        problem = (
            f"must be at most {most}, the {candidates} candidates less {test_cases} for the test, not {train_cases}"
        )
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
        if (
            not self.wave_numbers
            or any(len(m) != 3 for m in self.wave_numbers)
            or len(self.wave_numbers) != len(self.coefficients)
        ):
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
    source_centers: Any = field(default_factory=list)  # OmegaConf refuses whole numbers in lists of lists of floats
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
    cheap: str = ""

    def __post_init__(self) -> None:
        at_least("dataset.grid", self.grid, 2)
        at_least("dataset.times", self.times, 2)
        positive("dataset.end_time", self.end_time)
        interval("dataset.k_range", self.k_range)
        interval("dataset.P_range", self.P_range)
        positive("dataset.k_range", self.k_range[0])
        if len(self.candidates) != 2 or min(self.candidates) < 2:
            raise ConfigError(
                "dataset.candidates",
                f"must be two whole numbers of at least 2, for k and P, not {list(self.candidates)}",
            )
        self.source_centers = pairs("dataset.source_centers", self.source_centers)
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
