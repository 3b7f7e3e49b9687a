"""`python -m binn_cli` is `binn`."""

from binn_cli.cli import main

raise SystemExit(main())
