"""What the models that sample by Markov chains share: where chains start, how long they run, and what is said about
them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema.bnn import McmcConfig
from binn_cli.models.bnn.chains import Chains, Kernel, Lengths, sample
from binn_cli.models.bnn.curvature import marginal_variances
from binn_cli.models.bnn.early_stopping import probable, stopping_point
from binn_cli.models.bnn.surrogate import Inferred, Problem
from binn_cli.models.bnn.training import Training
from binn_cli.models.convergence import convergence

START_BATCH, START_RATE = 1024, 3e-3
"""How Adam climbs to the start of a chain."""

Tuning = dict[str, np.ndarray]


def starts(config: McmcConfig, problem: Problem) -> Float[np.ndarray, "chain P"]:
    """Where the chains begin: where the round before ended, or at most probable vectors, each found from its own draw
    of the prior.

    Chains from different modes are what makes R-hat worth reading; from one mode they would agree too easily.
    """
    warm = problem.warm
    if warm is not None and warm.continuation["last"].shape[0] == config.chains:
        return warm.continuation["last"]
    draws = [
        problem.density.prior_draw(np.random.default_rng([config.seed, 2, chain])) for chain in range(config.chains)
    ]
    if config.start_steps + config.start_polish == 0:
        return np.stack(draws)
    training = Training(config.start_steps, START_BATCH, START_RATE, config.start_polish)
    # Where weights go through all rows and the noise is next to none, a chain would stay there for ever.
    stop = stopping_point(problem, draws[0], training, config.seed)
    found = []
    for chain, draw in enumerate(draws):
        seed = (config.seed + chain) % 2**63
        found.append(probable(problem, draw, training, seed, stop).vector)
    return np.stack(found)


def curvature_metric(problem: Problem, start: Float[np.ndarray, "chain P"]) -> Float[np.ndarray, "chain P"]:
    """Inverse mass matrices whose entries are the directions' variances by their own curvature at the start."""
    return np.stack(
        [marginal_variances(problem.density, problem.learning.points, vector, problem.watch) for vector in start]
    )


def tuning_of(
    config: McmcConfig, problem: Problem, start: Float[np.ndarray, "chain P"], step: float, metric: str
) -> Tuning:
    """Step size and inverse mass matrix at the beginning; after a warm start those that were adapted before."""
    warm = problem.warm
    if warm is not None and warm.continuation["last"].shape == start.shape:
        return {name: values for name, values in warm.continuation.items() if name != "last"}
    inverse_mass = curvature_metric(problem, start) if metric == "curvature" else np.ones_like(start)
    return {"step": np.full(len(start), step), "inverse_mass": inverse_mass}


def sampled(
    config: McmcConfig, problem: Problem, kernel: Callable[[int], Kernel], tuning: Callable[[np.ndarray], Tuning]
) -> Inferred:
    """Run the chains; `kernel` is made for a number of warm-up transitions, `tuning` for where the chains start."""
    again = problem.warm is not None
    warmup, samples = (config.warmup_again, config.samples_again) if again else (config.warmup, config.samples)
    start = starts(config, problem)
    lengths = Lengths(warmup, samples, config.keep)
    learning = problem.learning
    chains = sample(
        kernel(warmup),
        problem.density,
        learning.points,
        learning.references,
        start,
        tuning(start),
        lengths,
        config.seed,
        problem.watch,
    )
    return Inferred(chains.vectors, {"last": chains.last, **chains.tuning}, diagnostics_of(chains, problem))


def diagnostics_of(chains: Chains, problem: Problem) -> dict[str, np.ndarray]:
    """Convergence in function space, and how the transitions went: acceptance, divergences, step size."""
    found = dict(convergence(chains.traces))
    found["log_density"] = chains.traces["log_density"]
    if "diverging" in chains.traces:
        found["divergences"] = np.asarray(chains.traces["diverging"].sum())
    for name in ("acceptance_rate", "step_size", "leapfrog_steps"):
        if name in chains.traces:
            found[name] = chains.traces[name].mean(axis=1)
    found["warmup_seconds"], found["sampling_seconds"] = (np.asarray(seconds) for seconds in chains.seconds)
    if problem.learning.used < problem.learning.available:
        found["subsample_of"] = np.asarray(problem.learning.available)
    return found
