"""Models on top of a cheap solver: what they gain, what they keep, what they refuse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

import binn_cli
from binn_cli.cli import main
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import BinnError
from binn_cli.models.cheap import Cheap
from binn_cli.models.multifidelity import FittedOnCheap, OnCheap, scale_of
from binn_cli.models.scope import Scope
from binn_cli.models.surrogate import KnowsCases
from tests.prediction.conftest import composed_model
from tests.tasks.questions.exact import Exact

UNIT = np.array([[0.0, 1.0]])


def forrester(x: np.ndarray) -> np.ndarray:
    """The costly function of Forrester, Sóbester and Keane (2007)."""
    return (6 * x - 2) ** 2 * np.sin(12 * x - 4)


def cheap_forrester(x: np.ndarray) -> np.ndarray:
    """Their cheap one."""
    return 0.5 * forrester(x) + 10 * (x - 0.5) - 5


def table(x: ArrayLike, values: np.ndarray) -> ProductData:
    return ProductData((Axis.of("x", np.asarray(x, dtype=float)),), values[:, None], ("y",))


def cheap_of(function, inputs: tuple[str, ...] = ("x",), std: float = 0.0, **scope) -> Cheap:
    """A cheap solver that is known exactly, or up to a standard deviation."""
    none, width = ("",) * len(inputs), len(inputs)
    known = Scope(inputs, none, ("y",), ("",), np.zeros(width), np.ones(width))
    return Cheap(Exact(function, std), replace(known, **scope), "exact", "outputs/coarse", {"run": "outputs/coarse"})


def on_cheap(cheap: Cheap, model: str = "gp") -> OnCheap:
    return OnCheap(composed_model(model), lambda: cheap, lambda tree: cheap, {})


@pytest.mark.parametrize("model", ["gp", pytest.param("binn", marks=pytest.mark.thorough)])
def test_four_costly_points_of_forrester(model: str) -> None:
    few, many, new = np.array([0.0, 0.4, 0.6, 1.0]), np.linspace(0, 1, 11), np.linspace(0, 1, 200)
    chosen, costly = composed_model(model), table(few, forrester(few))
    learned = chosen.fit(table(many, cheap_forrester(many)), domain=UNIT)
    cheap = replace(cheap_of(None), surrogate=learned, model=model)
    fitted = on_cheap(cheap, model).fit(costly, domain=UNIT)
    alone = chosen.fit(costly, domain=UNIT)
    said = [one.predict((Axis.of("x", new),)).mean[:, 0] for one in (fitted, alone)]
    errors = [np.sqrt(np.mean((mean - forrester(new)) ** 2)) for mean in said]
    assert errors[0] < 0.15 * errors[1]
    np.testing.assert_allclose(fitted.rho, 2.0, rtol=0.1)
    assert fitted.report.notes[0] == f"on top of outputs/coarse (rho {fitted.rho[0]:.3g}, and as an input)"


def test_what_is_no_multiple_of_the_cheap_solver() -> None:
    """The pair of Perdikaris et al. (2017): the costly solver goes with the square of the cheap one."""
    cheap = cheap_of(lambda x: np.sin(8 * np.pi * x))
    x, new = np.linspace(0, 1, 14) ** 1.1, np.linspace(0, 1, 200)
    truth = [(points - np.sqrt(2)) * np.sin(8 * np.pi * points) ** 2 for points in (x, new)]
    fitted = on_cheap(cheap).fit(table(x, truth[0]), domain=UNIT)
    assert np.std(fitted.predict((Axis.of("x", new),)).mean[:, 0] - truth[1]) < 0.15 * np.std(truth[1])


def test_the_factor() -> None:
    x = np.linspace(0, 1, 4)
    c = np.cos(9 * x)
    assert scale_of(c[:, None], table(x, 2 * c - 3 * x + 1))[0] == pytest.approx(2, abs=0.1)
    assert scale_of(c[:, None] * 0 + 1, table(x, c))[0] == 1  # a constant says nothing
    assert scale_of(c[:1, None], table(x[:1], 7 * c[:1]))[0] == 1  # and so does one case
    fields = ProductData((Axis.of("x", x), Axis.of("k", np.arange(2.0))), np.stack([3 * c, c], 1)[..., None], ("y",))
    both = np.stack([c, c], axis=1)[..., None]
    assert scale_of(both, fields)[0] == pytest.approx((2 * 2 + 1) / (2 + 1))  # their mean, and as if a third said 1


def test_uncertainty_and_derivatives_of_the_cheap_solver_come_through() -> None:
    class Sine(Exact):
        """One that knows its derivative."""

        def gradient(self, points: np.ndarray) -> np.ndarray:
            return 5 * np.cos(5 * points)[:, None]

    def cheap(std: float) -> Cheap:
        return replace(cheap_of(None), surrogate=Sine(lambda x: np.sin(5 * x), std))

    x, points = np.linspace(0, 1, 8), np.array([[0.3], [0.55]])
    fitted = on_cheap(cheap(0.0)).fit(table(x, np.sin(5 * x) ** 2), domain=UNIT)
    variances = [
        replace(fitted, cheap=cheap(std)).predict((Axis("x", points, ("x",)),)).epistemic_var for std in (0.0, 0.1)
    ]
    slope = 2 * np.sin(5 * points)  # of the square, with respect to what is squared
    np.testing.assert_allclose(np.sqrt(variances[1] - variances[0]), np.abs(0.1 * slope), rtol=0.35)
    step = 1e-4
    means = [fitted.predict((Axis("x", points + sign * step, ("x",)),)).mean for sign in (1, -1)]
    np.testing.assert_allclose(fitted.gradient(points)[:, 0], (means[0] - means[1]) / (2 * step), rtol=1e-3)


def test_inputs_may_stand_in_another_order() -> None:
    cheap = cheap_of(lambda p: p @ [1.0, 10.0, 100.0], ("k", "P", "x"))
    x, case = Axis.of("x", np.array([0.1, 0.2])), Axis("case", np.array([[1.0, 2.0], [3, 4], [5, 6]]), ("P", "k"))
    expected = 100 * x.points + (10 * case.points[:, 0] + case.points[:, 1])
    np.testing.assert_allclose(cheap.predict((x, case), ("y",)).mean[..., 0], expected)
    between = replace(cheap, scope=replace(cheap.scope, inputs=("k", "x", "P")))  # no product of these axes
    between = replace(between, surrogate=Exact(lambda p: p @ [1.0, 100.0, 10.0]))
    np.testing.assert_allclose(between.predict((x, case), ("y",)).mean[..., 0], expected)


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [
        ({"inputs": ("k",)}, "it has no input x; it has the input k besides"),
        ({"outputs": ("T",)}, "it has no output y"),
        ({"input_units": ("mm",)}, "x is in mm there and in m here"),
        ({"choices": {"x": ("a", "b")}}, "the choices of x differ"),
    ],
)
def test_a_cheap_run_of_something_else(scope: dict, sentence: str) -> None:
    axis = Axis.of("x", np.linspace(0, 1, 4), "m")
    data = ProductData((axis,), axis.points, ("y",))
    with pytest.raises(BinnError, match=f"outputs/coarse does not fit the data: {sentence}; the cheap solver needs"):
        on_cheap(cheap_of(np.sin, **scope)).fit(data)


def test_points_beyond_the_cheap_solver_are_said() -> None:
    fitted = on_cheap(cheap_of(np.sin)).fit(table(np.linspace(0, 3, 5), np.linspace(0, 3, 5)))
    assert fitted.report.notes[1] == (
        "x reaches from 0 to 3, but outputs/coarse knows 0 to 1: the cheap solver is extrapolated there"
    )


HEAT = [
    *("dataset=heat", "dataset.grid=7", "dataset.times=3", "dataset.substeps=2", "dataset.candidates=[4,4]"),
    *("dataset.source_radius=0.2", "dataset.test_cases=4", "dataset.train_cases=3", "dataset.initial_cases=3"),
    *("dataset.offgrid_points=0", "output.figures=false"),
    *("model.length=2", "model.stretch=0", "model.modes=3", "model.sweeps=3"),
]
TABLE = [
    *("dataset=table", "dataset.outputs=[y]", "output.figures=false"),
    *("model.length=2", "model.stretch=0", "model.modes=2", "model.sweeps=2"),
]


def run(*arguments: str) -> int:
    return main(["run", *arguments])


@pytest.fixture(scope="module")
def coarse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs of cheap solvers, one of fields and one of a table."""
    root = tmp_path_factory.mktemp("coarse")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        x = np.linspace(0, 1, 12)
        np.savetxt("cheap.csv", np.c_[x, cheap_forrester(x)], delimiter=",", header="x,y", comments="")
        assert run(*TABLE, "dataset.path=cheap.csv", "output.root=table") == 0
        assert run(*HEAT, "task=regress", "dataset.cells=3", "dataset.train_cases=12", "output.root=fields") == 0
    return root


@pytest.mark.thorough
def test_a_coarse_and_a_fine_heat_solver(coarse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (cheap,) = (coarse / "fields").iterdir()
    fine = [*HEAT, "dataset.cells=12"]
    assert run(*fine, "task=regress", "output.root=alone") == 0
    learning = ["task=active_learn", "task.acquisition=ivr", "task.rounds=1", "output.root=both"]
    assert run(*fine, f"dataset.cheap={cheap}", *learning) == 0
    ((alone,), (both,)) = (list((tmp_path / name).iterdir()) for name in ("alone", "both"))
    errors = [binn_cli.load(path).metrics["rmse"].sel(split="test").values[0, 0] for path in (both, alone)]
    assert errors[0] <= 0.3 * errors[1]  # after the same three cases
    fitted = binn_cli.load(both).surrogate
    assert isinstance(fitted, FittedOnCheap) and isinstance(fitted, KnowsCases) and not fitted.as_input


def test_a_run_is_whole_without_the_cheap_one(
    coarse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (coarse / "table").rename("cheap")
    x = np.linspace(0, 1, 8)
    np.savetxt("costly.csv", np.c_[x, forrester(x)], delimiter=",", header="x,y", comments="")
    np.savetxt("points.csv", np.linspace(0, 1, 20)[:, None], header="x", comments="")
    costly = [*TABLE, "dataset.path=costly.csv", "dataset.cheap=cheap/*"]
    assert run(*costly, "task=active_learn", "task.initial=4", "task.rounds=1") == 0
    (made,) = Path("outputs").iterdir()
    assert '"dataset.cheap": "sha256:' in binn_cli.load(made).provenance["data_identity"]  # what binn resume compares
    before = binn_cli.load(made).predict({"x": [0.3]})["mean"].values
    (name,) = Path("cheap").iterdir()
    Path("cheap").rename("gone")
    capsys.readouterr()
    assert main(["show", str(made)]) == 0
    assert f"on top of {name} (rho " in " ".join(capsys.readouterr().out.split())
    np.testing.assert_array_equal(binn_cli.load(made).predict({"x": [0.3]})["mean"].values, before)
    assert main(["predict", str(made), "points.csv", "-o", "answers.csv"]) == 0
    assert main(["update", str(made), "costly.csv", "-o", "updated"]) == 0
    assert binn_cli.load("updated").surrogate.rho == binn_cli.load(made).surrogate.rho
    for arguments, sentence in [
        (["export", str(made), "-o", "exported"], "a surrogate on top of a cheap solver (dataset.cheap) cannot be"),
        (["run", *costly], "dataset.cheap: there is no cheap/*; name the directory of a run, or its results.h5"),
        (["run", *costly, "dataset.stream=true", "task=regress"], "dataset.stream: must be false beside dataset.cheap"),
        (["run", "dataset=heat", "task=solve", "dataset.cheap=gone"], "dataset.cheap: must be empty for task=solve"),
    ]:
        assert main(arguments) == 1
        assert sentence in " ".join(capsys.readouterr().err.split())
    Path("gone").rename("cheap")
    (Path("cheap") / name.name / "results.h5").unlink()
    assert run(*costly) == 1


def test_the_digest_is_of_what_was_learned(coarse: Path) -> None:
    from binn_cli.cheap_run import identity

    (cheap,) = (coarse / "fields").iterdir()
    assert identity(str(cheap)) == identity(str(cheap / "results.h5"))
    assert identity(str(cheap))["dataset.cheap"].startswith("sha256:")
