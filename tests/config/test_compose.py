"""Checked settings: types, ranges, unknown keys, and the identity of a configuration."""

from __future__ import annotations

import pytest
import yaml

from binn_cli.config.compose import read, validated
from binn_cli.errors import BinnError, ConfigError


def test_settings_survive_their_own_yaml(settings, tmp_path) -> None:
    before = settings("dataset=poisson", "model.centers=[16,16,16,6]", "task.initial=9")
    (tmp_path / "config.yaml").write_text(before.yaml)
    assert read(tmp_path / "config.yaml") == before


def test_config_id_counts_science_only(settings) -> None:
    known = settings().config_id
    assert len(known) == 16
    same = settings("output.root=elsewhere", "output.figures=false", "verbose=true", "dataset.cache=/somewhere")
    assert same.config_id == known
    for other in ("seed=1", "task.rounds=3", "model.modes=3", "dataset=sine", "dataset.cells=10"):
        assert settings(other).config_id != known, other


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["task.rounds=0"], "task.rounds: must be at least 1, not 0"),
        (["model.basis=gausian"], 'model.basis: "gausian" is not one of gaussian, hat, bspline; did you mean "gaussian"?'),
        (["model.noise_variance=nan"], "model.noise_variance: must be greater than 0, not nan"),
        (["dataset=sine", "dataset.domain=[1,0]"], "dataset.domain: must be [low, high] with low < high, not [1.0, 0.0]"),
        (["seed=-1"], "seed: must be at least 0, not -1"),
        (["output.max_points=0"], "output.max_points: must be at least 1, not 0"),
        (["dataset.name=sine"], "dataset.name: choose the option with dataset=sine, not with dataset.name=sine"),
        (["+model.mode=3"], 'model.mode: no such key; did you mean "model.modes"?'),
        (["+output.rot=x"], 'output.rot: no such key; did you mean "output.root"?'),
        (["+sed=3"], 'sed: no such key; did you mean "seed"?'),
        (["~task"], "task: choose one of regress, active_learn, scaling"),
        (["model.modes=???"], "model.modes: has no value; give one with model.modes=VALUE"),
        (["seed=${nope}"], "model.seed: interpolation key 'nope' not found"),
    ],
)
def test_what_cannot_be_used(settings, overrides: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(*overrides)
    assert str(caught.value) == sentence


def test_an_unknown_key_that_is_near_nothing_lists_what_there_is(settings) -> None:
    with pytest.raises(ConfigError, match=r"^task.foo: no such key; task has acquisition, initial, rounds, acquisition_points"):
        settings("+task.foo=1")


def test_wrong_type_in_a_stored_configuration(settings) -> None:
    content = yaml.safe_load(settings("dataset=sine").yaml)
    with pytest.raises(ConfigError, match="^dataset.n_train: "):
        validated({**content, "dataset": {**content["dataset"], "n_train": "many"}})
    with pytest.raises(ConfigError, match="^dataset: choose one of sine, poisson, heat, blendednet"):
        validated({**content, "dataset": "sine"})
    with pytest.raises(ConfigError, match="^output: must be a section"):
        validated({**content, "output": 3})


@pytest.mark.parametrize(("content", "problem"), [(None, "cannot be read"), ("a: [1", "is not readable as YAML"), ("- 1", "holds a list")])
def test_a_stored_configuration_that_cannot_be_read(tmp_path, content: str | None, problem: str) -> None:
    if content is not None:
        (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(BinnError, match=problem):
        read(tmp_path / "config.yaml")
