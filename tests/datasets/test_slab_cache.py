"""The cache of slabs: round trip, damage, atomic writes, several processes."""

import json
import logging
import multiprocessing
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from binn_cli.datasets.slab_cache import SlabCache

WHAT = {"k": 1.5, "cells": 3}
VALUES = np.arange(24.0).reshape(2, 3, 4)


@pytest.fixture
def cache(tmp_path):
    return SlabCache(str(tmp_path / "a" / "b"))


def test_round_trip(cache):
    assert cache.load("k", WHAT, VALUES.shape) is None
    cache.store("k", WHAT, VALUES)
    np.testing.assert_array_equal(cache.load("k", WHAT, VALUES.shape), VALUES)
    with np.load(cache.path("k", WHAT), allow_pickle=False) as file:
        assert json.loads(str(file["description"])) == WHAT


def test_path_depends_on_content_not_on_order(cache):
    assert cache.path("k", {"cells": 3, "k": 1.5}) == cache.path("k", WHAT)
    assert cache.path("k", {"cells": 4, "k": 1.5}) != cache.path("k", WHAT)


def test_relative_to_the_working_directory_of_construction(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cache = SlabCache("data/heat")
    monkeypatch.chdir(os.sep)
    cache.store("k", WHAT, VALUES)
    assert len(list((tmp_path / "data" / "heat").iterdir())) == 1


def test_no_directory_no_cache():
    cache = SlabCache("")
    cache.store("k", WHAT, VALUES)
    assert cache.load("k", WHAT, VALUES.shape) is None


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_never_crashes_and_never_gives_wrong_values(cache, data):
    cache.store("k", WHAT, VALUES)
    path = cache.path("k", WHAT)
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    cut_short = data.draw(st.booleans())
    path.write_bytes(
        whole[:at] if cut_short else whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    )
    found = cache.load("k", WHAT, VALUES.shape)
    assert found is None or np.array_equal(found, VALUES)


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"\x93NUMPY\x01\x00"])
def test_foreign_content_is_a_warning(cache, caplog, content):
    cache.store("k", WHAT, VALUES)
    cache.path("k", WHAT).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert cache.load("k", WHAT, VALUES.shape) is None
    assert "computing it again" in caplog.text


@pytest.mark.parametrize("wrong", [np.zeros((2, 3)), np.full(VALUES.shape, np.nan)])
def test_wrong_shape_or_values_are_not_used(cache, wrong):
    cache.store("k", WHAT, wrong)
    assert cache.load("k", WHAT, VALUES.shape) is None


def test_pickled_objects_are_not_loaded(cache):
    cache.store("k", WHAT, VALUES)
    with cache.path("k", WHAT).open("wb") as file:
        np.savez(file, values=np.array([{"a": 1}], dtype=object))
    assert cache.load("k", WHAT, VALUES.shape) is None


def test_a_failed_write_leaves_the_old_file_and_no_other(cache, monkeypatch, caplog):
    cache.store("k", WHAT, VALUES)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with caplog.at_level(logging.WARNING):
        cache.store("k", WHAT, VALUES + 1)
        cache.store("k", WHAT, VALUES + 1)
    assert caplog.text.count("No space left") == 1
    assert list(cache.path("k", WHAT).parent.iterdir()) == [cache.path("k", WHAT)]
    np.testing.assert_array_equal(cache.load("k", WHAT, VALUES.shape), VALUES)


def store_and_load(directory, repeats):
    cache = SlabCache(directory)
    values = np.arange(1e5)
    for _ in range(repeats):
        cache.store("k", WHAT, values)
        found = cache.load("k", WHAT, values.shape)
        if found is None or not np.array_equal(found, values):
            os._exit(1)


def test_several_processes_at_once(tmp_path, cache):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=store_and_load, args=(str(tmp_path / "shared"), 20)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(list((tmp_path / "shared").iterdir())) == 1
