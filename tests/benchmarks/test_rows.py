"""What the rows of the benchmark ask for, checked at no cost: a row that cannot run is found when somebody needs it."""

from __future__ import annotations

import pytest

from binn_cli.config.schema import BinnConfig
from tests.benchmarks import growth, outputs, rows


@pytest.mark.parametrize(
    "stated", [rows.PAPER_POISSON, growth.STATED, outputs.TABLE_2], ids=["poisson", "growth", "table 2"]
)
def test_equal_work_is_asked_for(stated: dict) -> None:
    """The printed algorithm's: alternation, with the variances of blocks."""
    config = BinnConfig(**stated)
    assert (config.inference, config.variance) == ("als", "modes")
