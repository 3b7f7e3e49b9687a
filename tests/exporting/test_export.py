"""Exported evaluators say what binn says: in NumPy, in C and as FMUs."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from binn_cli.cli import main
from binn_cli.errors import BinnError
from binn_cli.export import sample_points
from binn_cli.exporting.evaluator import Surrogate
from binn_cli.exporting.flattening import flattened
from binn_cli.exporting.fmu import write_fmus
from binn_cli.exporting.onnx_model import write_onnx
from binn_cli.exporting.weights_file import write_weights
from binn_cli.models.binn.gradient import mean_gradient
from binn_cli.models.binn.limit.process import MANY
from tests.exporting.conftest import MADE, in_c, made

NAMES = ("mean", "std_epistemic", "std_total")
FIELDS = ("grid", "walls", "mesh")


@pytest.mark.parametrize("name", list(MADE))
def test_every_kind_in_numpy_and_c(name: str, library: ctypes.CDLL, tmp_path: Path) -> None:
    learned = made(name)
    arrays = flattened(learned.surrogate, "binn", learned.scope)
    np.savez(tmp_path / "weights.npz", **arrays)
    write_weights(tmp_path / "weights.bin", arrays)
    points = sample_points(learned)[:101]  # not a multiple of the lanes
    evaluator = Surrogate(tmp_path / "weights.npz")
    expected = learned.predict(points)
    size = np.abs(expected["mean"].values).max(axis=0)
    # What data without noise leave open is known to fewer digits than its size: see binn_cli/export.py.
    tolerance = 1e-7 if name in FIELDS else 1e-12
    for found in (evaluator.predict(points), in_c(library, tmp_path / "weights.bin", points, len(learned.outputs))):
        for part, values in zip(NAMES, found, strict=True):
            np.testing.assert_allclose(
                values / size, expected[part].values / size, atol=tolerance, rtol=0, err_msg=part
            )
    np.testing.assert_allclose(
        evaluator.predict(points, std=False)[0] / size, expected["mean"].values / size, atol=tolerance
    )
    assert evaluator.inputs == list(learned.inputs) and evaluator.outputs == list(learned.outputs)


@pytest.mark.parametrize("name", ["table", "grid", "walls"])
def test_c_has_the_polynomials_of_many_points(name: str, library: ctypes.CDLL, tmp_path: Path) -> None:
    """Where data without noise leave digits open, C and binn at many points leave the same ones open."""
    learned = made(name)
    scope = learned.scope
    write_weights(tmp_path / "weights.bin", flattened(learned.surrogate, "binn", scope))
    points = np.random.default_rng(6).uniform(scope.low, scope.high, (MANY, len(scope.inputs)))
    expected = learned.predict(points)
    found = in_c(library, tmp_path / "weights.bin", points, len(scope.outputs))
    size = np.abs(expected["mean"].values).max(axis=0)
    for part, values, tolerance in zip(NAMES, found, (1e-12, 1e-9, 1e-9), strict=True):
        np.testing.assert_allclose(values / size, expected[part].values / size, atol=tolerance, rtol=0, err_msg=part)


@pytest.mark.parametrize("name", ["table", "grid", "walls"])
def test_c_beyond_the_range(name: str, library: ctypes.CDLL, tmp_path: Path) -> None:
    """Polynomials hold in the range: beyond it, and beside such points, the formulas themselves are taken."""
    learned = made(name)
    scope = learned.scope
    write_weights(tmp_path / "weights.bin", flattened(learned.surrogate, "binn", scope))
    points = scope.low + (scope.high - scope.low) * np.random.default_rng(7).uniform(-0.2, 1.2, (99, len(scope.inputs)))
    expected = learned.predict(points)
    found = in_c(library, tmp_path / "weights.bin", points, len(scope.outputs))
    size = np.abs(expected["mean"].values).max(axis=0)
    for part, values in zip(NAMES, found, strict=True):
        tolerance = 1e-7 if name in FIELDS else 1e-12
        np.testing.assert_allclose(values / size, expected[part].values / size, atol=tolerance, rtol=0, err_msg=part)


@pytest.mark.parametrize("name", ["table", "grid", "walls"])
def test_what_is_no_number_leaves_its_neighbours_alone(name: str, library: ctypes.CDLL, tmp_path: Path) -> None:
    learned = made(name)
    write_weights(tmp_path / "weights.bin", flattened(learned.surrogate, "binn", learned.scope))
    points = sample_points(learned)[:24]
    outputs = len(learned.outputs)
    expected = in_c(library, tmp_path / "weights.bin", points, outputs)
    points[9] = np.nan
    found = in_c(library, tmp_path / "weights.bin", points, outputs)
    others = np.arange(24) != 9
    size = np.abs(expected[0]).max(axis=0)
    for own, wanted in zip(found, expected, strict=True):
        assert np.isnan(own[9]).all()
        tolerance = 1e-7 if name in FIELDS else 1e-12
        np.testing.assert_allclose(own[others] / size, wanted[others] / size, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", ["table", "grid", "walls", "chidenn", "bspline", "blocks"])
def test_gradients_are_those_of_the_mean(name: str) -> None:
    learned = made(name)
    scope = learned.scope
    points = scope.low + (scope.high - scope.low) * np.random.default_rng(5).uniform(0.1, 0.9, (12, len(scope.inputs)))
    slopes = learned.gradient(points).values
    np.testing.assert_array_equal(slopes, mean_gradient(learned.surrogate, points))  # type: ignore[arg-type]
    for column, span in enumerate(scope.high - scope.low):
        step = np.zeros(len(scope.inputs))
        step[column] = 1e-4 * span
        ahead, behind = (learned.predict(points + sign * step, std=False)["mean"].values for sign in (1, -1))
        expected = (ahead - behind) / (2 * step[column])
        np.testing.assert_allclose(slopes[:, :, column], expected, atol=1e-4 * np.abs(expected).max())


def test_walls_and_planes_of_symmetry_are_exported() -> None:
    arrays = flattened(made("walls").surrogate, "binn", made("walls").scope)
    assert [len(arrays.get(f"0/{axis}/images", "-")) > 1 for axis in range(3)] == [True, True, False]


def test_a_mesh_has_no_derivative() -> None:
    slopes = made("mesh").gradient([[0.5, 0.5, 1.5, 1.5]]).values[0, 0]
    assert np.isnan(slopes[:2]).all() or np.isfinite(slopes).all()


@pytest.mark.parametrize("name", [name for name in MADE if name not in ("mesh", "chidenn")])
def test_every_kind_in_onnx(name: str, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    learned = made(name)
    write_onnx(tmp_path / "surrogate.onnx", flattened(learned.surrogate, "binn", learned.scope))
    session = runtime.InferenceSession(str(tmp_path / "surrogate.onnx"), providers=["CPUExecutionProvider"])
    for count in (101, 1):
        points = sample_points(learned)[:count]
        expected = learned.predict(points)
        size = np.abs(expected["mean"].values).max(axis=0)
        for part, values in zip(NAMES, session.run(list(NAMES), {"points": points}), strict=True):
            np.testing.assert_allclose(
                values / size, expected[part].values / size, atol=1e-7 if name in FIELDS else 1e-11, rtol=0
            )
    assert session.get_modelmeta().custom_metadata_map["inputs"].split("\n") == list(learned.inputs)


@pytest.mark.parametrize(
    ("name", "what"), [("mesh", "an axis of nodes such as a mesh"), ("chidenn", "the basis chidenn")]
)
def test_what_onnx_has_no_word_for(name: str, what: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    learned = made(name)
    with pytest.raises(BinnError, match=f"ONNX has no word for {what}"):
        write_onnx(tmp_path / "surrogate.onnx", flattened(learned.surrogate, "binn", learned.scope))


@pytest.mark.parametrize("version", [pytest.param(2, marks=pytest.mark.thorough), 3])
def test_fmus(version: int, tmp_path: Path) -> None:
    fmpy = pytest.importorskip("fmpy")
    from fmpy.validation import validate_fmu

    if not shutil.which("cc"):
        pytest.skip("there is no C compiler")
    learned = made("table")
    folder = tmp_path / "with a space"
    folder.mkdir()
    write_weights(folder / "weights.bin", flattened(learned.surrogate, "binn", learned.scope))
    fmu = write_fmus(folder, learned.scope, folder / "weights.bin")[version - 2]
    assert validate_fmu(str(fmu)) == []
    points = sample_points(learned)[:3]
    expected = learned.predict(points)
    for row, point in enumerate(points):
        start = dict(zip(learned.inputs, point, strict=True))
        names = [f"{output}_{part}" for output in learned.outputs for part in NAMES]
        found = fmpy.simulate_fmu(str(fmu), start_values=start, stop_time=0.2, output=names)
        for output in learned.outputs:
            for part in NAMES:
                value = expected[part].sel(output=output).values[row]
                assert found[f"{output}_{part}"][-1] == pytest.approx(value, rel=1e-9)


def test_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.chdir(tmp_path)
    run = [
        "run",
        "dataset=sine",
        "task=regress",
        "model.decomposition=cp",
        "model.modes=1",
        "model.length=0.3",
        "model.stretch=0",
    ]
    assert main([*run, "output.figures=false", "output.root=out"]) == 0
    (directory,) = Path("out").iterdir()
    assert main(["export", str(directory), "-o", "stands_alone"]) == 0
    files = {path.name for path in Path("stands_alone").iterdir()}
    assert files == {
        *(
            "README.md",
            "weights.npz",
            "weights.bin",
            "evaluator.py",
            "test_evaluator.py",
            "check.npz",
            "surrogate.h",
            "surrogate.c",
        )
    }
    text = Path("stands_alone/README.md").read_text()
    assert "{" not in text.replace("{", "", 0).split("## The arrays")[0] and "from x to y" in text
    done = subprocess.run([sys.executable, "test_evaluator.py"], cwd="stands_alone", capture_output=True, text=True)
    assert done.stdout == "the evaluator says what binn says\n", done.stderr
    capsys.readouterr()
    assert main(["export", str(directory), "-o", "stands_alone"]) == 1
    assert "stands_alone: is there already; name a new directory" in capsys.readouterr().err
    monkeypatch.setenv("CC", "no-such-compiler")
    assert main(["export", str(directory), "-o", "other", "--fmu"]) == 1
    assert "the C compiler no-such-compiler cannot be run" in capsys.readouterr().err
    assert sorted(path.name for path in Path().iterdir()) == ["out", "stands_alone"]


def test_weights_that_are_none(library: ctypes.CDLL, tmp_path: Path) -> None:
    problem = ctypes.create_string_buffer(300)
    for content, sentence in ((b"something else", "is not a file of weights"), (None, "cannot be opened")):
        path = tmp_path / "weights.bin"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        assert library.binn_load(str(path).encode(), problem, 300) is None
        assert sentence in problem.value.decode()


def test_models_that_cannot_be_exported() -> None:
    learned = made("table")
    with pytest.raises(
        BinnError, match="model=gp cannot be exported, only binn can; use binn predict or binn_cli.load"
    ):
        flattened(object(), "gp", learned.scope)


def test_new_cases_are_learned_on() -> None:
    """A field is told of whole cases, row by row in any order; rows that are not whole cases are refused."""
    learned = made("grid")
    x, t = np.meshgrid(np.linspace(0, 1, 8), np.linspace(0, 2, 6), indexing="ij")
    rows = {
        "x": np.tile(x.ravel(), 2),
        "t": np.tile(t.ravel(), 2),
        "k": np.repeat([1.35, 1.8], 48),
        "P": np.repeat([1.7, 1.2], 48),
    }
    rows["u"] = np.sin(3 * rows["x"]) * np.exp(-rows["k"] * rows["t"]) + rows["x"] ** 2 * rows["P"]
    order = np.random.default_rng(0).permutation(96)
    grown = learned.update({name: values[order] for name, values in rows.items()})
    before, after = (one.predict({name: rows[name] for name in learned.inputs}) for one in (learned, grown))
    errors = [np.abs(said["mean"].values[:, 0] - rows["u"]).max() for said in (before, after)]
    assert errors[1] < 0.5 * errors[0] and (after["std_epistemic"] <= before["std_epistemic"] + 1e-9).mean() > 0.9
    with pytest.raises(
        BinnError, match="rows: 95 rows are not whole cases: x, t take 48 combinations and there are 2 of k, P"
    ):
        learned.update({name: values[order[1:]] for name, values in rows.items()})
