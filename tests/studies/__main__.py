"""Run the studies that are named, or all: `python -m tests.studies NAME`. A study is a module here with a function `main`."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

NAMES = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if not module.name.startswith("_"))


def main() -> None:
    """Run them one after the other."""
    wanted = sys.argv[1:] or NAMES
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        raise SystemExit(f"no study {', '.join(unknown)}; there is {', '.join(NAMES)}")
    for name in wanted:
        importlib.import_module(f"tests.studies.{name}").main()


if __name__ == "__main__":
    main()
