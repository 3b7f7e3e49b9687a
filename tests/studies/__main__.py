"""Run the named studies, or all of them: `python -m tests.studies [NAME ...]`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import matplotlib

from binn_cli.views.plots.style import STYLE
from tests.studies.page import Study, write

STUDIES = (
    "gp_limit",
    "posterior_limit",
    "prior_draws",
    "mean_field",
    "bases",
    "patches",
    "tucker",
    "seeds",
    "sensitivity",
    "acquisitions",
    "anywhere",
    "stopping",
    "cost",
    "comparison",
    "inference",
    "estimates",
    "solving",
    "inverse",
    "indices",
    "tables",
    "noise",
    "few_cases",
    "table_loops",
    "calibration",
)
DIRECTORY = Path(__file__).resolve().parents[2] / "docs" / "studies"


def written(name: str, directory: Path = DIRECTORY, **sizes: object) -> Path:
    """Run one study, smaller if sizes are given, and write its page."""
    study: Callable[..., Study] = import_module(f"tests.studies.{name}").study
    began = time.perf_counter()
    with matplotlib.rc_context(STYLE):
        return write(name, study(**sizes), directory, time.perf_counter() - began)


def main(names: list[str]) -> int:
    """Run the studies named on the command line; 2 for a name that does not exist."""
    unknown = [name for name in names if name not in STUDIES]
    if unknown:
        print(f"no study {unknown[0]!r}; there are {', '.join(STUDIES)}", file=sys.stderr)
        return 2
    for name in names or STUDIES:
        print(written(name))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
