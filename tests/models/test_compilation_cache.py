"""Entries of JAX's cache are whole or not there, in a process of its own, since JAX chooses its cache once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
import jax
from binn_cli.models.compilation_cache import keep_entries_whole

keep_entries_whole()
write = Path.write_bytes

def killed_half_way(self, data):
    if sys.argv[1] == "killed":
        write(self, data[: len(data) // 2])
        import os
        os._exit(9)
    return write(self, data)

Path.write_bytes = killed_half_way
print(float(jax.jit(lambda x: x * 3 + 1)(2.0)))
"""


def test_a_killed_run_leaves_no_part_of_an_entry(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }

    def run(how: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-c", SCRIPT, how]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    assert run("killed").returncode == 9
    assert not list(tmp_path.glob("*-cache")), "nothing stands where JAX would read a half"
    done = run("whole")
    assert (done.returncode, done.stdout) == (0, "7.0\n"), done.stderr
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*-cache")}
    assert kept and run("whole").stdout == "7.0\n"
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*-cache")} == kept
