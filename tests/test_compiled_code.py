"""The place where compiled code is kept: absent, read-only, damaged, of another version, filled by two at once."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from binn_cli import compiled_code
from binn_cli.compiled_code import DIRECTORY, cache_trouble_logged, prepare_jax, remove_damaged

COMPILE = """
import logging, sys
from binn_cli.compiled_code import cache_trouble_logged, prepare_jax
logging.basicConfig(stream=sys.stdout, level=logging.WARNING)
prepare_jax()
with cache_trouble_logged():
    import jax, jax.numpy as jnp
    from jax._src import monitoring
    hits = []
    monitoring.register_event_listener(lambda event, **_: hits.append(event) if event.endswith("cache_hits") else None)
    jax.jit(lambda x: jnp.sin(x).sum()).lower(jnp.ones(7)).compile()
print("hits", len(hits))
"""


@pytest.fixture(autouse=True)
def _no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DIRECTORY, raising=False)
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


def compiled(place: Path | str, **variables: str) -> str:
    """What a process says that compiles with its code kept in a place; nothing may stand on stderr."""
    environment = {**os.environ, DIRECTORY: str(place), **variables}
    done = subprocess.run([sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_it_is_in_the_users_cache_for_this_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_code, "_user_cache", lambda: Path("/dev/null"))
    prepare_jax()
    assert DIRECTORY not in os.environ
    monkeypatch.setattr(compiled_code, "_user_cache", lambda: tmp_path)
    prepare_jax()
    assert Path(os.environ[DIRECTORY]).parent == tmp_path / "binn" / "jax" and Path(os.environ[DIRECTORY]).is_dir()
    monkeypatch.setattr(compiled_code, "_processor", lambda: "other")
    prepare_jax()
    assert not os.environ[DIRECTORY].endswith("other"), "who says where has the last word"
    monkeypatch.delenv(DIRECTORY)
    prepare_jax()
    assert os.environ[DIRECTORY] == str(tmp_path / "binn" / "jax" / "other")
    monkeypatch.delenv(DIRECTORY)


def test_code_that_is_cut_short_is_said_once_and_replaced(tmp_path: Path) -> None:
    assert compiled(tmp_path) == "hits 0\n"
    kept = sorted(tmp_path.glob("*-cache"))
    assert len(kept) >= 2
    for number, path in enumerate(kept):
        path.write_bytes(path.read_bytes()[: 60 * number])
    said = compiled(tmp_path).splitlines()
    assert len(said) == 2 and f"compiled code in {tmp_path} cannot be read (error: " in said[0] and said[1] == "hits 0"
    assert compiled(tmp_path) == "hits 0\n", "what was damaged is gone"
    assert compiled(tmp_path) == f"hits {len(kept)}\n"


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null", "/dev/null/x"])
def test_a_place_that_cannot_be_is_said_once(place: str) -> None:
    said = compiled(place).splitlines()
    assert said[-1] == "hits 0" and 1 <= len(said) - 1 <= 2
    assert all(f"compiled code in {place} cannot be " in line for line in said[:-1])


def test_code_of_another_version_is_left_alone(tmp_path: Path) -> None:
    compiled(tmp_path)
    other = {path: path.rename(path.with_name(path.name.replace("-", "-0", 1))) for path in tmp_path.glob("*-cache")}
    assert compiled(tmp_path) == "hits 0\n"
    assert all(path.exists() for path in other.values())


def test_two_processes_fill_it_at_once(tmp_path: Path) -> None:
    environment = {**os.environ, DIRECTORY: str(tmp_path)}
    both = [
        subprocess.Popen([sys.executable, "-c", COMPILE], env=environment, stdout=-1, stderr=-1, text=True)
        for _ in range(2)
    ]
    for process in both:
        printed, complaints = process.communicate(timeout=120)
        assert (process.returncode, complaints) == (0, "") and printed.splitlines()[-1].startswith("hits ")
    assert compiled(tmp_path).splitlines()[-1] != "hits 0"


def test_other_warnings_are_shown_as_ever_and_what_is_whole_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a-cache").write_bytes(b"\x28\xb5\x2f\xfd of zstd")
    (tmp_path / "b-cache").write_bytes(b"")
    assert remove_damaged(tmp_path) == 1 and [path.name for path in tmp_path.iterdir()] == ["a-cache"]
    with pytest.warns(UserWarning, match="something else"), cache_trouble_logged(), caplog.at_level(logging.WARNING):
        warnings.warn("something else", stacklevel=1)
    assert caplog.text == ""
