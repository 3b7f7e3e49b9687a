"""The small synthetic archive that comes with the program."""

from __future__ import annotations

from pathlib import Path

from binn_cli.errors import BinnError

PACKAGE = Path(__file__).resolve().parents[2]
FILE = Path("data") / "blendednet" / "synthetic.zip"


def embedded_archive() -> Path:
    """The zip in the repository's data/, or the copy that the wheel installed.

    Raises:
        BinnError: if neither is there.
    """
    for place in (PACKAGE.parent / FILE, PACKAGE / FILE):
        if place.is_file():
            return place
    raise BinnError(
        f"the synthetic archive {FILE} is not installed; name an archive with dataset.root, or install binn again"
    )
