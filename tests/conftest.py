"""Tests share what JAX compiles, within one run and from one run to the next: compiling is most of what they would wait
for."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

import jax
import pytest
from absl import logging as absl_logging

from tests.shapes import check_shapes

os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).resolve().parents[1] / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
# Several test processes on few cores: threads of the linear algebra that wait for each other by spinning would stop
# everything.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")
# absl (which comes with optax) closes the stream of its handler when Hydra sets logging up, unless it is Python's own:
# pytest's must stay open.
absl_logging.get_absl_handler().python_handler.stream = sys.__stderr__
# A shell's background jobs ignore Ctrl-C, and so would every run that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Compile for the short run without most optimizations, which take longer than they save on small data.

    Runs in processes of their own, and all of `make test-thorough`, are compiled as users have them.
    """
    # Traced functions leave millions of objects that live on: looking through them again and again takes a few percent
    # of the time.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    if config.option.markexpr == "not thorough":
        jax.config.update("jax_disable_most_optimizations", True)
    else:
        # Before anything of the package is imported. What stands in processes of their own is not checked.
        check_shapes()
