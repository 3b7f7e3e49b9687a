"""Sobol indices against closed forms, and of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray
from scipy.stats import sobol_indices, uniform

import binn_cli
from binn_cli.cli import main
from binn_cli.config.schema import BinnConfig, SensitivityConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.binn.sums_of_products import SumOfProducts, sums_of_products
from binn_cli.models.binn.surrogate import Binn
from binn_cli.models.scope import Scope
from binn_cli.tasks.questions.distributions import joint_of
from binn_cli.tasks.questions.sensitivity.closed_form import parts_in_closed_form
from binn_cli.tasks.questions.sensitivity.indices import grid_of, nodes_of, parts_from_samples, parts_on_grid
from binn_cli.tasks.questions.sensitivity.intervals import SHARED, interval_of, missed_by_draws
from binn_cli.tasks.questions.sensitivity.task import Sensitivity
from binn_cli.tasks.questions.source import Group, Source
from tests.studies import indices
from tests.studies.computer_experiments import g_weights
from tests.tasks.questions.exact import source_of


def test_ishigami_by_quadrature_and_by_samples() -> None:
    problem = indices.ishigami()
    first, total, pair = problem.first, problem.total, problem.total[2]

    def ishigami(unit: np.ndarray) -> np.ndarray:
        return problem.function(np.pi * (2.0 * unit - 1.0))[:, None]

    rules = [nodes_of(0, 24)] * 3
    by_grid = parts_on_grid(ishigami(grid_of([x for x, _ in rules])), [w for _, w in rules]).shares()
    by_samples = parts_from_samples(ishigami, 3, 8192, 0)[0].shares()
    for found, tolerance in ((by_grid, 1e-9), (by_samples, 1e-3)):
        assert np.allclose(found["first_order"][:, 0], first, atol=tolerance)
        assert np.allclose(found["total"][:, 0], total, atol=tolerance)
        assert found["second_order"][0, 2, 0] == pytest.approx(pair, abs=tolerance)


@pytest.mark.parametrize("inputs", [6, pytest.param(20, marks=pytest.mark.thorough)])
def test_the_g_function_within_a_thousandth(inputs: int) -> None:
    problem = indices.sobol_g(inputs)
    found = parts_from_samples(lambda unit: problem.function(unit)[:, None], inputs, 32768, [0, 91])[0].shares()
    assert np.allclose(found["first_order"][:, 0], problem.first, atol=1e-3)
    assert np.allclose(found["total"][:, 0], problem.total, atol=1e-3)


@pytest.mark.parametrize("inputs", [6, 20])
def test_the_g_function_in_closed_form(inputs: int) -> None:
    a, exact = g_weights(inputs), indices.sobol_g(inputs)
    own = 1.0 / 3.0 / (1.0 + a) ** 2
    whole = np.prod(1.0 + own) - 1.0
    g = SumOfProducts(
        2.0, np.array([0.25, 0.75]), lambda d, x: np.tile(((np.abs(4 * x - 2) + a[d]) / (1 + a[d]))[:, None], 2)
    )
    source = source_of(lambda t: t[:, :1], {f"x{i}": (0.0, 1.0) for i in range(inputs)})
    joint = joint_of(source, "task.distributions", source.scope.inputs, None)
    parts = parts_in_closed_form([g], range(inputs), joint)
    assert parts is not None
    found = parts.shares()
    assert parts.mean[0] == pytest.approx(3.0) and parts.variance[0] == pytest.approx(whole)
    assert np.allclose(found["first_order"][:, 0], exact.first, atol=1e-10)
    assert np.allclose(found["total"][:, 0], exact.total, atol=1e-10)
    assert found["second_order"][0, 1, 0] == pytest.approx(own[0] * own[1] / whole)


@pytest.mark.parametrize(("decomposition", "skewed"), [("limit", False), ("cp", True)])
def test_the_closed_form_of_a_surrogate_is_what_quadrature_finds(decomposition: str, skewed: bool) -> None:
    rng = np.random.default_rng(0)
    axis = Axis("point", rng.uniform([1.0, 2.0, -1.0], [2.0, 5.0, 1.0], (40, 3)), ("a", "b", "c"))
    a, b, c = axis.points.T
    values = np.stack([np.exp(a) * b + 0.3 * c, np.sin(b) * c], axis=1) + 0.1 * rng.standard_normal((40, 2))
    data = ProductData((axis,), values, ("y", "z"))
    surrogate = Binn(BinnConfig(decomposition=decomposition)).fit(data)
    low, high = axis.points.min(axis=0), axis.points.max(axis=0)
    scope = Scope(("a", "b", "c"), ("",) * 3, ("y", "z"), ("",) * 2, low, high, ())
    given = {"b": {"name": "normal", "mean": 3.0, "std": 1.0}} if skewed else None
    source = Source(surrogate, scope, "binn", "a run")
    joint = joint_of(source, "task.distributions", ("c", "a", "b"), given)
    sums = sums_of_products(surrogate)
    assert sums is not None
    found = parts_in_closed_form(sums, (2, 0, 1), joint)
    assert found is not None
    rules = [nodes_of(0, 40)] * 3
    there = source.mean([Group(joint.names, joint.at(grid_of([x for x, _ in rules])))])
    expected = parts_on_grid(there, [w for _, w in rules])
    assert np.allclose(found.mean, expected.mean, rtol=1e-6)
    assert np.allclose(found.variance, expected.variance, rtol=1e-5)
    for name, shares in expected.shares().items():
        assert np.allclose(found.shares()[name], shares, atol=1e-5, equal_nan=True)


def test_the_interval_of_an_input_without_influence_holds_zero() -> None:
    """The best function depends on it by 0.01 by accident, and so do draws around it."""
    draws = 0.02 * np.random.default_rng(0).chisquare(6, 64)[:, None] / 6
    (low, high) = interval_of(np.array([0.01]), draws, 0.0)[0]
    assert low == 0.0 and 0.01 < high < 0.1


def test_the_error_of_a_sample_is_in_the_interval() -> None:
    """Six inputs are sampled; the surrogate is the function, so that nothing else is uncertain."""
    problem = indices.sobol_g(6)
    source = source_of(lambda x: problem.function(x)[:, None], dict(problem.ranges))
    memory = indices.Kept()
    Sensitivity(SensitivityConfig(points=512), 0).ask(source, memory)  # type: ignore[arg-type]
    answer, held = memory.answers["sensitivity"], 0
    for name, exact in (("first_order", problem.first), ("total", problem.total)):
        low, high = answer[f"{name}_interval_95"][:, 0].T
        held += int(((low <= exact) & (exact <= high)).sum())
        assert np.abs(answer[name][:, 0] - exact).max() > 1e-3 and (high - low).max() < 0.5
    assert held >= 10, "of twelve"
    (said,) = memory.record.steps[0].warnings
    assert "states no error of its own, so that the intervals leave it out" in said


def test_a_field_has_the_indices_of_its_closed_form() -> None:
    assert indices.exact_error(indices.problems()["field"]) < 1e-9


def test_errors_that_all_draws_share_widen_intervals() -> None:
    """An error of r moves V_1 / (V_1 + V_2) by up to 2 ρ r √(S (1 - S)): sure where one input does everything."""
    moved = missed_by_draws(np.array([0.0, 0.5, 1.0]), np.array(1e-4))
    assert moved == pytest.approx([5e-5, SHARED * 0.01, 5e-5], rel=0.01)


def test_samples_agree_with_scipy_on_a_skewed_distribution() -> None:
    source = source_of(lambda t: t, {"a": (0.0, 4.0), "b": (0.0, 1.0)}, ("y", "z"))
    joint = joint_of(
        source, "task.distributions", ("a", "b"), {"a": {"name": "triangular", "low": 0.0, "mode": 0.5, "high": 4.0}}
    )

    def function(unit: np.ndarray) -> np.ndarray:
        x = joint.at(unit)
        return (x[:, 0] + x[:, 0] * x[:, 1] ** 2)[:, None]

    found = parts_from_samples(function, 2, 4096, 1)[0].shares()
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
    options: str, told: str, a_run: Path, nothing_computed: Path, capsys: pytest.CaptureFixture
) -> None:
    command = f"run task=sensitivity task.run={a_run} output.root={nothing_computed}"
    assert main([*command.split(), *options.split()]) == 1
    assert told in capsys.readouterr().err.strip().splitlines()[-1]
