"""The data set: product and scattered layouts hold what the files hold."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema import BlendedNetConfig
from binn_cli.datasets.blendednet.dataset import BlendedNet
from binn_cli.datasets.blendednet.synthetic.archive import Plan, write_archive
from binn_cli.datasets.blendednet.tables import case_table, geometry_table
from binn_cli.datasets.blendednet.vtk import FIELDS, surface_fields
from binn_cli.datasets.dataset import OnSurface

PAPER = ["x", "y", "z", "alt_kft", "log10_Re", "M_inf", "alpha_deg"]
FULL = [
    "x",
    "y",
    "z",
    "n_x",
    "n_y",
    "n_z",
    "alt_kft",
    "log10_Re",
    "M_inf",
    "alpha_deg",
    "B1",
    "B2",
    "B3",
    "C2",
    "C3",
    "C4",
    "S1",
    "S2",
    "S3",
]


@pytest.fixture(scope="module")
def distinct(tmp_path_factory):
    path = tmp_path_factory.mktemp("distinct") / "archive.zip"
    write_archive(
        path, Plan(points=150, cases=4, train_geometries=1, train_cases=2, train_points=80, shared_mesh=False)
    )
    return path


def by_hand(root, folder, names, stride=1):
    """Inputs of the full problem and outputs of cases, straight from the files."""
    rows = case_table((root / folder / "case_data.dat").read_bytes(), "t")
    geometries = geometry_table((root / folder / "geom_params.ini").read_bytes(), "g")
    tables, values = [], []
    for name in names:
        fields = surface_fields((root / folder / f"vtk/{name}.vtk").read_bytes(), name)
        row = rows[name]
        known = {**row.conditions, **geometries[row.geometry], "log10_Re": np.log10(row.conditions["Re"])}
        constant = np.tile([known[key] for key in FULL[6:]], (len(fields.points), 1))
        tables.append(np.column_stack([fields.points, constant])[::stride])
        values.append(np.stack([fields.values[key] for key in FIELDS], axis=1)[::stride])
    return np.concatenate(tables), np.concatenate(values)


@pytest.mark.parametrize("stride", [1, 3])
def test_one_mesh_is_a_product(archives, build, stride):
    dataset = build(archives["folder"], stride=stride)
    data = dataset.training()
    assert (
        [axis.name for axis in data.axes] == ["point", "case"]
        and data.inputs == tuple(PAPER)
        and data.outputs == FIELDS
    )
    assert data.axes[0].units == ("m",) * 3 and data.axes[1].units == ("kft", "", "", "deg")
    inputs, values = by_hand(archives["folder"], "test", [f"case_{131 + row}" for row in dataset.order], stride)
    wanted = np.column_stack([inputs[:, :3], inputs[:, 3:7]])
    found, outputs = data.table()
    order, expected = np.lexsort(found.T), np.lexsort(wanted.T)
    np.testing.assert_allclose(found[order], wanted[expected], rtol=1e-6)
    np.testing.assert_array_equal(outputs[order], values[expected])
    test = dataset.evaluation()["test"]
    assert test.axes[1].points[0] == pytest.approx([25.3, np.log10(8.015e6), 0.1366, -8.569])


def test_different_meshes_are_scattered(distinct, build):
    dataset = build(distinct)
    data, test = dataset.training(), dataset.evaluation()["test"]
    assert len(data.axes) == 1 and data.inputs == tuple(PAPER)
    assert len(np.unique(data.axes[0].points[:, 3:], axis=0)) == 3, "flight conditions repeat to the last bit"
    assert dataset.candidates.size == data.n_points + test.n_points
    assert dataset.held_out == tuple(range(data.n_points, dataset.candidates.size))
    assert sorted(dataset.order) == list(range(data.n_points))
    rows = dataset.order[:5]
    labelled = dataset.label(rows)
    np.testing.assert_array_equal(labelled.values, data.values[rows])
    np.testing.assert_array_equal(labelled.axes[0].points, data.axes[0].points[rows])
    assert np.may_share_memory(data.axes[0].points, dataset.candidates.points), "the table is in memory once"


def test_scattered_cases_are_drawn_in_seeded_order(distinct, build):
    sizes = {seed: build(distinct, seed).training().n_points for seed in range(3)}
    assert len(set(sizes.values())) == 1
    small = build(distinct, train_cases=1).training()
    np.testing.assert_array_equal(small.values, build(distinct).training().values[: small.n_points])
    assert len({build(distinct, seed, train_cases=1).training().n_points for seed in range(8)}) > 1


def test_all_nineteen_inputs(archives, build):
    dataset = build(archives["zip"], folder="train", geometries="all", test_cases="all", inputs=FULL, stride=2)
    data = dataset.training()
    assert data.inputs == tuple(FULL) and len(data.inputs) == 19
    inputs, values = by_hand(archives["folder"], "train", [f"case_{row:04d}" for row in dataset._pool.order], 2)
    np.testing.assert_allclose(data.axes[0].points[:, [0, 1, 2, *range(6, 19)]], inputs, rtol=1e-6)
    np.testing.assert_array_equal(data.values, values)
    np.testing.assert_allclose(np.linalg.norm(data.axes[0].points[:, 3:6], axis=1), 1, rtol=1e-6)
    assert dataset.evaluation()["test"].inputs == data.inputs


def test_outputs_apart_are_the_outputs_together(archives, build):
    together = build(archives["folder"]).training()
    for i, name in enumerate(FIELDS):
        apart = build(archives["folder"], outputs=[name]).training()
        assert apart.outputs == (name,)
        np.testing.assert_array_equal(apart.values[..., 0], together.values[..., i])


def test_reynolds_may_be_linear(archives, build):
    logarithmic, linear = (
        build(archives["folder"], inputs=["x", name]).training().axes[1].points for name in ("log10_Re", "Re")
    )
    np.testing.assert_allclose(10**logarithmic, linear, rtol=1e-12)


def test_the_surface_is_whole_whatever_the_stride(archives, distinct, build):
    for root in (archives["folder"], distinct):
        dataset = build(root, stride=5)
        assert isinstance(dataset, OnSurface)
        surface = dataset.surface()
        assert surface.name == "case_130" and surface.triangles.max() == len(surface.points) - 1
        assert (
            surface.data.values.shape == (len(surface.points), 1, 4)
            and surface.data.inputs == dataset.training().inputs
        )
        np.testing.assert_array_equal(surface.data.axes[0].points, surface.points)


def test_progress_is_told(archives, build):
    heard = []
    build(archives["folder"], geometries="all").training(lambda *said: heard.append(said))
    assert [said for said in heard if said[0] == "converting cases"] == [
        ("converting cases", 0, 20),
        ("converting cases", 10, 20),
    ]
    assert [said[1:] for said in heard if said[0] == "reading converted cases"] == [(i, 20) for i in range(20)]


def test_the_embedded_archive_is_the_default(tmp_path):
    dataset = BlendedNet(BlendedNetConfig(cache=str(tmp_path)), 0)
    assert dataset.note == "synthetic"
    data = dataset.training()
    assert data.axes[1].size == 9 and data.axes[0].size > 2000
