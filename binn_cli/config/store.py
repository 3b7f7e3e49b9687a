"""Where the YAML files of conf/ stand, which options they offer, and the schemas that Hydra checks them against."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from binn_cli.config.schema import PLAIN_KEYS, SCHEMAS, SECTIONS, RunConfig
from binn_cli.errors import BinnError

PACKAGE = Path(__file__).resolve().parent.parent


def conf_directory() -> Path:
    """The repository's conf/ where the package stands in its repository, otherwise the copy that the wheel
    installed."""
    repository = PACKAGE.parent
    project = repository / "pyproject.toml"
    # An editable install also leaves a frozen copy of conf/ in site-packages, so the repository comes first.
    ours = (
        project.is_file()
        and tomllib.loads(project.read_text(encoding="utf-8")).get("project", {}).get("name") == "binn"
    )
    return repository / "conf" if ours else PACKAGE / "conf"


def options(group: str) -> list[str]:
    """Names of the YAML files of a group, sorted."""
    return sorted(path.stem for path in (conf_directory() / group).glob("*.yaml"))


@cache
def register() -> None:
    """Put every schema into Hydra's store and teach OmegaConf the resolvers that files of conf/ use; safe to call
    again."""
    store = ConfigStore.instance()
    store.store(name="schema", node=RunConfig, provider="binn")
    for group, schemas in SCHEMAS.items():
        for name, schema in schemas.items():
            store.store(group=f"schema/{group}", name=name, node=schema, provider="binn")
    # For every question that Hydra asks of its sources it copies them, with all schemas in the store: 0.06 s each time,
    # and ten seconds for `binn run --help`. What it takes out of the store it copies anyway.
    ConfigStore.__deepcopy__ = _itself  # type: ignore[attr-defined]
    OmegaConf.register_new_resolver("binn_options", lambda group: ", ".join(options(group)), replace=True)
    OmegaConf.register_new_resolver("binn_by_output", by_output, replace=True)


def _itself(store: ConfigStore, memo: dict[int, Any]) -> ConfigStore:
    return store


def by_output(outputs: Sequence[str], values: Mapping[str, Any]) -> Any:
    """The value of the only output, for `${binn_by_output:${dataset.outputs},{cp:[...],cf_x:[...]}}` in a file of
    conf/.

    Raises:
        BinnError: if there are several outputs, or the one has no value.
    """
    if len(outputs) != 1 or outputs[0] not in values:
        known = ", ".join(f"[{name}]" for name in values)
        raise BinnError(
            f"dataset.outputs must be one of {known} here, not [{', '.join(map(str, outputs))}], or state the value "
            f"yourself"
        )
    return values[outputs[0]]


def leaves(arguments: Sequence[str]) -> list[str]:
    """Dotted names of every leaf that can be set, given the groups and experiments that the arguments choose.

    Args:
        arguments: the overrides of `binn run`; those that set values are not looked at.
    """
    register()
    chosen = [argument for argument in arguments if "." not in argument.partition("=")[0] and "," not in argument]
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
            composed = compose("config", chosen)
        schemas = [SCHEMAS[group][composed[group].name] for group in SCHEMAS]
    except Exception:
        # What was chosen cannot be composed itself, so every option counts.
        return _leaves({group: list(options.values()) for group, options in SCHEMAS.items()})
    return _leaves({group: [schema] for group, schema in zip(SCHEMAS, schemas, strict=True)})


def _leaves(schemas: Mapping[str, Sequence[type]]) -> list[str]:
    names = [
        *PLAIN_KEYS,
        *(f"{section}.{leaf.name}" for section, schema in SECTIONS.items() for leaf in fields(schema)),
    ]
    names += [
        f"{group}.{leaf.name}" for group, of_group in schemas.items() for schema in of_group for leaf in fields(schema)
    ]
    return list(dict.fromkeys(names))
