"""Every YAML file under conf/ composes, says what each value means, and holds exactly the leaves of its schema."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml

from binn_cli.build import CLASSES
from binn_cli.config.schema import SCHEMAS, SECTIONS
from binn_cli.config.store import conf_directory, options

OPTIONS = [(group, name) for group in SCHEMAS for name in options(group)]
FILES = sorted(
    path.relative_to(conf_directory())
    for group in (*SCHEMAS, "budget", "experiment")
    for path in (conf_directory() / group).rglob("*.yaml")
)


def test_the_repository_conf_comes_first() -> None:
    assert conf_directory() == Path(__file__).resolve().parents[2] / "conf"


def test_every_schema_has_a_file_and_a_class() -> None:
    assert {group: set(schemas) for group, schemas in SCHEMAS.items()} == {
        group: set(options(group)) for group in SCHEMAS
    }
    assert {group: set(names) for group, names in CLASSES.items()} == {
        group: set(schemas) for group, schemas in SCHEMAS.items()
    }


@pytest.mark.parametrize(("group", "name"), OPTIONS)
def test_option_composes_with_the_leaves_of_its_schema(settings, group: str, name: str) -> None:
    chosen = getattr(settings(f"{group}={name}"), group)
    assert type(chosen) is SCHEMAS[group][name]
    assert chosen.name == name
    written = yaml.safe_load((conf_directory() / group / f"{name}.yaml").read_text())
    assert set(written) - {"defaults"} == {leaf.name for leaf in fields(SCHEMAS[group][name])}


@pytest.mark.parametrize(("group", "name"), OPTIONS)
def test_values_are_the_defaults_of_the_schema(settings, group: str, name: str) -> None:
    chosen = getattr(settings(f"{group}={name}"), group)
    for leaf in fields(chosen):
        default = leaf.default if leaf.default is not MISSING else leaf.default_factory()
        if (name, leaf.name) != ("heat", "source_centers"):
            assert getattr(chosen, leaf.name) == default, leaf.name


def test_heat_sources_are_a_grid(settings) -> None:
    line = np.linspace(0.1, 0.9, 4)
    np.testing.assert_allclose(
        settings("dataset=heat").dataset.source_centers, [[x, y] for x in line for y in line], rtol=0, atol=1e-15
    )


@pytest.mark.parametrize("name", options("experiment"))
def test_experiment_composes(settings, name: str) -> None:
    assert settings(f"experiment={name}").resolved


@pytest.mark.parametrize("name", options("budget"))
def test_a_budget_has_the_same_keys_as_every_other(name: str) -> None:
    sections = [
        yaml.safe_load((conf_directory() / "budget" / f"{option}.yaml").read_text()) for option in (name, "quick")
    ]
    assert sections[0].pop("name") == name and sections[1].pop("name") == "quick"
    for section in sections:
        section.pop("by_dataset", None)  # what the sections below refer to
    assert sections[0].keys() == sections[1].keys() <= set(SCHEMAS["model"])
    for model, efforts in sections[0].items():
        assert efforts.keys() == sections[1][model].keys() <= {leaf.name for leaf in fields(SCHEMAS["model"][model])}


def test_a_budget_sets_the_effort_of_the_model(settings) -> None:
    assert settings("budget=paper").model.sweeps == 40 and settings("budget=smoke").model.sweeps == 10
    assert settings("budget=paper", "model.sweeps=3").model.sweeps == 3
    assert settings("budget=smoke").resolved["budget"] == "smoke"


@pytest.mark.parametrize(
    ("dataset", "model", "expected"),
    [
        ("sine", "bnn_hmc", {"warmup": 1000, "samples": 6000, "step": 0.01, "leapfrog": 20, "adapt": False}),
        ("sine", "bnn_vi", {"steps": 2000, "learning_rate": 0.01}),
        (
            "poisson",
            "bnn_nuts",
            {"warmup": 600, "samples": 600, "warmup_again": 250, "samples_again": 250, "target_accept": 0.85},
        ),
        ("poisson", "bnn_vi", {"steps": 15000, "steps_again": 4000, "learning_rate": 0.001}),
        (
            "heat",
            "bnn_nuts",
            {"warmup": 200, "samples": 150, "warmup_again": 120, "samples_again": 80, "target_accept": 0.85},
        ),
        ("heat", "bnn_vi", {"steps": 20000, "steps_again": 5000, "learning_rate": 0.001}),
    ],
)
def test_the_paper_budget_is_the_papers_for_every_data_set(settings, dataset: str, model: str, expected: dict) -> None:
    chosen = settings("budget=paper", f"dataset={dataset}", f"model={model}").model
    assert {name: getattr(chosen, name) for name in expected} == expected


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_has_the_leaves_of_its_schema(composed, section: str) -> None:
    assert set(composed()[section]) == {leaf.name for leaf in fields(SECTIONS[section])}


@pytest.mark.parametrize("file", [Path("config.yaml"), *FILES], ids=str)
def test_every_leaf_has_a_comment(file: Path) -> None:
    lines = (conf_directory() / file).read_text().split("\nhydra:\n")[0].splitlines()
    body = lines[next((i for i, line in enumerate(lines) if line.startswith("  - ")), 0) :]
    for before, line in pairwise(body):
        if re.match(r"\s*\w+: \S", line):
            assert "  # " in line or before.strip().startswith("# "), line


def test_model_and_task_take_the_seed_of_the_run(settings) -> None:
    chosen = settings("seed=7")
    assert (chosen.model.seed, chosen.task.seed) == (7, 7)
