"""Cases to begin with: spread over the ranges before anything is known, inside the constraints."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree
from scipy.stats import qmc

from binn_cli.datasets.random_streams import stream
from binn_cli.datasets.simulator.constraints import KEY, Constraints
from binn_cli.datasets.simulator.space import Space
from binn_cli.errors import ConfigError

DESIGNS = ("sobol", "latin_hypercube", "random")
MOST_TRIED = 2**20
"""Points that are tried before the constraints are taken for impossible."""
LATIN_HYPERCUBES = 20
"""Latin hypercubes of which the most even one is taken."""


def design(
    kind: str, space: Space, constraints: Constraints, count: int, seed: int, purpose: str
) -> Float[np.ndarray, "n D"]:
    """So many cases by one of `DESIGNS`, no two the same as far as there are so many.

    Args:
        kind: one of `DESIGNS`.
        space: the parameters.
        constraints: what every case must fulfil.
        count: how many cases.
        seed: of the run.
        purpose: what they are for; other purposes get other cases.

    Raises:
        ConfigError: if the constraints leave too little.
    """
    generator = stream(seed, purpose)
    if kind == "latin_hypercube" and not constraints.each:
        points = space.at(_most_even(len(space), count, generator))
        points = _distinct(points)
        if len(points) == count:
            return points
    if kind == "random":
        return _gathered(space, constraints, count, lambda n: generator.random((n, len(space))))
    return _gathered(space, constraints, count, sobol_sampler(len(space), generator))


def sobol_sampler(dimensions: int, generator: np.random.Generator) -> Callable[[int], Float[np.ndarray, "n D"]]:
    """A scrambled Sobol sequence that goes on with every call."""
    sampler = qmc.Sobol(dimensions, scramble=True, rng=generator)

    def draw(n: int) -> Float[np.ndarray, "n D"]:
        with warnings.catch_warnings():
            # A beginning that is no power of two is a little less even; how many cases there are is the user's choice.
            warnings.filterwarnings("ignore", message="The balance properties of Sobol")
            return np.asarray(sampler.random(n))

    return draw


def _gathered(
    space: Space, constraints: Constraints, count: int, draw: Callable[[int], Float[np.ndarray, "n D"]]
) -> Float[np.ndarray, "n D"]:
    found = np.zeros((0, len(space)))
    tried, batch = 0, max(count, 1)
    while len(found) < count:
        if tried >= MOST_TRIED:
            key, what = (KEY, " the constraints or") if constraints.each else ("dataset.parameters", "")
            if len(found) == 0:
                raise ConfigError(key, f"none of {tried:,} cases fulfils them; relax them, or widen the ranges")
            possible = f"only {len(found):,} different case{' is' if len(found) == 1 else 's are'} possible"
            raise ConfigError(
                key,
                f"{possible}, as far as {tried:,} tries tell, and {count:,} are asked for; ask for fewer, or widen"
                f"{what} the ranges",
            )
        points = space.at(draw(batch))
        tried += batch
        found = _distinct(np.concatenate([found, points[constraints.hold(points)]]))
        batch = min(2 * batch, MOST_TRIED // 4)
    return found[:count]


def _distinct(points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "m D"]:
    """The points without those that came before, in their order."""
    return points[np.sort(np.unique(points, axis=0, return_index=True)[1])]


def _most_even(dimensions: int, count: int, generator: np.random.Generator) -> Float[np.ndarray, "n D"]:
    """The Latin hypercube out of several whose nearest two points are farthest apart."""
    best, apart = np.zeros((0, dimensions)), -1.0
    for _ in range(LATIN_HYPERCUBES):
        points = qmc.LatinHypercube(dimensions, rng=generator).random(count)
        distance = np.inf if count < 2 else float(cKDTree(points).query(points, k=2)[0][:, 1].min())
        if distance > apart:
            best, apart = points, distance
    return best


def nearest_candidates(
    wanted: Float[np.ndarray, "n D"],
    candidates: Float[np.ndarray, "m D"],
    available: Int[np.ndarray, " a"],
    space: Space,
) -> Int[np.ndarray, " n"]:
    """For each wanted case the nearest candidate that no other has taken."""
    free = list(available)
    scaled = space.unit_of(candidates)
    chosen = []
    for point in space.unit_of(wanted):
        place = int(np.argmin(np.sum((scaled[free] - point) ** 2, axis=1)))
        chosen.append(int(free.pop(place)))
    return np.array(chosen, dtype=int)
