"""The schemas of the tasks that ask the surrogate of a run: `inverse`, `sensitivity` and `optimize`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from binn_cli.config.ranges import at_least, one_of, positive, shown, valid_seed
from binn_cli.errors import ConfigError

METHODS = ("auto", "laplace", "nuts")
GOALS = ("minimize", "maximize", "target")
DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "uniform": ("low", "high"),
    "loguniform": ("low", "high"),
    "normal": ("mean", "std"),
    "lognormal": ("median", "factor"),
    "triangular": ("low", "mode", "high"),
}
"""Distributions of an input and the numbers that each of them needs."""

POSITIVE = ("std", "factor", "median")


def distributions(key: str, value: object) -> dict[str, dict[str, Any]]:
    """Distributions by the name of the input, such as {k: {name: normal, mean: 2, std: 0.1}}.

    Raises:
        ConfigError: if it is anything else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(key, f"must be {{INPUT: {{name: normal, mean: 0, std: 1}}, …}} or null, not {shown(value)}")
    return {str(name): _distribution(f"{key}.{name}", given) for name, given in value.items()}


def _distribution(key: str, given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping) or "name" not in given:
        raise ConfigError(key, f"must be {{name: {' | '.join(DISTRIBUTIONS)}, …}}, not {shown(given)}")
    name = str(given["name"])
    one_of(f"{key}.name", name, tuple(DISTRIBUTIONS))
    wanted = DISTRIBUTIONS[name]
    numbers = {str(k): v for k, v in given.items() if k != "name"}
    optional = wanted if name == "uniform" else ()
    if set(numbers) - set(wanted) or set(wanted) - set(numbers) - set(optional):
        raise ConfigError(key, f"{name} needs {' and '.join(wanted)}, not {', '.join(numbers) or 'nothing'}")
    for number, item in numbers.items():
        if isinstance(item, bool) or not isinstance(item, (int, float)):
            raise ConfigError(f"{key}.{number}", f"must be a number, not {shown(item)}")
        if number in POSITIVE or name == "loguniform":
            positive(f"{key}.{number}", float(item))
    if name == "lognormal" and numbers["factor"] <= 1:
        raise ConfigError(f"{key}.factor", f"must be greater than 1, not {numbers['factor']}")
    values = [float(numbers[part]) for part in wanted if part in ("low", "mode", "high") and part in numbers]
    if values != sorted(values) or (len(values) > 1 and values[0] == values[-1]):
        raise ConfigError(key, f"{' < '.join(p for p in wanted if p in ('low', 'mode', 'high'))} must hold")
    return {"name": name, **{part: float(number) for part, number in numbers.items()}}


def _names(key: str, value: object, *, needed: str = "") -> None:
    if not isinstance(value, (list, tuple)) or not all(isinstance(name, str) for name in value):
        raise ConfigError(key, f"must be a list of names, not {shown(value)}")
    if needed and not value:
        raise ConfigError(key, needed)
    if len(set(value)) != len(value):
        raise ConfigError(key, f"must name nothing twice, as [{', '.join(value)}] does")


@dataclass
class InverseConfig:
    """conf/task/inverse.yaml"""

    name: str = "inverse"
    run: str = ""
    observations: str = ""
    unknown: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    target: str = ""
    noise_std: Any = None
    prior: Any = None
    method: str = "auto"
    draws: int = 500
    chains: int = 4
    starts: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        _names("task.unknown", self.unknown)
        _names("task.outputs", self.outputs)
        for value in self.noise_std.values() if isinstance(self.noise_std, Mapping) else [self.noise_std]:
            if value is None and not isinstance(self.noise_std, Mapping):
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ConfigError("task.noise_std", f"must be a number, {{OUTPUT: number}} or null, not {shown(value)}")
            at_least("task.noise_std", value, 0)
        self.prior = distributions("task.prior", self.prior) or None
        one_of("task.method", self.method, METHODS)
        at_least("task.draws", self.draws, 100)
        at_least("task.chains", self.chains, 2)
        at_least("task.starts", self.starts, 1)
        valid_seed("task.seed", self.seed)


@dataclass
class SensitivityConfig:
    """conf/task/sensitivity.yaml"""

    name: str = "sensitivity"
    run: str = ""
    inputs: list[str] = field(default_factory=list)
    distributions: Any = None
    points: int = 32768
    field_points: int = 441
    draws: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        _names("task.inputs", self.inputs)
        self.distributions = distributions("task.distributions", self.distributions) or None
        at_least("task.points", self.points, 64)
        at_least("task.field_points", self.field_points, 1)
        at_least("task.draws", self.draws, 2)
        valid_seed("task.seed", self.seed)


@dataclass
class OptimizeConfig:
    """conf/task/optimize.yaml"""

    name: str = "optimize"
    run: str = ""
    output: str = ""
    goal: str = "minimize"
    target: Any = None
    inputs: list[str] = field(default_factory=list)
    fixed: Any = None
    constraints: list[str] = field(default_factory=list)
    field_points: int = 225
    points: int = 4096
    draws: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("task.goal", self.goal, GOALS)
        _names("task.inputs", self.inputs)
        if self.goal == "target" and self.target in (None, ""):
            raise ConfigError("task.target", "is missing; give a value, or a file with the wanted field")
        if self.goal != "target" and self.target is not None:
            raise ConfigError("task.target", f"belongs to task.goal=target, not to {self.goal}")
        given = self.target
        if given is not None and (isinstance(given, bool) or not isinstance(given, (int, float, str))):
            raise ConfigError("task.target", f"must be a number or the name of a file, not {shown(self.target)}")
        if self.fixed is not None:
            if not isinstance(self.fixed, Mapping) or not all(
                isinstance(v, (int, float)) and not isinstance(v, bool) for v in self.fixed.values()
            ):
                raise ConfigError("task.fixed", f"must be {{INPUT: number, …}} or null, not {shown(self.fixed)}")
            self.fixed = {str(name): float(value) for name, value in self.fixed.items()}
        at_least("task.field_points", self.field_points, 1)
        at_least("task.points", self.points, 64)
        at_least("task.draws", self.draws, 2)
        valid_seed("task.seed", self.seed)


QUESTIONS = (InverseConfig, SensitivityConfig, OptimizeConfig)
"""Schemas of the tasks that ask a run and read no data set."""


def asks_a_run(task: object) -> bool:
    """Whether a task asks the surrogate of a run, so that the data set and the model are those of that run."""
    return isinstance(task, QUESTIONS)
