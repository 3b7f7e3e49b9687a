"""The typed shape of every configuration group; the YAML files under conf/ hold the values that are used and say what
each means."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from omegaconf import MISSING

from binn_cli.config.ranges import at_least, place
from binn_cli.config.schema.binn import BASES, BinnConfig, BinnPaperConfig
from binn_cli.config.schema.blendednet import BLENDEDNET_INPUTS, BLENDEDNET_OUTPUTS, BlendedNetConfig
from binn_cli.config.schema.bnn import (
    BnnEnsembleConfig,
    BnnHmcConfig,
    BnnLaplaceConfig,
    BnnMapConfig,
    BnnMhConfig,
    BnnNutsConfig,
    BnnSgldConfig,
    BnnSwagConfig,
    BnnViConfig,
)
from binn_cli.config.schema.datasets import HeatConfig, PoissonConfig, SineConfig
from binn_cli.config.schema.equations import (
    AdvectionConfig,
    EquationConfig,
    GalerkinConfig,
    Heat3dConfig,
    HelmholtzConfig,
    PoissonNdConfig,
)
from binn_cli.config.schema.gp import GpConfig, GpGridConfig, GpLocalConfig, GpSparseConfig, GpVecchiaConfig
from binn_cli.config.schema.networks import DiffusionConfig, InnConfig, KanConfig, MlpConfig
from binn_cli.config.schema.questions import InverseConfig, OptimizeConfig, SensitivityConfig
from binn_cli.config.schema.simulator import SimulatorConfig
from binn_cli.config.schema.snapshots import SnapshotsConfig
from binn_cli.config.schema.sweeps import LimitsConfig, Wishes
from binn_cli.config.schema.table import TableConfig
from binn_cli.config.schema.tasks import ACQUISITIONS, ActiveLearnConfig, RegressConfig, ScalingConfig, SolveConfig

__all__ = [
    "ACQUISITIONS",
    "BASES",
    "BLENDEDNET_INPUTS",
    "BLENDEDNET_OUTPUTS",
    "SCHEMAS",
    "ActiveLearnConfig",
    "AdvectionConfig",
    "BinnConfig",
    "BinnPaperConfig",
    "BlendedNetConfig",
    "DiffusionConfig",
    "EquationConfig",
    "GalerkinConfig",
    "GpConfig",
    "GpGridConfig",
    "GpLocalConfig",
    "GpSparseConfig",
    "GpVecchiaConfig",
    "Heat3dConfig",
    "HeatConfig",
    "HelmholtzConfig",
    "InnConfig",
    "InverseConfig",
    "KanConfig",
    "LimitsConfig",
    "MlpConfig",
    "OptimizeConfig",
    "OutputConfig",
    "PoissonConfig",
    "PoissonNdConfig",
    "RegressConfig",
    "RunConfig",
    "ScalingConfig",
    "SensitivityConfig",
    "SimulatorConfig",
    "SineConfig",
    "SnapshotsConfig",
    "SolveConfig",
    "TableConfig",
    "Wishes",
]


@dataclass
class OutputConfig:
    """The `output` section of conf/config.yaml."""

    root: str = "outputs"
    max_points: int = 20_000
    figures: bool = True

    def __post_init__(self) -> None:
        place("output.root", self.root)
        at_least("output.max_points", self.max_points, 1)


@dataclass
class RunConfig:
    """conf/config.yaml"""

    dataset: Any = MISSING
    model: Any = MISSING
    task: Any = MISSING
    budget: Any = MISSING
    output: OutputConfig = field(default_factory=OutputConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    seed: int = 0
    verbose: bool = False
    resume: bool = False
    force: bool = False
    dry_run: bool = False
    fail_fast: bool = False


SECTIONS: dict[str, type] = {"output": OutputConfig, "limits": LimitsConfig}
"""The sections of conf/config.yaml that are no groups."""
PLAIN_KEYS = tuple(leaf.name for leaf in fields(RunConfig) if leaf.type in ("int", "bool"))
"""The keys of conf/config.yaml that hold a value themselves."""


SCHEMAS: dict[str, dict[str, type]] = {
    "dataset": {
        "sine": SineConfig,
        "poisson": PoissonConfig,
        "heat": HeatConfig,
        "blendednet": BlendedNetConfig,
        "table": TableConfig,
        "snapshots": SnapshotsConfig,
        "simulator": SimulatorConfig,
        "poisson_nd": PoissonNdConfig,
        "heat3d": Heat3dConfig,
        "helmholtz": HelmholtzConfig,
        "advection": AdvectionConfig,
        "equation": EquationConfig,
    },
    "model": {
        "binn": BinnConfig,
        "binn_paper": BinnPaperConfig,
        "bnn_nuts": BnnNutsConfig,
        "bnn_hmc": BnnHmcConfig,
        "bnn_vi": BnnViConfig,
        "bnn_map": BnnMapConfig,
        "bnn_ensemble": BnnEnsembleConfig,
        "bnn_mh": BnnMhConfig,
        "bnn_laplace": BnnLaplaceConfig,
        "bnn_sgld": BnnSgldConfig,
        "bnn_swag": BnnSwagConfig,
        "gp": GpConfig,
        "gp_grid": GpGridConfig,
        "gp_sparse": GpSparseConfig,
        "gp_local": GpLocalConfig,
        "gp_vecchia": GpVecchiaConfig,
        "mlp": MlpConfig,
        "kan": KanConfig,
        "inn": InnConfig,
        "diffusion": DiffusionConfig,
        "galerkin": GalerkinConfig,
    },
    "task": {
        "regress": RegressConfig,
        "active_learn": ActiveLearnConfig,
        "scaling": ScalingConfig,
        "solve": SolveConfig,
        "inverse": InverseConfig,
        "sensitivity": SensitivityConfig,
        "optimize": OptimizeConfig,
    },
}
"""The schema of every option of every group; an option is added by a module, a YAML file and a line here."""
