"""Sobol indices against closed forms, and of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray
from scipy.stats import sobol_indices, uniform

import binn_cli
from binn_cli.cli import main
from binn_cli.tasks.questions.distributions import joint_of
from binn_cli.tasks.questions.sensitivity.indices import grid_of, nodes_of, parts_from_samples, parts_on_grid
from tests.tasks.questions.exact import source_of


def _ishigami(unit: np.ndarray) -> np.ndarray:
    x = np.pi * (2.0 * unit - 1.0)
    return (np.sin(x[:, 0]) + 7.0 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0]))[:, None]


def _ishigami_indices() -> tuple[np.ndarray, np.ndarray, float]:
    first = 0.5 * (1.0 + 0.1 * np.pi**4 / 5.0) ** 2
    second, pair = 7.0**2 / 8.0, 0.1**2 * np.pi**8 * 8.0 / 225.0
    total = first + second + pair
    return np.array([first, second, 0.0]) / total, np.array([first + pair, second, pair]) / total, pair / total


def test_ishigami_by_quadrature_and_by_samples() -> None:
    first, total, pair = _ishigami_indices()
    rules = [nodes_of(0, 24)] * 3
    by_grid = parts_on_grid(_ishigami(grid_of([x for x, _ in rules])), [w for _, w in rules]).shares()
    by_samples = parts_from_samples(_ishigami, 3, 8192, 0).shares()
    for found, tolerance in ((by_grid, 1e-9), (by_samples, 1e-3)):
        assert np.allclose(found["first_order"][:, 0], first, atol=tolerance)
        assert np.allclose(found["total"][:, 0], total, atol=tolerance)
        assert found["second_order"][0, 2, 0] == pytest.approx(pair, abs=tolerance)


@pytest.mark.parametrize("inputs", [6, pytest.param(20, marks=pytest.mark.thorough)])
def test_the_g_function_within_a_thousandth(inputs: int) -> None:
    a = np.concatenate([[0.0, 0.5, 3.0, 9.0], np.full(inputs - 4, 99.0)])
    own = 1.0 / 3.0 / (1.0 + a) ** 2
    whole = np.prod(1.0 + own) - 1.0

    def g(unit: np.ndarray) -> np.ndarray:
        return np.prod((np.abs(4.0 * unit - 2.0) + a) / (1.0 + a), axis=1)[:, None]

    found = parts_from_samples(g, inputs, 32768, [0, 91]).shares()
    assert np.allclose(found["first_order"][:, 0], own / whole, atol=1e-3)
    assert np.allclose(found["total"][:, 0], own * (whole + 1.0) / (1.0 + own) / whole, atol=1e-3)


def test_samples_agree_with_scipy_on_a_skewed_distribution() -> None:
    source = source_of(lambda t: t, {"a": (0.0, 4.0), "b": (0.0, 1.0)}, ("y", "z"))
    joint = joint_of(
        source, "task.distributions", ("a", "b"), {"a": {"name": "triangular", "low": 0.0, "mode": 0.5, "high": 4.0}}
    )

    def function(unit: np.ndarray) -> np.ndarray:
        x = joint.at(unit)
        return (x[:, 0] + x[:, 0] * x[:, 1] ** 2)[:, None]

    found = parts_from_samples(function, 2, 4096, 1).shares()
    known = sobol_indices(
        func=lambda x: (x[0] + x[0] * x[1] ** 2)[None], n=4096,
        dists=[joint.marginals[0].frozen, uniform(0.0, 1.0)], rng=np.random.default_rng(0),
    )  # fmt: skip
    assert np.allclose(found["first_order"][:, 0], known.first_order, atol=0.01)
    assert np.allclose(found["total"][:, 0], known.total_order, atol=0.01)


def test_indices_of_a_run_in_total_and_over_a_field(a_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    command = f"run task=sensitivity task.run={a_run} task.inputs=[k,P] task.field_points=5 output.root={tmp_path}"
    assert main(command.split()) == 0
    path = Path(capsys.readouterr().out.strip().splitlines()[-1])
    found = binn_cli.load(path).sensitivity
    assert dict(found["first_order"].sizes) == {"input": 2, "output": 2}
    assert np.allclose(found["first_order"].sel(output="z"), [0.5, 0.5], atol=2e-3)
    assert np.allclose(found["total"].sel(output="y"), [1.0, 0.0], atol=2e-3)
    low, high = found["total_interval_95"].sel(output="z", input="k").values
    assert 0.49 < low <= float(found["total"].sel(output="z", input="k")) <= high < 0.51
    with xarray.open_dataset(path, group="sensitivity/fields", engine="h5netcdf") as fields:
        assert fields["first_order"].dims == ("input", "x", "output")
        ratio = fields["variance"].sel(output="y").values
    assert np.allclose(ratio / ratio[-1], np.linspace(0.0, 1.0, 5) ** 2, atol=5e-3)
    for name in ("sensitivity.png", "sensitivity_fields.png"):
        assert (path.parent / name).stat().st_size > 5000
    assert main(["show", str(path)]) == 0
    assert "first order" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("task.inputs=[q]", "task.inputs: 'q' is no input"),
        ("task.distributions={k:{name:normal,mean:0}}", "normal needs mean and std"),
        ("task.distributions={k:{name:gauss,mean:0,std:1}}", '"gauss" is not one of uniform'),
        ("task.inputs=[k,P] task.distributions={x:{name:uniform}}", "'x' is none of the inputs in question"),
    ],
)
def test_what_cannot_be_asked(
    options: str, told: str, a_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main([*f"run task=sensitivity task.run={a_run} output.root={tmp_path}".split(), *options.split()]) == 1
    assert told in capsys.readouterr().err.strip().splitlines()[-1]
