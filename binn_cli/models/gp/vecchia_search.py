"""Hyperparameters of a Vecchia approximation: by the exact evidence of some points, then by GPBoost's of more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema.gp import GpVecchiaConfig
from binn_cli.datasets.random_streams import stream
from binn_cli.models.compilation import Stopwatch
from binn_cli.models.gp.gpboost_process import listening, parameters, process_of, theta_of
from binn_cli.models.gp.hyperparameters import Hyperparameters, bounds
from binn_cli.models.gp.learning import Table, learned

Found = tuple[Hyperparameters, dict[str, np.ndarray], tuple[str, ...]]


def learned_by_vecchia(
    config: GpVecchiaConfig,
    table: Table,
    size: int,
    first: Hyperparameters,
    warm: Hyperparameters | None,
    watch: Stopwatch,
) -> Found:
    """Hyperparameters of every group of outputs, what the searches say for `/diagnostics`, and the library's doubts.

    GPBoost's search alone stops early, in a line search, where an output is smooth and has little noise; the
    exact one does not, but cannot take many points.

    Args:
        config: says whether to search, from how many starts, for how long and on how many points.
        table: all training points.
        size: how many there will be in the end, for which to compile.
        first: what the configuration states; the answer where nothing is searched.
        warm: hyperparameters of the round before, which take the place of all starts.
        watch: counts the seconds of compiling.
    """
    part = _part(table, config.evidence_points, config.seed, size)
    found, trace = learned(config, part, first, warm, watch)
    if config.hyperparameters == "fixed" or not config.iterations or len(table.x) <= config.evidence_points:
        return found, trace, ()
    more = _part(table, config.vecchia_points, config.seed, 0)
    raised, doubts = [], dict[str, None]()
    for group, theta in enumerate(found.theta):
        own, said = _raised(config, more.x, more.y[:, found.members(group)], theta)
        raised.append(own)
        doubts |= dict.fromkeys(said)
    return replace(found, theta=np.array(raised)), {**trace, "vecchia_points": np.array(len(more.x))}, tuple(doubts)


def _part(table: Table, most: int, seed: int, size: int) -> Table:
    """At most so many points, drawn at random, filled up to as many as there will be."""
    rows = np.arange(len(table.x))
    if len(rows) > most:
        rows = np.sort(stream(seed, "gp evidence points").choice(len(rows), most, replace=False))
    return Table.of(table.x[rows], table.y[rows], max(len(rows), min(size, most)))


def _raised(
    config: GpVecchiaConfig, x: Float[np.ndarray, "n D"], y: Float[np.ndarray, "n l"], begin: Float[np.ndarray, " P"]
) -> tuple[Float[np.ndarray, " P"], list[str]]:
    """θ of higher evidence in the approximation, or the one given, and what GPBoost warns of on the way to it."""
    kind, values, box = config.kernel, y.T.ravel(), bounds(x.shape[1])
    with listening() as heard:
        model = process_of(kind, x, y.shape[1], config.neighbours, separate=True)
        before = float(model.neg_log_likelihood(cov_pars=parameters(kind, begin), y=values))
        model.fit(y=values, params={"init_cov_pars": parameters(kind, begin), "maxit": config.iterations})
        theta = np.clip(theta_of(kind, model.get_cov_pars(format_pandas=False)), *box.T)
        after = float(model.neg_log_likelihood(cov_pars=parameters(kind, theta), y=values))
    if not after < before:
        return begin, []
    return theta, [f"GPBoost: {sentence}" for sentence in heard.warnings]
