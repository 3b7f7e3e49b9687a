"""Composition in the test's own process, without a command line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from binn_cli.config.compose import Settings, validated
from binn_cli.config.store import conf_directory, register


@pytest.fixture(scope="session")
def composed() -> Callable[..., DictConfig]:
    def compose_with(*overrides: str) -> DictConfig:
        register()
        with initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
            return compose("config", list(overrides))

    return compose_with


@pytest.fixture(scope="session")
def settings(composed: Callable[..., DictConfig]) -> Callable[..., Settings]:
    return lambda *overrides: validated(composed(*overrides))
