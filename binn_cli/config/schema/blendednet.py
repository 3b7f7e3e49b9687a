"""The schema of dataset=blendednet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from binn_cli.config.ranges import at_least, chosen_once, names_or, one_of

BLENDEDNET_OUTPUTS = ("cp", "cf_x", "cf_y", "cf_z")
BLENDEDNET_INPUTS = (
    *("x", "y", "z", "n_x", "n_y", "n_z"),
    *("alt_kft", "log10_Re", "Re", "M_inf", "alpha_deg", "beta_deg"),
    *("B1", "B2", "B3", "C1", "C2", "C3", "C4", "S1", "S2", "S3"),
)


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
    stream: bool = False
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
