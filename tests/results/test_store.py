"""The results file: the contract's layout seen by other readers, whole round trips, and crashes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

from binn_cli.errors import BinnError
from binn_cli.results import store
from binn_cli.results.record import RunRecord

GROUPS = (
    "step",
    "metrics",
    "timings",
    "resources",
    "predictions",
    "surface",
    "diagnostics",
    "surrogate",
    "surrogate/factor_0",
    "state",
)


@pytest.fixture
def path(tmp_path: Path, record: RunRecord) -> Path:
    store.write(tmp_path / "results.h5", record)
    return tmp_path / "results.h5"


def assert_same(left, right):
    """Equality of nested records, arrays by value."""
    if hasattr(left, "__dataclass_fields__"):
        assert type(left) is type(right)
        left, right = vars(left), vars(right)
    if isinstance(left, dict):
        assert set(left) == set(right)
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, tuple):
        assert len(left) == len(right)
        for mine, other in zip(left, right, strict=True):
            assert_same(mine, other)
    elif isinstance(left, np.ndarray):
        np.testing.assert_array_equal(left, right)
        assert left.dtype.kind == right.dtype.kind
    else:
        assert left == right and isinstance(left, bool) == isinstance(right, bool)


def test_round_trip(path: Path, record: RunRecord):
    assert_same(record, store.read(path))


def test_the_coordinates_of_a_case_keep_their_order(path: Path):
    kept = store.read(path)
    assert kept.case_coordinates == ("k", "P")
    assert all(list(step.acquired or ("k", "P")) == ["k", "P"] for step in kept.steps)
    opened = xarray.open_dataset(path, group="step", engine="h5netcdf")
    assert [str(name) for name in opened.data_vars if str(name).startswith("acquired_")] == ["acquired_k", "acquired_P"]
    opened.close()


def test_warnings_by_step_for_other_readers(path: Path, tmp_path: Path, record: RunRecord):
    opened = xarray.open_dataset(path, group="step", engine="h5netcdf")
    assert opened["warnings"].values.tolist() == ["", "a doubt\nä second one", ""]
    opened.close()
    store.write(tmp_path / "none.h5", replace(record, steps=record.steps[:1]))
    with h5py.File(tmp_path / "none.h5") as file:
        assert "warnings" not in file["step"]


def test_round_trip_of_a_failure_without_steps(tmp_path: Path, header):
    failed = RunRecord(header=header, status="failed", reason='no "data"\0 found')
    store.write(tmp_path / "results.h5", failed)
    assert_same(replace(failed, reason='no "data" found'), store.read(tmp_path / "results.h5"))
    for group in ("step", "metrics", "timings", "resources", "diagnostics"):
        xarray.open_dataset(tmp_path / "results.h5", group=group, engine="h5netcdf").close()


def test_a_note_and_a_surface_are_kept(tmp_path: Path, record: RunRecord):
    noted = replace(record, header=replace(record.header, note="synthetic"))
    assert noted.header.data == "heat (synthetic)" and record.header.data == "heat"
    store.write(tmp_path / "results.h5", noted)
    assert store.read(tmp_path / "results.h5").header == noted.header
    with h5py.File(tmp_path / "results.h5") as file:
        assert file.attrs["note"] == "synthetic" and file["surface"].attrs["case"] == "case_7"
        assert file["surface/points"].shape == (4, 3) and file["surface/triangles"].dtype == np.int32
        np.testing.assert_allclose(file["surface/std_epistemic"][...], 0.2, rtol=1e-15)
        np.testing.assert_allclose(file["surface/std_total"][...], 0.3, rtol=1e-15)
        np.testing.assert_array_equal(file["surface/condition"][...], [2.5, 150.0])
        assert file["surface/input"].asstr()[...].tolist() == ["k", "P"]


def test_root_and_step_as_the_contract_says(path: Path):
    with h5py.File(path) as file:
        expected = {
            "schema": "binn-results/1",
            "status": "running",
            "task": "active_learn",
            "dataset": "heat",
            "model": "binn",
        }
        assert {**file.attrs} == expected | {"config_id": "abc123", "seed": 7}
        assert file["config"].asstr()[()].startswith("task:") and file["provenance"].attrs["python"] == "3.11"
        assert file["step/n_train"][...].tolist() == [100, 101, 102]
        assert file["step/round"][...].tolist() == [0, 1, 2] and file["step/round"].dtype == np.int64
        np.testing.assert_array_equal(file["step/acquired_k"][...], [np.nan, 2.5, 2.5])
        assert file["metrics/rmse"].shape == (3, 3, 2) and file["metrics/rmse"].dtype == np.float64
        assert np.isnan(file["metrics/rmse"][0, 2]).all()
        assert file["timings/fit"].attrs["units"] == "s" and file["resources/peak_rss_bytes"].shape == (3,)
        assert file["predictions"].attrs["stride"] == 1 and file["predictions/inputs"].shape == (24, 3)
        assert file["diagnostics/residual"].shape == (3, 5) and file["diagnostics/rhat"].shape == (3, 2, 3)


def test_every_dimension_has_a_scale(path: Path):
    lacking = []

    def visit(name: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Dataset) and not item.is_scale and item.ndim:
            lacking.extend(name for dimension in item.dims if len(dimension) == 0)

    with h5py.File(path) as file:
        file.visititems(visit)
    assert lacking == []


@pytest.mark.parametrize("group", GROUPS)
def test_xarray_opens_every_group_without_phony_dimensions(path: Path, group: str, recwarn):
    with xarray.open_dataset(path, group=group, engine="h5netcdf") as data:
        data.load()
        assert not any("phony" in str(name) for name in data.dims)
    assert [str(warning.message) for warning in recwarn if "imension" in str(warning.message)] == []


def test_xarray_selects_by_name(path: Path):
    with xarray.open_dataset(path, group="metrics", engine="h5netcdf") as data:
        assert data["rmse"].dims == ("step", "split", "output")
        np.testing.assert_allclose(data["rmse"].sel(split="test", output="flux"), [2, 1, 2 / 3])
        assert data["split"].values.tolist() == ["train", "test", "offgrid"] and data["step"].values.tolist() == [
            0,
            1,
            2,
        ]
    with xarray.open_dataset(path, group="predictions", engine="h5netcdf") as data:
        assert data["inputs"].sel(input="P").shape == (24,) and data["std_total"].dims == ("point", "output")
        assert data["output_units"].sel(output="u") == "K" and data.attrs["n_points_total"] == 24
    with xarray.open_dataset(path, group="surrogate", engine="h5netcdf") as data:
        assert data["mask"].dtype == bool and data.attrs["modes"] == 3


def test_xarray_opens_the_whole_file(path: Path):
    tree = xarray.open_datatree(path, engine="h5netcdf")
    assert tree["metrics/rmse"].shape == (3, 3, 2)
    tree.close()


def test_a_crash_before_the_move_leaves_the_old_file(path: Path, record: RunRecord, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        store.write(path, replace(record, status="complete"))
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_the_file_is_on_disk_before_it_is_moved(path: Path, record: RunRecord, monkeypatch):
    calls: list[str] = []
    fsync, move = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (calls.append("fsync"), fsync(descriptor))[1])
    monkeypatch.setattr(os, "replace", lambda *names: (calls.append("replace"), move(*names))[1])
    store.write(path, record)
    assert calls == ["fsync", "replace", "fsync"] and os.listdir(path.parent) == [path.name]


def test_a_full_disk_is_one_sentence_and_spares_the_old_file(path: Path, record: RunRecord, monkeypatch):
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BinnError, match=r"cannot write .* No space left on device"):
        store.write(path, record)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_a_missing_directory_is_one_sentence(tmp_path: Path, record: RunRecord):
    with pytest.raises(BinnError, match="cannot write"):
        store.write(tmp_path / "nowhere" / "results.h5", record)


def test_files_that_cannot_be_read(path: Path, tmp_path: Path):
    with pytest.raises(BinnError, match="there is no results file"):
        store.read(tmp_path / "other.h5")
    whole = path.read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(BinnError, match="not an HDF5 file, or it was cut short"):
            store.read(path)
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(BinnError, match="not a results file"):
        store.read(tmp_path / "foreign.h5")
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        del file["timings"]
    with pytest.raises(BinnError, match="lacks a part"):
        store.read(path)


@pytest.mark.parametrize("value", [None, object(), np.array([object()]), np.array([1 + 2j])])
def test_what_cannot_be_kept_is_refused(tmp_path: Path, record: RunRecord, value):
    with pytest.raises(TypeError, match="/surrogate/inner/thing"):
        store.write(tmp_path / "results.h5", replace(record, surrogate={"inner": {"thing": value}}))
    assert os.listdir(tmp_path) == []


def test_names_with_a_slash_are_refused(tmp_path: Path, record: RunRecord):
    with pytest.raises(TypeError, match="slash"):
        store.write(tmp_path / "results.h5", replace(record, state={"a/b": 1}))
