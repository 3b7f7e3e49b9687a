"""The predicted surface as a VTK file, for ParaView."""

from __future__ import annotations

from pathlib import Path

from binn_cli.legacy_vtk import surface_file
from binn_cli.results.record import RunRecord
from binn_cli.views.plots.surface import normalised_error
from binn_cli.whole_file import write_whole

FILE_NAME = "surface.vtk"


def write_surface_file(record: RunRecord, directory: Path) -> Path | None:
    """Write `surface.vtk`: of every output NAME the arrays NAME_truth, NAME_mean, NAME_error (over the range of the
    truth), NAME_std_epistemic and NAME_std_total.

    Returns:
        Its path, or None where the run has no surface.
    """
    surface = record.surface
    if surface is None:
        return None
    arrays, error = {}, normalised_error(surface)
    for i, name in enumerate(surface.output_names):
        for kind, table in (
            ("truth", surface.truth),
            ("mean", surface.mean),
            ("error", error),
            ("std_epistemic", surface.std_epistemic),
            ("std_total", surface.std_total),
        ):
            arrays[f"{name}_{kind}"] = table[:, i]
    title = (
        f"{surface.case} of {record.header.data}, predicted by {record.header.model}, config {record.header.config_id}"
    )
    path = directory / FILE_NAME
    write_whole(path, surface_file(title, surface.points, surface.triangles, arrays))
    return path
