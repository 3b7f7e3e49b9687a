"""The schema of the data set `simulator`: the user's own solver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from binn_cli.config.ranges import at_least, one_of, place, positive, shown
from binn_cli.config.schema.parameters import specifications
from binn_cli.config.schema.table import texts
from binn_cli.errors import ConfigError

DESIGNS = ("auto", "sobol", "latin_hypercube", "random")
MOST_AT_ONCE = 1024


@dataclass
class SimulatorConfig:
    """conf/dataset/simulator.yaml"""

    name: str = "simulator"
    parameters: Any = None
    constraints: list[str] = field(default_factory=list)
    candidates: Any = None
    outputs: list[Any] = field(default_factory=list)
    command: Any = ""
    template: str = ""
    callable: str = ""
    umbridge: str = ""
    umbridge_model: str = ""
    umbridge_config: Any = None
    output: str = "output.csv"
    axes: list[Any] = field(default_factory=list)
    mesh: str = ""
    files: list[str] = field(default_factory=list)
    environment: Any = None
    version: str = ""
    at_once: int = 1
    timeout: float | None = None
    retries: int = 0
    again: bool = False
    known: str = ""
    store: str = "data/calls"
    design: str = "auto"
    initial_cases: int = 0
    train_cases: int = 0
    test_cases: int = 0
    cheap: str = ""

    def __post_init__(self) -> None:
        if self.parameters is not None:
            self.parameters = specifications("dataset.parameters", self.parameters)
        for key in ("outputs", "axes"):
            setattr(self, key, texts(f"dataset.{key}", getattr(self, key)))
        self._check_outputs()
        self._check_solver()
        at_least("dataset.at_once", self.at_once, 1)
        if self.at_once > MOST_AT_ONCE:
            raise ConfigError("dataset.at_once", f"must be at most {MOST_AT_ONCE}, not {self.at_once}")
        if self.timeout is not None:
            positive("dataset.timeout", self.timeout)
        for key in ("retries", "initial_cases", "train_cases", "test_cases"):
            at_least(f"dataset.{key}", getattr(self, key), 0)
        one_of("dataset.design", self.design, DESIGNS)
        if self.design == "latin_hypercube" and self.constraints:
            raise ConfigError("dataset.design", "latin_hypercube does not keep to constraints; take sobol")
        place("dataset.store", self.store)
        for key in ("environment", "umbridge_config"):
            value = getattr(self, key)
            if value is not None and not isinstance(value, Mapping):
                raise ConfigError(f"dataset.{key}", f"must be {{NAME: VALUE, …}} or null, not {shown(value)}")
        for name, value in (self.environment or {}).items():
            text = f"{name}{value}"
            if not str(name) or "=" in str(name) or "\0" in text or not isinstance(value, str | int | float):
                problem = f"cannot set {str(name)!r} to {shown(value)}; a name without = gets a text or a number"
                raise ConfigError("dataset.environment", problem)
        if self.candidates is not None and not isinstance(self.candidates, Mapping | list | str | int):
            raise ConfigError("dataset.candidates", _CANDIDATES)

    @property
    def kinds(self) -> dict[str, Any]:
        """What `dataset.kinds` says of other data sets, as the parameters say it."""
        found: dict[str, Any] = {}
        for name, given in (self.parameters or {}).items():
            if "choice" in given:
                found[name] = {"choice": list(given["choice"])}
            elif given["log"] or given["integer"]:
                found[name] = "log" if given["log"] else "integer"
        return found

    def _check_outputs(self) -> None:
        for key in ("outputs", "axes"):
            names = getattr(self, key)
            if not all(name.strip() for name in names):
                raise ConfigError(f"dataset.{key}", f"must hold names, not {shown(names)}")
            twice = [name for name in names if names.count(name) > 1]
            if twice:
                raise ConfigError(f"dataset.{key}", f"names {twice[0]!r} twice")
        names = {
            "dataset.parameters": list(self.parameters or {}),
            "dataset.outputs": self.outputs,
            "dataset.axes": self.axes,
        }
        for (one, first), (other, second) in (
            (pair, later) for i, pair in enumerate(names.items()) for later in list(names.items())[i + 1 :]
        ):
            both = [name for name in first if name in second]
            if both:
                raise ConfigError(other, f"names {both[0]!r}, which {one} names too")

    def _check_solver(self) -> None:
        if not isinstance(self.command, str) and not isinstance(self.command, list):
            raise ConfigError("dataset.command", f"must be a text or a list of words, not {shown(self.command)}")
        given = [key for key in ("command", "callable", "umbridge") if getattr(self, key)]
        if len(given) > 1:
            raise ConfigError(
                f"dataset.{given[1]}", f"cannot be given beside dataset.{given[0]}; a solver is called in one way"
            )
        if self.template and not self.command:
            raise ConfigError("dataset.template", "is filled in for a command; give dataset.command too")
        path = PurePath(self.output)
        if not path.parts or path.is_absolute() or ".." in path.parts:
            raise ConfigError(
                "dataset.output", f"must be a file in the working directory of a call, not {shown(self.output)}"
            )
        if self.umbridge and not self.umbridge.startswith(("http://", "https://")):
            raise ConfigError(
                "dataset.umbridge", f"must be an address such as http://127.0.0.1:4242, not {shown(self.umbridge)}"
            )


_CANDIDATES = (
    "must be null (anything in the ranges), a whole number (so many, spread over the ranges), "
    "{NAME: number of levels or list of values, …} (every combination), a list of cases, or a file with a column for "
    "each parameter"
)
