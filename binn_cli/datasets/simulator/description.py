"""A solver as the configuration describes it: how it is called, and what its results depend on."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from binn_cli.config.schema.simulator import SimulatorConfig
from binn_cli.datasets.digest import file_digest
from binn_cli.datasets.simulator.by_callable import OUTPUT
from binn_cli.datasets.simulator.by_command import DIRECTORY_TOKEN, INPUT_TOKEN, OUTPUT_TOKEN
from binn_cli.datasets.simulator.cases import Value
from binn_cli.datasets.simulator.constraints import Constraints
from binn_cli.datasets.simulator.placeholders import filled, require_known, with_whole_paths, words_of
from binn_cli.datasets.simulator.space import Space
from binn_cli.errors import ConfigError

PATHS = {"output": OUTPUT_TOKEN, "input": INPUT_TOKEN, "directory": DIRECTORY_TOKEN}


@dataclass(frozen=True)
class Solver:
    """One solver.

    Attributes:
        kind: command, callable or umbridge.
        worker: what a worker process needs to know of it.
        identity: what its results depend on beside the parameters.
        words: the command with its placeholders; none for other kinds.
        template: name and text of the file that is filled in, None where there is none.
        output: the file in a working directory that holds the results.
    """

    kind: str
    worker: dict[str, Any]
    identity: dict[str, Any]
    words: tuple[str, ...] = ()
    template: tuple[str, str] | None = None
    output: str = OUTPUT

    def case(self, told: Mapping[str, Value]) -> dict[str, Any]:
        """What a worker needs to know to call it for one case."""
        values = {**told, **PATHS}
        words = [filled(word, values) for word in self.words]
        given = None if self.template is None else (self.template[0], filled(self.template[1], values))
        return {"parameters": dict(told), "words": words, "input": given}


def require_named(config: SimulatorConfig) -> None:
    """Raise unless parameters and outputs are named.

    Raises:
        ConfigError: with an example.
    """
    if config.parameters is None:
        example = "dataset.parameters='{k: [1, 4], P: [100, 200]}'"
        raise ConfigError(
            "dataset.parameters", f"names no parameter of your solver; give their ranges, as in {example}"
        )
    if not config.outputs:
        raise ConfigError(
            "dataset.outputs", "names no output of your solver; give at least one, as in dataset.outputs=[u]"
        )


def require_described(config: SimulatorConfig, start: Path) -> None:
    """Raise unless parameters and outputs are named, and solver and constraints can be used as they are described.

    Raises:
        ConfigError: with what would be right.
    """
    require_named(config)
    space = Space.of(config.parameters)
    Constraints.of(config.constraints, space)
    solver_of(config, space, start)


def solver_of(config: SimulatorConfig, space: Space, start: Path) -> Solver | None:
    """The solver that a configuration describes, None where it names none and somebody calls it by hand.

    Args:
        config: the configuration.
        space: the parameters.
        start: the directory that relative paths start from.

    Raises:
        ConfigError: if it cannot be called as it is described.
    """
    common = {
        "start": str(start),
        "files": [str(start / name) for name in config.files],
        "environment": {str(name): str(value) for name, value in (config.environment or {}).items()},
    }
    for name in config.files:
        if not (start / name).exists():
            raise ConfigError("dataset.files", f"names {name!r}, which is not there")
    digests = {name: _digest(start / name) for name in config.files}
    identity = {
        "files": digests,
        "environment": common["environment"],
        "version": config.version,
        "parameters": list(space.names),
    }
    if config.command:
        return _by_command(config, space, start, common, identity)
    if config.callable:
        return _by_callable(config, start, common, identity)
    if config.umbridge:
        return _by_umbridge(config, space, common, identity)
    return None


def _by_command(
    config: SimulatorConfig, space: Space, start: Path, common: dict[str, Any], identity: dict[str, Any]
) -> Solver:
    words = words_of(config.command, space.names, "dataset.command")
    example: dict[str, Value] = {**space.told(space.bounds[:, 0]), **PATHS}
    if not config.template:
        example.pop("input")
    used = require_known("\n".join(words), example, "dataset.command")
    template = None
    if config.template:
        path = start / config.template
        try:
            text = path.read_bytes().decode("utf-8")  # line ends stay as they are
        except OSError as error:
            raise ConfigError("dataset.template", f"{config.template} cannot be read ({error.strerror})") from error
        except UnicodeDecodeError as error:
            raise ConfigError("dataset.template", f"{config.template} is not text in UTF-8") from error
        used |= require_known(text, example, "dataset.template", config.template)
        template = (path.name, text)
    unused = [name for name in space.names if name not in used]
    if unused:
        where = f"has not, nor has {config.template}," if template else "does not have"
        raise ConfigError(
            "dataset.command",
            f"{where} the placeholder {{{unused[0]}}}, so that the solver would never be told the value of "
            f"{unused[0]!r}",
        )
    require_program(words[0], start)
    digests = {word: _digest(start / word) for word in words if "{" not in word and (start / word).is_file()}
    identity |= {"command": words, "words": digests, "template": template and template[1], "output": config.output}
    worker = {"kind": "command", "output": config.output, **common}
    return Solver("command", worker, identity, tuple(with_whole_paths(words, start)), template, config.output)


def require_program(word: str, start: Path) -> None:
    """Raise unless the first word of a command can be started."""
    if "{" in word or shutil.which(word) or shutil.which(str(start / word)):
        return
    if (start / word).is_file():
        raise ConfigError(
            "dataset.command",
            f"{word} may not be executed; make it executable, or write the program that runs it before it",
        )
    raise ConfigError("dataset.command", f"there is no program {word!r}, neither here nor on the PATH")


def _by_callable(config: SimulatorConfig, start: Path, common: dict[str, Any], identity: dict[str, Any]) -> Solver:
    module, colon, function = config.callable.partition(":")
    if not colon or not module or not function:
        raise ConfigError("dataset.callable", f"must be module:function, not {config.callable!r}")
    identity |= {"callable": config.callable, "source": _source_digest(module, start)}
    return Solver("callable", {"kind": "callable", "target": config.callable, **common}, identity)


def _source_digest(module: str, start: Path) -> str:
    """The digest of the file that defines a module, empty where it is found only when it is imported."""
    beside = start.joinpath(*module.split("."))
    for path in (beside.with_suffix(".py"), beside / "__init__.py"):
        if path.is_file():
            return file_digest(path)
    try:
        found = importlib.util.find_spec(module.partition(".")[0])
        if "." in module:
            found = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return ""
    return (
        file_digest(Path(found.origin)) if found is not None and found.origin and Path(found.origin).is_file() else ""
    )


def _by_umbridge(config: SimulatorConfig, space: Space, common: dict[str, Any], identity: dict[str, Any]) -> Solver:
    texts = [parameter.name for parameter in space.parameters if parameter.has_texts]
    if texts:
        raise ConfigError(
            "dataset.parameters", f"the choices of {texts[0]!r} are texts, but a UM-Bridge server takes numbers only"
        )
    told = {"model": config.umbridge_model, "config": dict(config.umbridge_config or {})}
    # Where a server is does not change what it computes.
    identity |= {"umbridge": told["model"] or config.umbridge, "config": told["config"]}
    return Solver("umbridge", {"kind": "umbridge", "url": config.umbridge.rstrip("/"), **told, **common}, identity)


def _digest(path: Path) -> str:
    if path.is_file():
        return file_digest(path)
    files: Sequence[Path] = sorted(inner for inner in path.rglob("*") if inner.is_file())
    from binn_cli.datasets.simulator.call_store import digest_of

    return digest_of({str(inner.relative_to(path)): file_digest(inner) for inner in files})
