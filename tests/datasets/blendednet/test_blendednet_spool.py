"""Training points that are read from the disk chunk by chunk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from binn_cli.datasets.blendednet.dataset import BlendedNet
from binn_cli.datasets.dataset import StreamsRows
from binn_cli.errors import DataError

ALL = {
    "folder": "train",
    "geometries": "all",
    "test_cases": ["case_130", "case_131"],
    "outputs": ["cp", "cf_z"],
    "stride": 3,
}
NINETEEN = ["x", "y", "z", "n_x", "n_y", "n_z", "alt_kft", "log10_Re", "M_inf", "alpha_deg"]
NINETEEN += ["B1", "B2", "B3", "C2", "C3", "C4", "S1", "S2", "S3"]


def spools(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").glob("rows-*.h5"))


def together(dataset: BlendedNet, size: int) -> tuple[np.ndarray, np.ndarray]:
    rows = dataset.rows()
    assert rows is not None
    x, y = (np.concatenate(part) for part in zip(*rows.chunks(size), strict=True))
    assert len(x) == rows.n_points
    return x, y


@pytest.mark.parametrize("train_cases", [None, 4])
def test_rows_are_those_that_fit_into_memory(archives, build, train_cases) -> None:
    whole = build(archives["zip"], **ALL, inputs=NINETEEN, train_cases=train_cases)
    streamed = build(archives["zip"], **ALL, inputs=NINETEEN, train_cases=train_cases, stream=True)
    assert whole.rows() is None and isinstance(streamed, StreamsRows)
    expected = whole.training()
    x, y = together(streamed, 17)
    np.testing.assert_array_equal(x, expected.axes[0].points)
    np.testing.assert_array_equal(y, expected.values)
    assert streamed.rows().inputs == tuple(NINETEEN)
    for split, data in whole.evaluation().items():
        found = streamed.evaluation()[split]
        np.testing.assert_array_equal(found.axes[0].points, data.axes[0].points)
        np.testing.assert_array_equal(found.values, data.values)


def test_cases_on_one_mesh_are_rows_too(archives, build) -> None:
    product = build(archives["folder"]).training()
    rows = np.concatenate(
        [product.table(np.arange(product.n_points))[0], product.values.reshape(product.n_points, -1)], axis=1
    )
    x, y = together(build(archives["folder"], stream=True), 50)
    # The product's cases vary fastest, the table's points do.
    np.testing.assert_allclose(np.sort(np.concatenate([x, y], axis=1), axis=0), np.sort(rows, axis=0), rtol=1e-12)


def test_the_table_is_written_once_and_anew_when_something_changes(folder, build, tmp_path) -> None:
    together(build(folder, **ALL, stream=True), 100)
    (first,) = spools(tmp_path)
    written = first.stat().st_mtime_ns
    together(build(folder, **ALL, stream=True), 100)
    assert first.stat().st_mtime_ns == written
    together(build(folder, **{**ALL, "stride": 2}, stream=True), 100)
    assert len(spools(tmp_path)) == 2
    changed = folder / "train/vtk/case_0000.vtk"
    changed.write_bytes(changed.read_bytes() + b"\n")
    together(build(folder, **ALL, stream=True), 100)
    assert len(spools(tmp_path)) == 3
    assert not list((tmp_path / "cache").glob(".*")), "no half file is left"


def test_a_case_that_cannot_be_used_leaves_no_table(folder, build, tmp_path) -> None:
    spoilt = folder / "train/vtk/case_0004.vtk"
    spoilt.write_bytes(spoilt.read_bytes()[:-300])
    with pytest.raises(DataError, match="case_0004"):
        build(folder, **ALL, stream=True).rows()
    assert spools(tmp_path) == []
