"""Constraints: what they mean, and that nothing but arithmetic can be written into them."""

from __future__ import annotations

import numpy as np
import pytest

from binn_cli.config.schema.parameters import specifications
from binn_cli.datasets.simulator.constraints import Constraint, Constraints
from binn_cli.datasets.simulator.space import Space
from binn_cli.errors import ConfigError

SPACE = Space.of(
    specifications("p", {"k": [1, 4], "P": [100, 200], "Cl/Cd": [0, 1], "m": {"choice": ["steel", "copper"]}})
)
POINTS = np.array([[1.0, 100.0, 0.0, 0.0], [4.0, 200.0, 1.0, 1.0], [2.0, 150.0, 0.5, 0.0]])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("k * P < 500", [True, False, True]),
        ("100 < P <= 150", [False, False, True]),
        ("k > 1 and P < 200", [False, False, True]),
        ("k == 1 or P == 200", [True, True, False]),
        ("not k > 1", [True, False, False]),
        ("{Cl/Cd} + {k} >= 2.5", [False, True, True]),
        ("m == 'steel'", [True, False, True]),
        ('m != "steel" and k < 5', [False, True, False]),
        ("max(k, P / 100, 3) > 3", [False, True, False]),
        ("sqrt(P) % 10 == 0 or log10(P) > 2.2", [True, True, False]),
        ("abs(-k) ** 2 // 2 == 2", [False, False, True]),
        ("log(k - 2) > -100", [False, True, False]),  # no value where k < 2
        ("1 / (k - 1) < 1", [False, True, False]),
        ("k**-1 < e / pi", [False, True, True]),
    ],
)
def test_meaning(text: str, expected: list[bool]) -> None:
    assert Constraint.of(text, SPACE).holds(POINTS).tolist() == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("__import__('os').system('echo x') == 0", "not allowed"),
        ("k and P > 3", "'k' is neither true nor false"),
        ("not {Cl/Cd}", "'{Cl/Cd}' is neither true nor false"),
        (f"{'k*' * 2000}k < 3", "too long: at most 1,000 characters"),
        ("k.__class__ == 1", "not allowed"),
        ("(lambda: 1)() == 1", "not allowed"),
        ("[x for x in (1,)] == 1", "not allowed"),
        ("open('file') == 1", "not allowed"),
        ("k if P else 1 > 0", "not allowed"),
        ("f'{k}' == 'x'", "not allowed|no parameter|cannot be read"),
        ("(k := 3) > 1", "not allowed"),
        ("k in (1, 2)", "not allowed"),
        ("abs(k, base=2) > 1", "not allowed"),
        ("q * P < 500", "names 'q', which is no parameter"),
        ("{Cl} < 1", "names 'Cl'"),
        ("k * P", "neither true nor false"),
        ("k <", "cannot be read"),
        ("", "cannot be read"),
        ("9**9**9 > k", "power"),
        ("k ** P > 1", "power"),
        ("True", "not allowed"),
        ("m > 'a'", "by == or !="),
        ("m + 1 > 1", "by == or !="),
        ("'steel' + 'x' == m", "by == or !="),
        ("min(k) > 1", "two or more"),
        ("abs() > 1", "one value"),
        ("(" * 500 + "k" + ")" * 500 + " > 1", "cannot be read|too long"),
    ],
)
def test_everything_else_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Constraint.of(text, SPACE)


def test_the_first_broken_one_is_named() -> None:
    both = Constraints.of(["k < 3", "P < 150"], SPACE)
    assert both.hold(POINTS).tolist() == [True, False, False]
    assert [both.broken(point) for point in POINTS] == ["", "k < 3", "P < 150"]
