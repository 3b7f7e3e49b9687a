"""The Chromium of this machine, which prints a page into a PDF file."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from binn_cli.errors import BinnError
from binn_cli.views.output_file import write_output

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
LONGEST = 300
"""Seconds that printing may take."""


def browser() -> str | None:
    """The program, or None where there is none."""
    return next((path for name in PROGRAMS if (path := shutil.which(name)) is not None), None)


def without_network(profile: str) -> list[str]:
    """Options of a browser that nobody sees, that asks nothing of the network, and that leaves nothing behind.

    Args:
        profile: a directory of its own.
    """
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
    # Chromium refuses to run as root inside its sandbox; the page is ours, and its policy lets nothing else run.
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return ["--headless", "--disable-gpu", "--disable-dev-shm-usage", *quiet, *sandbox, f"--user-data-dir={profile}"]


def print_pdf(page: Path, pdf: Path) -> None:
    """Print a page.

    Raises:
        BinnError: if there is no browser, or it did not print.
    """
    program = browser()
    if program is None:
        raise BinnError(
            f"--pdf {pdf}: needs Chromium or Chrome, which is not on the PATH; install the system's package chromium, "
            "or print the page from a browser"
        )
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / "report.pdf"
        command = [program, *without_network(f"{place}/profile"), "--no-pdf-header-footer", f"--print-to-pdf={made}"]
        try:
            done = subprocess.run([*command, page.resolve().as_uri()], capture_output=True, text=True, timeout=LONGEST)
        except subprocess.TimeoutExpired as error:
            raise BinnError(f"--pdf {pdf}: {program} did not print within {LONGEST} s") from error
        if not made.exists():
            why = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise BinnError(f"--pdf {pdf}: {program} did not print: {why}")
        write_output(pdf, made.read_bytes())
