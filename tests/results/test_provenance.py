"""Provenance: what is kept, and what is not."""

from __future__ import annotations

import platform
import shlex
import sys
from datetime import datetime

import pytest

from binn_cli.results import provenance


def test_what_is_kept():
    known = provenance.collect(["binn", "run", "dataset=my data"])
    assert shlex.split(str(known["argv"])) == ["binn", "run", "dataset=my data"]
    assert known["python"] == platform.python_version() and known["memory_bytes"] > 0 and known["cpu_count"] >= 1
    assert "version_numpy" in known and known["cpu_model"]
    assert datetime.fromisoformat(str(known["start_time"])).tzinfo is not None
    assert all(isinstance(value, (str, int, float, bool)) for value in known.values())


def test_bytes_that_are_no_text_can_be_kept():
    with provenance.typed(["binn", "run", "output.root=\udcff"]):
        kept = str(provenance.collect()["argv"])
        assert shlex.split(kept) == ["binn", "run", r"output.root=\udcff"] and kept.isascii()
    with provenance.typed(["binn", "run", "output.root=größe"]):
        assert shlex.split(str(provenance.collect()["argv"])) == ["binn", "run", "output.root=größe"]
    assert shlex.split(str(provenance.collect()["argv"])) == sys.argv


def test_the_host_is_not_kept():
    assert platform.node() not in (str(value) for value in provenance.collect([]).values())


def test_without_git_there_is_no_revision(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    known = provenance.collect()
    assert "git_commit" not in known and "program_version" in known


def test_devices_are_only_asked_of_a_loaded_jax(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    assert provenance.devices() == "not asked"
    assert "jax" not in sys.modules


def test_peak_memory_is_in_bytes():
    assert 10_000_000 < provenance.peak_rss_bytes() < 10**12
