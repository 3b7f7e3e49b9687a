"""The store of schemas that Hydra reads."""

from __future__ import annotations

from typing import Any

import pytest
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from binn_cli.cli import main
from binn_cli.config.store import register


def test_help_copies_no_schemas_that_it_does_not_show(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hydra copies its sources for each of some two hundred questions: with all schemas that took ten seconds."""
    copied, copy_of = list[int](), DictConfig.__deepcopy__

    def counted(self: DictConfig, memo: dict[int, Any]) -> DictConfig:
        copied.append(1)
        return copy_of(self, memo)

    monkeypatch.setattr(DictConfig, "__deepcopy__", counted)
    with pytest.raises(SystemExit) as ended:
        main(["run", "--help"])
    assert ended.value.code == 0
    assert "Groups (choose one option of each" in capsys.readouterr().out
    assert 0 < len(copied) < 3000


def test_what_is_taken_out_of_the_store_may_be_changed() -> None:
    register()
    store = ConfigStore.instance()
    taken = store.load("schema/model/binn.yaml").node
    taken.name = "changed"
    assert store.load("schema/model/binn.yaml").node.name == "binn"
