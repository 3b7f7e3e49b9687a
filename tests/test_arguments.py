"""Flags and overrides told apart, without running anything."""

from __future__ import annotations

import pytest

from binn_cli.arguments import told_apart


@pytest.mark.parametrize(
    ("typed", "flags", "overrides"),
    [
        ([], (), ()),
        (["seed=3"], (), ("seed=3",)),
        (["seed=3", "--cfg", "job", "task=regress"], ("--cfg=job",), ("seed=3", "task=regress")),
        (["--info", "seed=3"], ("--info=all",), ("seed=3",)),
        (["-i"], ("--info=all",), ()),
        (["-m", "seed=1,2"], ("--multirun",), ("seed=1,2",)),
    ],
)
def test_flags_stand_anywhere(typed: list[str], flags: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    known = told_apart(typed, "binn run")
    assert (known.flags, known.overrides) == (flags, overrides)
