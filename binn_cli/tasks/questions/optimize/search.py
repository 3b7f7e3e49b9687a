"""The best inputs of the mean and of every draw: many points at once, clouds around the best of them, a polish."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.optimize
from scipy.stats import qmc

from binn_cli.errors import BinnError
from binn_cli.models.deviations import deviations_of
from binn_cli.tasks.questions.distributions import Joint
from binn_cli.tasks.questions.optimize.objective import ROUND_OFF, Objective

STARTS, CLOUD, TURNS, RADIUS, SHRINKAGE = 8, 48, 12, 0.12, 0.5
POLISHED = 3
"""Of the best points so many are polished."""
SHARED, NEAR = 512, 96
"""Points of the whole domain and of each cloud around the optimum at which every draw is looked at."""
SCALES = (0.2, 0.06, 0.02, 0.006, 0.002, 0.0006)
OWN, OWN_TURNS = 12, 4
"""Points around the best of every draw, and how often they close in on it."""
SLOPE = 1e-4
"""Step of the differences that give the slopes of constraints, distance within which a point lies on one, and sine of
the angle from which two of them differ."""
ROWS = 40_000
"""Points of field and inputs at which draws are evaluated at once at most."""


@dataclass(frozen=True)
class Optimum:
    """The best inputs.

    Attributes:
        inputs: (d,)
        mean, std: (L,) of all outputs there, averaged over the field.
        interval: (L, 2) of 95 %.
        places: (S, d) best inputs of every draw.
        values: (S,) the output there (with a target the root mean square distance).
        merit: the same of the mean.
        feasible: share of the draws under which the constraints hold at the best inputs.
    """

    inputs: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    interval: np.ndarray
    places: np.ndarray
    values: np.ndarray
    merit: float
    feasible: float


def find_optimum(objective: Objective, joint: Joint, points: int, draws: int, seed: int) -> Optimum:
    """The optimum of the mean, and those of draws from the posterior.

    Raises:
        BinnError: if no inputs within the ranges fulfil the constraints.
    """
    best = _of_mean(objective, joint, points, seed)
    return _with_draws(objective, joint, best, draws, seed)


def _of_mean(objective: Objective, joint: Joint, points: int, seed: int) -> np.ndarray:
    """The best point of the unit cube."""
    d = len(joint.marginals)
    random = np.random.default_rng([seed, 95])
    unit = qmc.Sobol(d, rng=random).random(2 ** int(np.log2(points)))
    merit, missed = _judged(objective, joint, unit)
    order = _order(merit, missed)
    least = 0.5 * np.sqrt(d) * len(unit) ** (-1.0 / d)
    chosen: list[int] = []
    for i in order:
        if all(np.linalg.norm(unit[i] - unit[j]) > least for j in chosen):
            chosen.append(int(i))
        if len(chosen) == STARTS:
            break
    best, merits, misses = unit[chosen], merit[chosen], missed[chosen]
    radius = RADIUS
    for _ in range(TURNS):
        steps = radius * random.standard_normal((len(best), CLOUD, d))
        steps[:, ::2] *= random.random((len(best), CLOUD // 2, d)) < max(0.3, 1.5 / d)
        cloud = np.clip(best[:, None] + steps, 0.0, 1.0)
        found, off = (part.reshape(len(best), CLOUD) for part in _judged(objective, joint, cloud.reshape(-1, d)))
        for s in range(len(best)):
            k = int(_order(found[s], off[s])[0])
            if (off[s, k], found[s, k]) < (misses[s], merits[s]):
                best[s], merits[s], misses[s] = cloud[s, k], found[s, k], off[s, k]
        radius *= SHRINKAGE
    order = _order(merits, misses)
    if misses[order[0]] > 0:
        _refuse(objective, joint, best[order[0]])
    polished = [best[i] for i in order[:POLISHED] if misses[i] <= 0]
    if not any(marginal.levels for marginal in joint.marginals):
        polished += [_polished(objective, joint, start) for start in polished]
    stack = np.stack(polished)
    merit, missed = _judged(objective, joint, stack)
    return np.asarray(stack[_order(merit, missed)[0]])


def _judged(objective: Objective, joint: Joint, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Merit, and by how much the constraints are missed together, in units of their outputs; 0 where they hold."""
    points = joint.at(unit)
    values = objective.values(points)
    missed = np.maximum(objective.violation(points, values), 0.0).sum(axis=-1)
    return objective.merit(values), missed


def _order(merit: np.ndarray, missed: np.ndarray) -> np.ndarray:
    """The best first: those that fulfil the constraints by merit, the others by how far they are from it."""
    return np.lexsort((merit, missed))


def _polished(objective: Objective, joint: Joint, start: np.ndarray) -> np.ndarray:
    """A local optimum by sequential quadratic programming, with differences of many points at once."""
    d, h = len(start), 1e-5
    around = np.clip(start + 0.1 * np.concatenate([np.zeros((1, d)), np.eye(d), -np.eye(d)]), 0.0, 1.0)
    near = _judged(objective, joint, around)[0]
    scale = max(float(np.max(np.abs(near - near[0]))), 1e-12)

    def both(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        steps = np.clip(np.concatenate([x[None], x + h * np.eye(d), x - h * np.eye(d)]), 0.0, 1.0)
        points = joint.at(steps)
        values = objective.values(points)
        found = np.concatenate([objective.merit(values)[:, None] / scale, objective.violation(points, values)], axis=1)
        width = np.maximum(np.diagonal(steps[1 : 1 + d] - steps[1 + d :]), 1e-300)
        return found[0], (found[1 : 1 + d] - found[1 + d :]) / width[:, None]

    kept: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

    def at(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        key = x.tobytes()
        if key not in kept:
            kept[key] = both(x)
        return kept[key]

    constraints = [
        {"type": "ineq", "fun": lambda x: -at(x)[0][1:] - 0.5 * ROUND_OFF, "jac": lambda x: -at(x)[1][:, 1:].T}
    ] if objective.constraints else []  # fmt: skip
    found = scipy.optimize.minimize(
        lambda x: at(x)[0][0], start, jac=lambda x: at(x)[1][:, 0].copy(), method="SLSQP", bounds=[(0.0, 1.0)] * d,
        constraints=constraints, options={"maxiter": 60, "ftol": 1e-14},
    )  # fmt: skip
    end = np.clip(found.x, 0.0, 1.0)
    before, after = _judged(objective, joint, np.stack([start, end]))
    return end if after[1] <= 0 and before[1] < before[0] else start


def _refuse(objective: Objective, joint: Joint, nearest: np.ndarray) -> None:
    point = joint.at(nearest[None])
    missed = objective.violation(point, objective.values(point))[0]
    worst = objective.constraints[int(np.argmax(missed))]
    place = ", ".join(f"{name} = {value:.4g}" for name, value in zip(objective.names, point[0], strict=True))
    raise BinnError(
        f"task.constraints: no inputs within the ranges fulfil all constraints; the nearest, {place}, miss "
        f'"{worst.text}" by {np.max(missed):.3g}: loosen one'
    )


def _active(objective: Objective, joint: Joint, best: np.ndarray) -> np.ndarray:
    """(d, c) orthonormal normals, in the unit cube, of the constraints on which the best point lies."""
    d = len(best)
    if not objective.constraints or any(marginal.levels for marginal in joint.marginals):
        return np.zeros((d, 0))
    ends = np.clip(np.concatenate([best[None], best + SLOPE * np.eye(d), best - SLOPE * np.eye(d)]), 0.0, 1.0)
    points = joint.at(ends)
    missed = objective.violation(points, objective.values(points))
    width = np.diagonal(ends[1 : 1 + d] - ends[1 + d :])
    slopes = (missed[1 : 1 + d] - missed[1 + d :]) / width[:, None]  # (d, C)
    size = np.linalg.norm(slopes, axis=0)
    touched = (missed[0] > -SLOPE * size) & (size > 0)
    left, singular, _ = np.linalg.svd(slopes[:, touched] / size[touched], full_matrices=False)
    return left[:, singular > SLOPE]


def _steps(random: np.random.Generator, shape: tuple[int, ...], normals: np.ndarray) -> np.ndarray:
    """Random steps in all directions, every other one along the constraints: off these hardly any fulfils them."""
    steps = random.standard_normal((*shape, len(normals)))
    steps[..., ::2, :] -= (steps[..., ::2, :] @ normals) @ normals.T
    return steps


def _with_draws(objective: Objective, joint: Joint, best: np.ndarray, draws: int, seed: int) -> Optimum:
    source, d = objective.source, len(best)
    random = np.random.default_rng([seed, 96])
    drawn = deviations_of(source.surrogate, source.scope, draws, seed)
    size = max(1, int(np.prod([len(group.points) for group in objective.field])))

    def at(unit: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Merit (S, n), misses (S, n) and means over the field (S, n, L) of every draw."""
        parts = []
        step = max(1, ROWS // size)
        for begin in range(0, len(unit), step):
            points = joint.at(unit[begin : begin + step])
            mean = objective.values(points)
            away = drawn(source.table(objective.groups(points)))
            values = mean + away.reshape(len(away), *mean.shape)
            missed = np.maximum(objective.violation(points, values), 0.0).sum(axis=-1)
            parts.append((objective.merit(values), missed, values.mean(axis=-2)))
        return tuple(np.concatenate([part[k] for part in parts], axis=1) for k in range(3))  # type: ignore[return-value]

    bounds = _active(objective, joint, best)
    clouds = [np.clip(best + scale * _steps(random, (NEAR,), bounds), 0.0, 1.0) for scale in SCALES]
    shared = max(32, min(SHARED, ROWS // size))
    whole = qmc.Sobol(d, rng=random).random(2 ** int(np.log2(shared)))
    unit = np.concatenate([best[None], *clouds, whole])
    if size > 1:
        unit = unit[: max(64, 3 * ROWS // size)]
    merit, missed, means = at(unit)
    count = len(merit)
    own = np.array([int(_order(merit[s], missed[s])[0]) for s in range(count)])
    places, merits, misses = unit[own], merit[np.arange(count), own], missed[np.arange(count), own]
    if size == 1:
        radius = 0.5 * len(whole) ** (-1.0 / d)
        for _ in range(OWN_TURNS):
            cloud = np.clip(places[:, None] + radius * _steps(random, (count, OWN), bounds), 0.0, 1.0)
            found, off, _ = at(cloud.reshape(-1, d))
            for s in range(count):
                mine = slice(s * OWN, (s + 1) * OWN)
                k = int(_order(found[s, mine], off[s, mine])[0])
                if (off[s, mine][k], found[s, mine][k]) < (misses[s], merits[s]):
                    places[s], merits[s], misses[s] = cloud[s, k], found[s, mine][k], off[s, mine][k]
            radius *= 0.4
    inputs = joint.at(best[None])
    values = objective.values(inputs)
    mean = values[0].mean(axis=0)
    here = means[:, 0] - means[:, 0].mean(axis=0) + mean
    interval = np.quantile(here, (0.025, 0.975), axis=0).T
    signed = np.sqrt(merits) if objective.wanted is not None else objective.sign * merits
    own_merit = float(objective.merit(values)[0])
    shown = np.sqrt(own_merit) if objective.wanted is not None else objective.sign * own_merit
    return Optimum(
        inputs[0], mean, here.std(axis=0, ddof=1), interval, joint.at(places), signed, float(shown),
        float(np.mean(missed[:, 0] <= 0)),
    )  # fmt: skip
