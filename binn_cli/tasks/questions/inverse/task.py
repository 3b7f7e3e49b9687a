"""The task `inverse`: the posterior of chosen inputs, from observations in a file."""

from __future__ import annotations

import numpy as np

from binn_cli.config.schema import InverseConfig
from binn_cli.results.answers import Answer, units_along
from binn_cli.results.provenance import peak_rss_bytes
from binn_cli.results.record import Step
from binn_cli.results.recorder import Recorder
from binn_cli.tasks.evaluation import Timer
from binn_cli.tasks.questions.distributions import joint_of
from binn_cli.tasks.questions.inverse.inference import Posterior, infer
from binn_cli.tasks.questions.inverse.observations import Observations, read_observations
from binn_cli.tasks.questions.source import Source


class Inverse:
    """One step a target."""

    def __init__(self, config: InverseConfig, max_points: int) -> None:
        """`max_points` does not matter: all draws are kept."""
        del max_points
        self.config = config

    def ask(self, source: Source, recorder: Recorder) -> None:
        """Read the observations, find the posterior of every target, record.

        Raises:
            BinnError: if observations or settings do not fit the surrogate.
        """
        config = self.config
        with Timer() as reading:
            targets = read_observations(config, source)
            prior = joint_of(source, "task.prior", config.unknown, config.prior)
        rows = sum(len(target.values) for target in targets)
        file = config.observations
        asked = f"asked for {', '.join(config.unknown)} from {rows} rows of {file}"
        recorder.describe(f"{source.name} ({source.model}), {asked}")
        recorder.plan(len(targets))
        found: list[Posterior] = []
        for number, target in enumerate(targets):
            recorder.announce(f"looking for {', '.join(config.unknown)}", number, len(targets))
            with Timer() as timer:
                posterior = infer(
                    source, target, prior, noise_std=config.noise_std, method=config.method, chains=config.chains,
                    draws=config.draws, starts=config.starts, seed=config.seed,
                )  # fmt: skip
            found.append(posterior)
            step = Step(
                n_train=source.trained,
                coordinates={"target": float(target.label)} if config.target else {},
                timings={"data": reading.seconds if number == 0 else 0.0, "fit": timer.seconds},
                peak_rss_bytes=peak_rss_bytes(),
                diagnostics={
                    "r_hat": posterior.r_hat, "ess": posterior.ess, "divergences": np.array(posterior.divergences)
                },
                warnings=posterior.warnings,
                notes=(*target.notes, f"drawn by {_BY[posterior.by]}"),
            )  # fmt: skip
            last = number == len(targets) - 1
            answers = _answers(found, targets, source, bool(config.target)) if last else None
            recorder.step(step, outputs=source.scope.outputs, answers=answers)


_BY = {
    "laplace": "importance sampling around normal approximations of the maxima",
    "tempered": "a population that went from prior to posterior (the maxima's neighbourhoods are far from normal)",
    "nuts": "Hamiltonian chains (NUTS)",
}


def _answers(found: list[Posterior], targets: list[Observations], source: Source, several: bool) -> dict[str, Answer]:
    """Groups `posterior` and `estimate`; with targets along a dimension of that name."""
    names = found[0].names
    chains, draws = found[0].draws.shape[:2]
    scales: dict[str, np.ndarray] = {"chain": np.arange(chains), "draw": np.arange(draws)}
    if several:
        scales["target"] = np.array([float(target.label) for target in targets])
    extra = ("target",) if several else ()

    def stacked(parts: list[np.ndarray], at: int = 0) -> np.ndarray:
        return np.stack(parts, axis=at) if several else parts[0]

    variables = {name: np.stack([own.draws[..., i] for own in found], axis=-1) for i, name in enumerate(names)}
    for j, output in enumerate(found[0].noise[0]):
        variables[f"noise_std of {output}"] = np.stack([own.noise[1][..., j] for own in found], axis=-1)
    arrays = {
        name: (values if several else values[..., 0], ("chain", "draw", *extra)) for name, values in variables.items()
    }
    posterior = Answer(scales, arrays, attributes={"drawn_by": found[0].by})
    most = max(len(own.shares) for own in found)
    along = (*extra, "unknown")
    estimate = Answer(
        {
            "unknown": np.array(names, dtype=object),
            "other": np.array(names, dtype=object),
            "bound": np.array(["low", "high"], dtype=object),
            **({"target": scales["target"]} if several else {}),
        },
        {
            "mean": (stacked([own.mean for own in found]), along),
            "std": (stacked([own.std for own in found]), along),
            "interval_95": (stacked([own.interval for own in found]), (*along, "bound")),
            "mode": (stacked([own.mode for own in found]), along),
            "correlation": (stacked([own.correlation for own in found]), (*along, "other")),
            "r_hat": (stacked([own.r_hat for own in found]), along),
            "ess": (stacked([own.ess for own in found]), along),
            "maxima": (stacked([_padded(own.maxima, most) for own in found]), (*extra, "maximum", "unknown")),
            "maximum_share": (stacked([_padded(own.shares, most) for own in found]), (*extra, "maximum")),
            **units_along("unknown", [source.scope.unit_of(name) for name in names]),
        },
    )
    return {"posterior": posterior, "estimate": estimate}


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    """With NaN behind the last entry."""
    padded = np.full((length, *values.shape[1:]), np.nan)
    padded[: len(values)] = values
    return padded
