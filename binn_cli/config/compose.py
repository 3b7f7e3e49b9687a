"""From a composed configuration to checked, typed settings: unknown keys, types and ranges."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from binn_cli.config.ranges import did_you_mean, one_of, valid_seed
from binn_cli.config.schema import PLAIN_KEYS, SCHEMAS, LimitsConfig, OutputConfig, RunConfig, Wishes
from binn_cli.config.schema.questions import asks_a_run
from binn_cli.config.store import conf_directory, options
from binn_cli.config.suggestions import no_such_key
from binn_cli.errors import BinnError, ConfigError

NOT_SCIENCE = frozenset({"dataset.cache", "dataset.store", "dataset.at_once"})
"""Leaves of dataset, model and task that cannot change a result, and so do not count in `config_id`."""
MOST_KNOWN = 256
"""Sections that are remembered as checked: the jobs of a sweep have most of theirs in common."""
_known: dict[tuple[str, type, str], Any] = {}
UPDATE = "update"
"""The section of a configuration that `binn update` adds; none that is typed has it."""
DEFAULT_BUDGET = "quick"
"""The budget of a configuration that names none, as in conf/config.yaml."""


@dataclass(frozen=True)
class Settings:
    """One run, checked.

    Attributes:
        dataset: an instance of one of the schemas of the group `dataset`; `model` and `task` likewise.
        output: where and how much is kept.
        seed: the seed of the run.
        verbose: whether the log keeps debugging messages.
        budget: name of the file of conf/budget from which the model's effort came.
        resolved: the same as plain dictionaries, every reference filled in.
        limits: what the run may cost; like `wishes` about this start, not about the run, and so not in `resolved`.
        wishes: how to treat runs that exist already.
        update: what `binn update` has learned since, by its number from 1: `rows`, the file, and `forgetting`; empty
            for what `binn run` makes.
    """

    dataset: Any
    model: Any
    task: Any
    output: OutputConfig
    seed: int
    verbose: bool
    budget: str
    resolved: Mapping[str, Any]
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    wishes: Wishes = field(default_factory=Wishes)
    update: Mapping[str, Any] = field(default_factory=dict)

    @property
    def yaml(self) -> str:
        """The resolved configuration as YAML."""
        return OmegaConf.to_yaml(OmegaConf.create(dict(self.resolved)))

    @property
    def config_id(self) -> str:
        """Sixteen hexadecimal digits that are the same for two runs exactly where dataset, model, task and seed are,
        and what was learned since."""
        science = {
            group: {leaf: value for leaf, value in self.resolved[group].items() if f"{group}.{leaf}" not in NOT_SCIENCE}
            for group in SCHEMAS
        }
        whole = {**science, "seed": self.seed, **({UPDATE: self.update} if self.update else {})}
        canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def updated(self, rows: str, forgetting: float) -> Settings:
        """Those of a run that has also learned the rows of a file."""
        update = {**self.update, str(len(self.update) + 1): {"rows": rows, "forgetting": forgetting}}
        return replace(self, update=update, resolved={**self.resolved, UPDATE: update})


def validated(composed: DictConfig | Mapping[str, Any]) -> Settings:
    """Check a composed configuration and turn it into settings.

    Raises:
        ConfigError: if a key is unknown, a value has the wrong type or is out of range.
    """
    config = composed if isinstance(composed, DictConfig) else OmegaConf.create(dict(composed))
    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise omegaconf_error(error) from error
    assert isinstance(plain, dict)
    _reject_unknown("", plain, RunConfig)
    # Before the groups: model.seed and task.seed mostly refer to it.
    root = _typed("", {key: plain[key] for key in PLAIN_KEYS if key in plain}, RunConfig, instantiate=False)
    valid_seed("seed", root.seed)
    groups = {}
    for group, schemas in SCHEMAS.items():
        section = plain.get(group)
        if not isinstance(section, dict):
            meant = did_you_mean(section, schemas) if isinstance(section, str) else ""
            raise ConfigError(group, f"choose one of {', '.join(schemas)}{meant}")
        name = str(section.get("name"))
        one_of(f"{group}.name", name, list(schemas))
        chosen = OmegaConf.get_type(config, group)
        if chosen in schemas.values() and chosen is not schemas[name]:
            raise ConfigError(f"{group}.name", f"choose the option with {group}={name}, not with {group}.name={name}")
        groups[group] = _typed(group, section, schemas[name])
    _varies_a_size(groups["task"], groups["dataset"])
    _reads_in_chunks(groups["task"], groups["dataset"])
    _stands_on_cheap(groups["task"], groups["dataset"])
    output = _typed("output", plain.get("output", {}), OutputConfig)
    limits = _typed("limits", plain.get("limits", {}), LimitsConfig)
    wishes = Wishes(**{wish.name: root[wish.name] for wish in fields(Wishes)})
    resolved: dict[str, Any] = {group: asdict(groups[group]) for group in SCHEMAS}
    budget = _budget(plain.get("budget"))
    resolved |= {"budget": budget, "output": asdict(output), "seed": root.seed, "verbose": root.verbose}
    return Settings(
        **groups,
        output=output,
        seed=root.seed,
        verbose=root.verbose,
        budget=budget,
        resolved=resolved,
        limits=limits,
        wishes=wishes,
    )


def _budget(section: Any) -> str:
    """The name of the budget, whose values the model has already taken; what a run left behind holds the name alone, if
    it knew budgets."""
    if section is None:
        return DEFAULT_BUDGET
    if not isinstance(section, Mapping):
        one_of("budget", str(section), options("budget"))
        return str(section)
    name = str(section.get("name"))
    file = conf_directory() / "budget" / f"{name}.yaml"
    if file.is_file():
        known = _keys("budget", OmegaConf.to_container(OmegaConf.load(file)))
        for key in _keys("budget", section):
            if key not in known:
                raise ConfigError(key, "no such key; a model's effort is set with model.KEY=VALUE")
    return name


def _keys(prefix: str, section: Any) -> list[str]:
    """Dotted names of all leaves of a section."""
    if not isinstance(section, Mapping):
        return [prefix]
    return [key for name, value in section.items() for key in _keys(f"{prefix}.{name}", value)]


def _varies_a_size(task: Any, dataset: Any) -> None:
    """Require that what the scaling task varies is a whole number of the dataset."""
    parameter = getattr(task, "parameter", None)
    sizes = [leaf.name for leaf in fields(dataset) if type(getattr(dataset, leaf.name)) is int]
    if parameter is not None and parameter not in sizes:
        problem = f'"{parameter}" is not one of the whole numbers of dataset={dataset.name}: {", ".join(sizes)}'
        raise ConfigError("task.parameter", problem + did_you_mean(parameter, sizes))


def _reads_in_chunks(task: Any, dataset: Any) -> None:
    """Require a task that does not need all data at once where the dataset shall not be in memory as a whole."""
    if getattr(dataset, "stream", False) and task.name != "regress" and not asks_a_run(task):
        problem = (
            f"must be false for task={task.name}, which needs all data in memory; task=regress reads them in chunks"
        )
        raise ConfigError("dataset.stream", problem)


def _stands_on_cheap(task: Any, dataset: Any) -> None:
    """Require data in memory where the surrogate stands on that of a cheap solver."""
    if not getattr(dataset, "cheap", ""):
        return
    if getattr(dataset, "stream", False):
        raise ConfigError("dataset.stream", "must be false beside dataset.cheap, which needs all data in memory")
    if task.name == "solve":
        raise ConfigError("dataset.cheap", "must be empty for task=solve, which learns from no solver")


def read(path: Path) -> Settings:
    """The settings of a `config.yaml` that a run left in its directory.

    Raises:
        BinnError: if the file is missing or is not YAML.
        ConfigError: if its content cannot be used.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BinnError(
            f"{path}: cannot be read ({error.strerror}); name the directory of a run, which holds config.yaml"
        ) from error
    except UnicodeDecodeError as error:
        raise BinnError(f"{path}: is not readable as YAML ({error})") from error
    return from_text(text, path)


def from_text(text: str, where: Path) -> Settings:
    """The settings of a resolved configuration that a run kept.

    Args:
        text: YAML.
        where: the file that holds it, for errors.

    Raises:
        BinnError: if it is not YAML.
        ConfigError: if its content cannot be used.
    """
    try:
        content = OmegaConf.create(text)
    except Exception as error:
        raise BinnError(f"{where}: is not readable as YAML ({' '.join(str(error).split())})") from error
    if not isinstance(content, DictConfig):
        raise BinnError(
            f"{where}: holds {'a list' if isinstance(content, ListConfig) else 'a text'}, not the configuration of a "
            f"run"
        )
    return of_run(content)


def of_run(content: DictConfig) -> Settings:
    """The settings of a resolved configuration that a run kept, with what it has learned by `binn update`.

    Raises:
        ConfigError: if its content cannot be used.
    """
    plain: dict[str, Any] = {str(key): value for key, value in content.items()}
    update = plain.pop(UPDATE, None)
    settings = validated(plain)
    if update is None:
        return settings
    if not isinstance(update, DictConfig):
        raise ConfigError(UPDATE, f"must hold what binn update has learned, not {update!r}")
    known: dict[str, Any] = {str(number): dict(one) for number, one in update.items()}
    return replace(settings, update=known, resolved={**settings.resolved, UPDATE: known})


def omegaconf_error(error: OmegaConfBaseException, prefix: str = "") -> ConfigError:
    """The sentence for an error of OmegaConf, which knows the key and says the rest on its first line."""
    key = ".".join(part for part in (prefix, str(error.full_key or error.key or "")) if part) or "configuration"
    problem = str(error.msg or error).strip().splitlines()[0]
    if "Missing mandatory value" in problem:
        problem = (
            f"choose one of {', '.join(SCHEMAS[key])}" if key in SCHEMAS else f"has no value; give one with {key}=VALUE"
        )
    if " raised while resolving interpolation: " in problem:
        problem = problem.partition(" raised while resolving interpolation: ")[2].strip('"')
    return ConfigError(key, problem[0].lower() + problem[1:])


def _reject_unknown(prefix: str, section: Mapping[Any, Any], schema: type) -> None:
    dotted = f"{prefix}." if prefix else ""
    known = [f"{dotted}{leaf.name}" for leaf in fields(schema)]
    for key in section:
        if f"{dotted}{key}" not in known:
            raise ConfigError(f"{dotted}{key}", no_such_key(f"{dotted}{key}", known))


def _typed(prefix: str, section: Mapping[str, Any], schema: type, *, instantiate: bool = True) -> Any:
    if not isinstance(section, Mapping):
        raise ConfigError(
            prefix,
            f"must be a section with the keys {', '.join(leaf.name for leaf in fields(schema))}, not {section!r}",
        )
    same = (prefix, schema, repr(section))
    if instantiate and same in _known:
        return deepcopy(_known[same])
    _reject_unknown(prefix, section, schema)
    try:
        node = OmegaConf.merge(OmegaConf.structured(schema), dict(section))
        if not instantiate:
            return node
        made = OmegaConf.to_object(node)
        if len(_known) < MOST_KNOWN:
            _known[same] = deepcopy(made)
        return made
    except ConfigError:
        raise
    except OmegaConfBaseException as error:
        raise _config_error_within(error) or omegaconf_error(error, prefix) from error


def _config_error_within(error: BaseException | None) -> ConfigError | None:
    """OmegaConf may wrap what `__post_init__` raises: look through the causes."""
    while error is not None:
        if isinstance(error, ConfigError):
            return error
        error = error.__cause__ or error.__context__
    return None
