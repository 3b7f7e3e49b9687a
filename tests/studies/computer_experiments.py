"""Sixteen functions by which emulators are compared, from their published formulas: ten that the engine was built with
in sight, and six that were kept aside.

Formulas and ranges are those of Surjanovic and Bingham's Virtual Library of Simulation Experiments, but for Ackley's
function, whose range is smaller here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import qmc

from binn_cli.datasets.product import Axis, ProductData

TEST_POINTS, TEST_SEED = 2000, 77

Inputs = Float[np.ndarray, "n D"]
Values = Float[np.ndarray, " n"]


@dataclass(frozen=True)
class Experiment:
    """A function and the box on which it is asked for.

    Attributes:
        function: from (n, D) inputs to n values.
        low, high: the box.
        kept_aside: whether the engine was built without looking at it.
    """

    function: Callable[[Inputs], Values]
    low: tuple[float, ...]
    high: tuple[float, ...]
    kept_aside: bool = False

    @property
    def inputs(self) -> int:
        """D."""
        return len(self.low)

    def drawn(self, points: int, seed: int) -> tuple[Inputs, Values]:
        """A Latin hypercube of inputs, and their values."""
        unit = qmc.LatinHypercube(self.inputs, rng=np.random.default_rng(seed)).random(points)
        low, high = np.array(self.low), np.array(self.high)
        x = low + unit * (high - low)
        return x, self.function(x)


def rows_of(x: Inputs, y: Values) -> ProductData:
    """A table of one output."""
    names = tuple(f"x{d + 1}" for d in range(x.shape[1]))
    return ProductData((Axis("point", x, names),), y[:, None], ("y",))


def _borehole(x: Inputs) -> Values:
    radius, influence, upper, upper_head, lower, lower_head, length, conductivity = x.T
    log = np.log(influence / radius)
    leak = 2.0 * length * upper / (log * radius**2 * conductivity)
    return 2.0 * np.pi * upper * (upper_head - lower_head) / (log * (1.0 + leak + upper / lower))


def _wing_weight(x: Inputs) -> Values:
    area, fuel, aspect, sweep, pressure, taper, thickness, load, weight, paint = x.T
    cosine = np.cos(np.deg2rad(sweep))
    size = 0.036 * area**0.758 * fuel**0.0035 * (aspect / cosine**2) ** 0.6 * pressure**0.006 * taper**0.04
    return size * (100.0 * thickness / cosine) ** -0.3 * (load * weight) ** 0.49 + area * paint


def _otl_circuit(x: Inputs) -> Values:
    b1, b2, f, c1, c2, gain = x.T
    base, total = 12.0 * b2 / (b1 + b2), gain * (c2 + 9.0)
    return ((base + 0.74) * total + 11.35 * f + 0.74 * f * total / c1) / (total + f)


def _piston(x: Inputs) -> Values:
    mass, area, volume, spring, pressure, ambient, filling = x.T
    force = pressure * area + 19.62 * mass - spring * volume / area
    gas = pressure * volume * ambient / filling
    at_rest = area / (2.0 * spring) * (np.sqrt(force**2 + 4.0 * spring * gas) - force)
    return 2.0 * np.pi * np.sqrt(mass / (spring + area**2 * gas / at_rest**2))


def ishigami_function(x: Inputs) -> Values:
    """Ishigami and Homma's function of three inputs, a = 7 and b = 0.1."""
    return np.sin(x[:, 0]) * (1.0 + 0.1 * x[:, 2] ** 4) + 7.0 * np.sin(x[:, 1]) ** 2


def g_weights(inputs: int) -> Float[np.ndarray, " D"]:
    """How little each input of the g-function matters; four of them do."""
    return np.concatenate([[0.0, 0.5, 3.0, 9.0], np.full(inputs - 4, 99.0)])


def g_function(x: Inputs, a: Float[np.ndarray, " D"]) -> Values:
    """Sobol's g-function."""
    return np.prod((np.abs(4.0 * x - 2.0) + a) / (1.0 + a), axis=1)


def _friedman(x: Inputs) -> Values:
    return (
        10.0 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20.0 * (x[:, 2] - 0.5) ** 2 + 10.0 * x[:, 3] + 5.0 * x[:, 4]
    )  # fmt: skip


def _robot_arm(x: Inputs) -> Values:
    angles = np.cumsum(2.0 * np.pi * x[:, :4], axis=1)
    return np.hypot(np.sum(x[:, 4:] * np.cos(angles), axis=1), np.sum(x[:, 4:] * np.sin(angles), axis=1))


def _branin(x: Inputs) -> Values:
    a, b = x.T
    bent = b - 5.1 / (4.0 * np.pi**2) * a**2 + 5.0 / np.pi * a - 6.0
    return bent**2 + 10.0 * (1.0 - 1.0 / (8.0 * np.pi)) * np.cos(a) + 10.0


def _camel(x: Inputs) -> Values:
    a, b = x.T
    return (4.0 - 2.1 * a**2 + a**4 / 3.0) * a**2 + a * b + (-4.0 + 4.0 * b**2) * b**2


def _currin(x: Inputs) -> Values:
    a, b = x.T
    above, below = np.polyval([2300.0, 1900.0, 2092.0, 60.0], a), np.polyval([100.0, 500.0, 4.0, 20.0], a)
    return -np.expm1(-1.0 / (2.0 * np.maximum(b, 1e-12))) * above / below


def _ackley(x: Inputs) -> Values:
    near, waves = np.sqrt(np.mean(x**2, axis=1)), np.mean(np.cos(2.0 * np.pi * x), axis=1)
    return -20.0 * np.exp(-0.2 * near) - np.exp(waves) + 20.0 + np.e


def _curved(x: Inputs) -> Values:
    a, b, c = x.T
    return (
        4.0 * (a - 2.0 + 8.0 * b - 8.0 * b**2) ** 2
        + (3.0 - 4.0 * b) ** 2
        + 16.0 * np.sqrt(c + 1.0) * (2.0 * c - 1.0) ** 2
    )


def _rosenbrock(x: Inputs) -> Values:
    return np.sum(100.0 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (x[:, :-1] - 1.0) ** 2, axis=1)


HARTMANN_WIDTHS = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
HARTMANN_CENTERS = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def _hartmann(x: Inputs) -> Values:
    away = np.einsum("kd,nkd->nk", HARTMANN_WIDTHS, (x[:, None] - HARTMANN_CENTERS) ** 2)
    return -np.exp(-away) @ np.array([1.0, 1.2, 3.0, 3.2])


def _morokoff(x: Inputs) -> Values:
    count = x.shape[1]
    return (1.0 + 1.0 / count) ** count * np.prod(x ** (1.0 / count), axis=1)


def _unit(function: Callable[[Inputs], Values], inputs: int, *, kept_aside: bool = False) -> Experiment:
    return Experiment(function, (0.0,) * inputs, (1.0,) * inputs, kept_aside)


EXPERIMENTS = {
    "branin": Experiment(_branin, (-5.0, 0.0), (10.0, 15.0)),
    "camel": Experiment(_camel, (-2.0, -1.0), (2.0, 1.0)),
    "ishigami": Experiment(ishigami_function, (-np.pi,) * 3, (np.pi,) * 3),
    "otl circuit": Experiment(_otl_circuit, (50, 25, 0.5, 1.2, 0.25, 50), (150, 70, 3, 2.5, 1.2, 300)),
    "g-function": _unit(lambda x: g_function(x, np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0])), 6),
    "piston": Experiment(
        _piston, (30, 0.005, 0.002, 1000, 90_000, 290, 340), (60, 0.02, 0.01, 5000, 110_000, 296, 360)
    ),
    "borehole": Experiment(
        _borehole,
        (0.05, 100, 63_070, 990, 63.1, 700, 1120, 9855),
        (0.15, 50_000, 115_600, 1110, 116, 820, 1680, 12_045),
    ),
    "robot arm": _unit(_robot_arm, 8),
    "wing weight": Experiment(
        _wing_weight,
        (150, 220, 6, -10, 16, 0.5, 0.08, 2.5, 1700, 0.025),
        (200, 300, 10, 10, 45, 1, 0.18, 6, 2500, 0.08),
    ),
    "friedman": _unit(_friedman, 10),
    "currin": _unit(_currin, 2, kept_aside=True),
    "ackley": Experiment(_ackley, (-2.0,) * 2, (2.0,) * 2, kept_aside=True),
    "curved": _unit(_curved, 3, kept_aside=True),
    "rosenbrock": Experiment(_rosenbrock, (-5.0,) * 4, (10.0,) * 4, kept_aside=True),
    "hartmann": _unit(_hartmann, 6, kept_aside=True),
    "morokoff": _unit(_morokoff, 8, kept_aside=True),
}
