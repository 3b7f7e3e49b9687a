"""A library of an optional extra that is not installed is named, together with the extra that brings it."""

from __future__ import annotations

import subprocess
import sys

from binn_cli.build import CLASSES

NEEDS = {
    **dict.fromkeys(("mlp", "kan", "inn"), "optax"),
    "diffusion": "equinox",
    **dict.fromkeys(("bnn_mh", "bnn_sgld"), "blackjax"),
    "gp_vecchia": "gpboost",
}
EXTRAS = {"optax": "networks", "equinox": "networks", "blackjax": "blackjax", "gpboost": "vecchia"}

SCRIPT = """
import sys
for library in sys.argv[1].split(","):
    sys.modules[library] = None
from binn_cli.build import _class
from binn_cli.errors import BinnError
for model in sys.argv[2].split(","):
    try:
        print(model, "is", _class("model", model).__name__)
    except BinnError as error:
        print(error)
"""


def said_without(libraries: str, models: str) -> list[str]:
    """What building each model says in a fresh process where the libraries cannot be imported."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, libraries, models], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_names_the_extra_that_is_missing_and_only_where_it_is_needed() -> None:
    lines = said_without(",".join(EXTRAS), ",".join(CLASSES["model"]))
    for model, line in zip(CLASSES["model"], lines, strict=True):
        extra = EXTRAS.get(NEEDS.get(model, ""))
        missing = f'model={model} needs the extra "{extra}": pip install "binn[{extra}]"'
        assert line.startswith(f"{model} is ") if extra is None else line == missing


def test_names_any_other_module_that_is_missing() -> None:
    assert said_without("numpyro", "bnn_vi") == [
        "model=bnn_vi: cannot be used, because the Python module numpyro is not installed"
    ]
