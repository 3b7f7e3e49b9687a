"""Cases anywhere in the ranges of a solver's parameters: the acquisition is maximised there instead of over a list of
candidates.

A Sobol sequence finds the basins of the score, clouds of points around the best of them narrow these down, where
constraints are simply kept to, and whole numbers and choices take part like all others; a search along the gradient
goes on from the best of them (`ascent.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.distance import cdist

from binn_cli.config.schema import ActiveLearnConfig
from binn_cli.datasets.dataset import AsksSolver
from binn_cli.datasets.product import Axis
from binn_cli.datasets.simulator.design import design, sobol_sampler
from binn_cli.errors import ConfigError
from binn_cli.models.surrogate import FittedSurrogate
from binn_cli.tasks.acquisition import Aim, acquisition_points, improvement
from binn_cli.tasks.ascent import climbed
from binn_cli.tasks.proposing import chance_of_success
from binn_cli.tasks.references import COMPARED, PURPOSE, References

POOL = 512
"""Points that are scored first."""
STARTS, TURNS, CLOUDS, SHRINKAGE, FIRST_RADIUS = 6, 2, 128, 0.45, 0.15
"""Maxima that are followed, how often, how many points all clouds around them have, by how much these shrink, and how
wide the first ones are, in the unit cube."""
CLIMBED = 3
"""Those of them from which the search goes on along the gradient."""
NEAREST = 1e-3
"""Distance in the unit cube below which a case is one that was asked for before."""

Points = Float[np.ndarray, "_ D"]
Score = Callable[[Points], Float[np.ndarray, " n"]]


class Search:
    """Looks for the cases of one round."""

    def __init__(
        self,
        config: ActiveLearnConfig,
        dataset: AsksSolver,
        fitted: FittedSurrogate,
        slab: Sequence[Axis],
        number: int,
        aim: Aim | None = None,
    ) -> None:
        """`number` is the round: the next one draws other points; `aim` what shall become better."""
        self._aim = aim
        self._config, self._dataset, self._fitted, self._slab = config, dataset, fitted, slab
        self._points = acquisition_points(slab, config.acquisition_points)
        self._random = np.random.default_rng((config.seed, number))
        self._references = design("sobol", dataset.space, dataset.constraints, COMPARED, config.seed, PURPOSE)
        self._scale: Float[np.ndarray, " L"] | None = None
        self._latest: References | None = None
        self._compiled = 0.0

    @property
    def compile_seconds(self) -> float:
        """Time that scoring has spent compiling so far."""
        return self._compiled + (0.0 if self._latest is None else self._latest.compile_seconds)

    def best(self, asked: Points, pending: Points, batch: int) -> Points:
        """The cases to ask for, each chosen with those before it and those whose answers are still out in mind.

        Args:
            asked: all cases that were asked for.
            pending: those of them that have no answer yet.
            batch: how many are wanted.
        """
        picked = pending
        for _ in range(batch):
            seen = np.concatenate([asked, picked])
            point = self._maximum(self._score(seen, picked), seen)
            picked = np.concatenate([picked, point[None]])
        return picked[len(pending) :]

    def _score(self, seen: Points, picked: Points) -> Score:
        """What a case is worth, without regard to cases that were asked for."""
        name, space = self._config.acquisition, self._dataset.space
        if name == "random":
            return lambda points: self._random.random(len(points))
        if name == "maximin":
            there = space.unit_of(seen)
            return lambda points: cdist(space.unit_of(points), there).min(axis=1)
        if name == "ivr":
            return self._known(self._references, picked).reductions
        # A model that knows nothing of other cases can still say where it knows least, as long as nothing is picked.
        remaining = self._known(seen[:0], picked).remaining if len(picked) else lambda points: np.ones(len(points))
        if name == "ei":
            best = float(np.min(self._aimed(seen)[0]))
            return lambda points: self._improvements(points, remaining(points), best)
        reduce = np.mean if name == "mean_std" else np.max
        return lambda points: reduce(self._standard_deviations(points), axis=0) * remaining(points)

    def _known(self, cases: Points, picked: Points) -> References:
        self._compiled = self.compile_seconds
        self._latest = References(self._fitted, self._slab, self._dataset.candidates, cases, picked)
        return self._latest

    def _maximum(self, score: Score, seen: Points) -> Float[np.ndarray, " D"]:
        """A case of the highest score that was not asked for before."""
        space = self._dataset.space
        unit = self._pool()
        values = self._valued(score, unit, seen)
        if self._config.acquisition == "random":
            return space.at(unit[[int(np.argmax(values))]])[0]
        starts = self._apart(unit, values)
        best, worth = unit[starts], values[starts]
        radius, width = FIRST_RADIUS, max(4, CLOUDS // len(starts))
        for _ in range(TURNS):
            steps = self._random.normal(size=(len(best), width, len(space))) * radius
            # Half of the points differ in a few coordinates only: in many dimensions few directions lead up.
            steps[:, : width // 2] *= self._random.random((len(best), width // 2, len(space))) < max(
                0.3, 1.5 / len(space)
            )
            cloud = np.clip(best[:, None, :] + steps, 0.0, 1.0).reshape(-1, len(space))
            found = self._valued(score, cloud, seen).reshape(len(best), width)
            for i, j in enumerate(np.argmax(found, axis=1)):
                if found[i, j] > worth[i]:
                    best[i], worth[i] = cloud[i * width + j], found[i, j]
            radius *= SHRINKAGE
        best, worth = self._climbed(score, best, worth, seen)
        winner = int(np.argmax(worth))
        if not np.isfinite(worth[winner]):
            raise ConfigError(
                "dataset.parameters",
                "no case is left that has not been asked for; widen the ranges or lower task.rounds",
            )
        return space.at(best[[winner]])[0]

    def _climbed(
        self, score: Score, best: Points, worth: Float[np.ndarray, " n"], seen: Points
    ) -> tuple[Points, Float[np.ndarray, " n"]]:
        """The points, the best of them moved uphill along the gradient."""
        space = self._dataset.space
        free = np.array([parameter.levels is None for parameter in space.parameters])
        for i in np.argsort(worth)[::-1][:CLIMBED]:
            if np.isfinite(worth[i]):
                best[i], worth[i] = climbed(
                    lambda unit: self._worth(score, space.at(unit)),
                    lambda unit: self._allowed(space.at(unit), seen),
                    best[i],
                    free,
                )
        return best, worth

    def _pool(self) -> Points:
        """Points of the unit cube whose cases fulfil the constraints, as many as can be found."""
        draw = sobol_sampler(len(self._dataset.space), self._random)
        found = np.zeros((0, len(self._dataset.space)))
        for _ in range(64):
            unit = draw(POOL)
            found = np.concatenate([found, unit[self._dataset.constraints.hold(self._dataset.space.at(unit))]])
            if len(found) >= POOL:
                break
        if len(found) == 0:
            found = self._dataset.space.unit_of(self._references)
        return found[:POOL]

    def _valued(self, score: Score, unit: Points, seen: Points) -> Float[np.ndarray, " n"]:
        """The scores of points of the unit cube, minus infinity where a case may not or need not be asked for."""
        points = self._dataset.space.at(unit)
        return np.where(self._allowed(points, seen), self._worth(score, points), -np.inf)

    def _worth(self, score: Score, points: Points) -> Float[np.ndarray, " n"]:
        """The scores of cases, times their chance of a result."""
        values, chance = score(points), chance_of_success(self._dataset, points)
        return values if chance is None else values * chance

    def _allowed(self, points: Points, seen: Points) -> Bool[np.ndarray, " n"]:
        """Which cases fulfil the constraints and were not asked for before."""
        space, held = self._dataset.space, self._dataset.constraints.hold(points)
        return (
            held
            if len(seen) == 0
            else held & (cdist(space.unit_of(points), space.unit_of(seen)).min(axis=1) >= NEAREST)
        )

    def _apart(self, unit: Points, values: Float[np.ndarray, " n"]) -> list[int]:
        """The best points no two of which are in one basin, as far as a first look tells."""
        chosen: list[int] = []
        least = 0.5 * np.sqrt(unit.shape[1]) * len(unit) ** (-1.0 / unit.shape[1])
        for i in np.argsort(values)[::-1]:
            if all(np.linalg.norm(unit[i] - unit[j]) > least for j in chosen):
                chosen.append(int(i))
            if len(chosen) == STARTS:
                break
        return chosen

    def _standard_deviations(self, points: Points) -> Float[np.ndarray, "p n"]:
        """Epistemic standard deviation at the acquisition points, of several outputs each over its largest among the
        references."""
        if self._scale is None:
            std = self._predicted(self._references)
            largest = std.max(axis=(0, 1))
            self._scale = np.where(largest > 0, largest, 1.0) if len(largest) > 1 else np.ones(1)
        std = self._predicted(points) / self._scale  # (p, n, L)
        return np.moveaxis(std, 1, -1).reshape(-1, len(points))

    def _improvements(self, points: Points, remaining: Float[np.ndarray, " n"], best: float) -> Float[np.ndarray, " n"]:
        """Expected improvement on the best, the picked ones believed to come out at their mean."""
        mean, std = self._aimed(points)
        return improvement(mean, std * remaining, best)

    def _aimed(self, points: Points) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        assert self._aim is not None
        prediction = self._fitted.predict([*self._points, self._dataset.space.axis(points)])
        self._compiled += prediction.compile_seconds
        return self._aim.moments(prediction)

    def _predicted(self, points: Points) -> Float[np.ndarray, "p n L"]:
        prediction = self._fitted.predict([*self._points, self._dataset.space.axis(points)])
        self._compiled += prediction.compile_seconds
        variance = np.maximum(np.asarray(prediction.epistemic_var), 0.0)
        return np.sqrt(variance.reshape(-1, len(points), variance.shape[-1])) * prediction.unit
