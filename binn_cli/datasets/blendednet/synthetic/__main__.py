"""python -m binn_cli.datasets.blendednet.synthetic ARCHIVE [--points N …]: write a synthetic archive of any size."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields, replace
from pathlib import Path

from binn_cli.datasets.blendednet.synthetic.archive import EMBEDDED, write_archive
from binn_cli.errors import BinnError


def main() -> int:
    """Write the archive that the command line describes; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m binn_cli.datasets.blendednet.synthetic", description="Write a synthetic archive."
    )
    parser.add_argument("archive", type=Path, help="folder or .zip that does not exist yet")
    for leaf in fields(EMBEDDED):
        default = getattr(EMBEDDED, leaf.name)
        option = f"--{leaf.name.replace('_', '-')}"
        if isinstance(default, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=default)
        else:
            parser.add_argument(option, type=int, default=default)
    chosen = vars(parser.parse_args())
    path = chosen.pop("archive")
    try:
        write_archive(path, replace(EMBEDDED, **chosen))
    except BinnError as error:
        print(error, file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
