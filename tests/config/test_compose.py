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
    ("whole", "floats"),
    [
        ("dataset.source_centers=[[5,5]]", "dataset.source_centers=[[5.0,5.0]]"),
        ("dataset.source_centers=[[1,0.5]]", "dataset.source_centers=[[1.0,0.5]]"),
        ("dataset.k_range=[1,4]", "dataset.k_range=[1.0,4.0]"),
        ("model.length=2", "model.length=2.0"),
        ("model.length=[1,2,3,4,5]", "model.length=[1.0,2.0,3.0,4.0,5.0]"),
        ("model.stretch=[0,3,0,0,0]", "model.stretch=[0.0,3.0,0.0,0.0,0.0]"),
        ("model.prior_variance=1", "model.prior_variance=1.0"),
    ],
)
def test_whole_numbers_stand_for_floats(settings, whole: str, floats: str) -> None:
    one, other = settings(whole), settings(floats)
    assert (one.yaml, one.config_id) == (other.yaml, other.config_id)
    assert one.config_id != settings().config_id or floats in ("dataset.k_range=[1.0,4.0]", "model.prior_variance=1.0")


def test_any_whole_number_of_the_data_set_can_take_the_sizes(settings) -> None:
    assert settings("dataset=heat", "task=scaling", "task.parameter=cells").task.parameter == "cells"


def test_a_table_is_fitted_once_unless_something_else_is_asked(settings) -> None:
    assert settings("dataset=table").task.name == "regress"
    assert settings("dataset=table", "task=active_learn").task.name == "active_learn"
    assert settings("dataset=sine").task.name == "active_learn"
    assert settings("dataset=table", "dataset.ranges={x:[-1,2]}").dataset.ranges == {"x": [-1.0, 2.0]}


def test_the_ends_of_the_ranges_can_be_used(settings) -> None:
    largest = settings(
        f"seed={2**63 - 1}", "model.centers=4096", "model.padding=4096", "model.modes=1024", "model.noise_variance=1e12"
    )
    assert (largest.seed, largest.model.seed, largest.task.seed) == (2**63 - 1,) * 3
    assert (largest.model.centers, largest.model.padding, largest.model.modes) == (4096, 4096, 1024)
    least = settings("seed=0", "model.centers=2", "model.padding=0", "model.modes=1", "model.noise_variance=1e-30")
    assert (least.model.centers, least.model.padding, least.model.modes, least.model.noise_variance) == (2, 0, 1, 1e-30)
    assert settings("model.prior_variance=1e-12").model.prior_variance == 1e-12


SEEDS = f"must be a whole number from 0 to {2**63 - 1} (2^63 - 1)"
BASES = "must be one of gaussian, hat, bspline, chidenn, or a list of them with one a coordinate"
WHOLE = 'must be a whole number from {} to 4096, or a list of them with one a coordinate, or "auto"'
LENGTH = 'must be a number greater than 0, or a list of them with one a coordinate, or "auto"'
SIZES = "is not one of the whole numbers of dataset=sine: n_train, n_test, initial_cases"
POINTS = "must be a list of points with two finite numbers each, such as [[0.5,0.5]]"

WHOLE_DATA = "must be false for task={}, which needs all data in memory; task=regress reads them in chunks"


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["task.rounds=0"], "task.rounds: must be at least 1, not 0"),
        (
            ["model.basis=gausian"],
            'model.basis: "gausian" is not one of gaussian, hat, bspline, chidenn; did you mean "gaussian"?',
        ),
        (["model.noise_variance=nan"], "model.noise_variance: must be from 1e-30 to 1e+12, not nan"),
        (["model.noise_variance=1e-31"], "model.noise_variance: must be from 1e-30 to 1e+12, not 1e-31"),
        (["model.noise_variance=2e12"], "model.noise_variance: must be from 1e-30 to 1e+12, not 2000000000000.0"),
        (["model.prior_variance=1e-13"], "model.prior_variance: must be from 1e-12 to 1e+12, not 1e-13"),
        (["model.prior_variance=inf"], "model.prior_variance: must be from 1e-12 to 1e+12, not inf"),
        (
            ["dataset=sine", "dataset.domain=[1,0]"],
            "dataset.domain: must be [low, high] with low < high, not [1.0, 0.0]",
        ),
        (["seed=-1"], f"seed: {SEEDS}, not -1"),
        ([f"seed={2**63}"], f"seed: {SEEDS}, not {2**63}"),
        ([f"model.seed={2**63}"], f"model.seed: {SEEDS}, not {2**63}"),
        (["task.seed=-2"], f"task.seed: {SEEDS}, not -2"),
        (["model.basis=3"], f"model.basis: {BASES}, not 3"),
        (["model.basis=null"], f"model.basis: {BASES}, not null"),
        (["model.basis=[]"], f"model.basis: {BASES}, not []"),
        (["model.basis=true"], f"model.basis: {BASES}, not true"),
        (["model.basis=[hat,3]"], f"model.basis: {BASES}, not ['hat', 3]"),
        (
            ["model.basis=[hat,het]"],
            'model.basis: "het" is not one of gaussian, hat, bspline, chidenn; did you mean "hat"?',
        ),
        (["model.sweeps=1000001"], "model.sweeps: must be from 1 to 1e+06, not 1000001"),
        (["model.compression=1.5"], "model.compression: must be from 0 to 1, not 1.5"),
        (["output.root=' '"], 'output.root: must name a directory, not ""'),
        (["model.modes=1025"], 'model.modes: must be a whole number from 1 to 1024, or "auto", not 1025'),
        (["model.modes=null"], 'model.modes: must be a whole number from 1 to 1024, or "auto", not null'),
        (["model.centers=4097"], f"model.centers: {WHOLE.format(2)}, not 4097"),
        (["model.centers=[4,1]"], f"model.centers: {WHOLE.format(2)}, not [4, 1]"),
        (["model.padding=[0,5000]"], f"model.padding: {WHOLE.format(0)}, not [0, 5000]"),
        (["model.padding=2.5"], f"model.padding: {WHOLE.format(0)}, not 2.5"),
        ([f"model.length=1{400 * '0'}"], f"model.length: {LENGTH}, not 1{400 * '0'}"),
        (["model.length=outo"], f'model.length: {LENGTH}, not "outo"; did you mean "auto"?'),
        (["dataset.source_centers=[]"], f"dataset.source_centers: {POINTS}, not []"),
        (["dataset.source_centers=[[1,2,3]]"], f"dataset.source_centers: {POINTS}, not [[1, 2, 3]]"),
        (["dataset.source_centers=[[1,nan]]"], f"dataset.source_centers: {POINTS}, not [[1, nan]]"),
        (["dataset.source_centers=[a]"], f"dataset.source_centers: {POINTS}, not ['a']"),
        (["dataset.source_centers=3"], f"dataset.source_centers: {POINTS}, not 3"),
        (["output.max_points=0"], "output.max_points: must be at least 1, not 0"),
        (["dataset.name=sine"], "dataset.name: choose the option with dataset=sine, not with dataset.name=sine"),
        (["dataset=sine", "task=scaling", "task.parameter=domain"], f'task.parameter: "domain" {SIZES}'),
        (
            ["dataset=sine", "task=scaling", "task.parameter=test_noise"],
            f'task.parameter: "test_noise" {SIZES}; did you mean "n_test"?',
        ),
        (
            ["dataset=sine", "task=scaling", "task.parameter=n_trian"],
            f'task.parameter: "n_trian" {SIZES}; did you mean "n_train"?',
        ),
        (
            ["dataset=table", "dataset.ranges=[0,1]"],
            "dataset.ranges: must be {NAME: [low, high], …} or null, not [0, 1]",
        ),
        (
            ["dataset=table", "dataset.ranges={x:[1,0]}"],
            "dataset.ranges: must be [low, high] with low < high for 'x', not [1, 0]",
        ),
        (
            ["dataset=table", "dataset.ranges={x:3}"],
            "dataset.ranges: must be [low, high] with low < high for 'x', not 3",
        ),
        (["dataset=table", "dataset.stream=true", "task=scaling"], f"dataset.stream: {WHOLE_DATA.format('scaling')}"),
        (["dataset=blendednet", "dataset.stream=true"], f"dataset.stream: {WHOLE_DATA.format('active_learn')}"),
        (["+model.mode=3"], 'model.mode: no such key; did you mean "model.modes"?'),
        (["+output.rot=x"], 'output.rot: no such key; did you mean "output.root"?'),
        (["+sed=3"], 'sed: no such key; did you mean "seed"?'),
        (["~task"], "task: choose one of regress, active_learn, scaling, solve, inverse, sensitivity, optimize"),
        (["model.modes=???"], "model.modes: has no value; give one with model.modes=VALUE"),
        (["seed=${nope}"], "model.seed: interpolation key 'nope' not found"),
    ],
)
def test_what_cannot_be_used(settings, overrides: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(*overrides)
    assert str(caught.value) == sentence


def test_an_unknown_key_that_is_near_nothing_lists_what_there_is(settings) -> None:
    with pytest.raises(
        ConfigError, match=r"^task.foo: no such key; task has acquisition, goal, output, initial, rounds, batch,"
    ):
        settings("+task.foo=1")


def test_wrong_type_in_a_stored_configuration(settings) -> None:
    content = yaml.safe_load(settings("dataset=sine").yaml)
    with pytest.raises(ConfigError, match="^dataset.n_train: "):
        validated({**content, "dataset": {**content["dataset"], "n_train": "many"}})
    with pytest.raises(ConfigError, match="^dataset: choose one of sine, poisson, heat, blendednet, table, snapshots"):
        validated({**content, "dataset": "sine"})
    with pytest.raises(ConfigError, match="^dataset: choose one of sine, poisson, heat, .*, simulator, .*, equation$"):
        validated({})
    with pytest.raises(ConfigError, match="^output: must be a section"):
        validated({**content, "output": 3})


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "cannot be read"), ("a: [1", "is not readable as YAML"), ("- 1", "holds a list")]
)
def test_a_stored_configuration_that_cannot_be_read(tmp_path, content: str | None, problem: str) -> None:
    if content is not None:
        (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(BinnError, match=problem):
        read(tmp_path / "config.yaml")
