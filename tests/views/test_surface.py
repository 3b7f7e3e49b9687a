"""Surfaces: what is shown on which side, and the file for ParaView as VTK reads it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOLegacy import vtkPolyDataReader

from binn_cli.views.plots import surface
from binn_cli.views.surface_file import write_surface_file


def drawn_triangles(figure, panel: int = 0) -> np.ndarray:
    (mesh,) = [found for found in figure.axes[panel].collections if hasattr(found, "_triangulation")]
    return mesh._triangulation.triangles


@pytest.mark.parametrize("inside_out", [False, True])
def test_the_plan_shows_the_upper_side_to_starboard_and_the_lower_to_port(records, inside_out):
    record = records["surface"]
    if inside_out:
        record = replace(record, surface=replace(record.surface, triangles=record.surface.triangles[:, ::-1]))
    shown = drawn_triangles(surface.plan(record))
    centre = record.surface.points[shown].mean(axis=1)
    assert len(shown) > 0.4 * len(record.surface.triangles)
    off = np.abs(centre[:, 2]) > 0.1
    np.testing.assert_array_equal(centre[off, 2] > 0, centre[off, 1] >= 0)


def test_the_oblique_view_shows_what_faces_the_viewer_the_nearest_last(records):
    record = records["surface"]
    shown = drawn_triangles(surface.oblique(record))
    towards = np.array(
        [
            np.cos(np.radians(215)) * np.cos(np.radians(35)),
            np.sin(np.radians(215)) * np.cos(np.radians(35)),
            np.sin(np.radians(35)),
        ]
    )
    depth = record.surface.points[shown].mean(axis=1) @ towards
    assert depth.min() > -0.15 and (np.diff(depth) >= 0).all()


def test_titles_say_what_is_shown_and_of_what(records):
    figure = surface.plan(records["surface"])
    heading = figure.get_suptitle()
    assert "case_130" in heading and "alpha_deg -8.5" in heading and "blendednet (synthetic), binn" in heading
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert (
        titles[:4] == ["cp: truth", "cp: prediction", "cp: error / range of truth", "cp: predicted std"]
        and len(titles) == 8
    )


def test_truth_and_prediction_share_their_colours(records):
    meshes = [ax.collections[0] for ax in surface.plan(records["surface"]).axes[:4]]
    assert meshes[0].get_clim() == meshes[1].get_clim()
    low, high = meshes[2].get_clim()
    assert low == -high


def test_a_constant_is_shown_on_a_scale_of_its_size(records):
    record = records["surface"]
    certain = replace(record.surface, std_total=np.full_like(record.surface.std_total, 2e-3), mean=record.surface.truth)
    meshes = [ax.collections[0] for ax in surface.plan(replace(record, surface=certain)).axes[:4]]
    assert meshes[3].get_clim() == pytest.approx((1e-3, 3e-3)) and meshes[2].get_clim() == (-0.5, 0.5)


def test_the_error_is_over_the_range_of_the_truth(records):
    found = surface.normalised_error(records["surface"].surface)
    z = records["surface"].surface.points[:, 2]
    span = np.ptp(records["surface"].surface.truth[:, 0])
    np.testing.assert_allclose(found[:, 0], 0.05 * z / span, atol=1e-12)
    flat = replace(records["surface"].surface, truth=np.ones_like(records["surface"].surface.truth))
    np.testing.assert_array_equal(surface.normalised_error(flat), 0)


def test_the_file_is_what_was_predicted(records, tmp_path: Path):
    path = write_surface_file(records["surface"], tmp_path)
    assert path == tmp_path / "surface.vtk"
    title = path.read_bytes().split(b"\n")[1].decode()
    assert "case_130 of blendednet (synthetic)" in title
    reader = vtkPolyDataReader()
    reader.SetFileName(str(path))
    reader.ReadAllScalarsOn()
    reader.Update()
    found, kept = reader.GetOutput(), records["surface"].surface
    np.testing.assert_allclose(vtk_to_numpy(found.GetPoints().GetData()), kept.points, atol=1e-7)
    assert found.GetNumberOfPolys() == len(kept.triangles)
    arrays = {
        found.GetPointData().GetArrayName(i): vtk_to_numpy(found.GetPointData().GetArray(i))
        for i in range(found.GetPointData().GetNumberOfArrays())
    }
    kinds = ("truth", "mean", "error", "std_epistemic", "std_total")
    assert set(arrays) == {f"{name}_{kind}" for name in ("cp", "cf_x") for kind in kinds}
    np.testing.assert_allclose(arrays["cf_x_mean"], kept.mean[:, 1], atol=1e-6)
    np.testing.assert_allclose(arrays["cp_std_total"], kept.std_total[:, 0], rtol=1e-6)


def test_runs_without_a_surface_draw_and_write_none(records, tmp_path: Path):
    assert surface.plan(records["regress"]) is None and surface.oblique(records["regress"]) is None
    assert write_surface_file(records["regress"], tmp_path) is None and list(tmp_path.iterdir()) == []
