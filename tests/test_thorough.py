"""The list of tests that take long names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.thorough import THOROUGH

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", THOROUGH)
def test_what_is_left_out_exists(name: str) -> None:
    path, _, rest = name.partition("::")
    assert re.search(rf"^def {re.escape(rest.partition('[')[0])}\(", (ROOT / path).read_text(), flags=re.MULTILINE)
