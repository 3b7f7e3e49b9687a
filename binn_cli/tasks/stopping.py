"""When active learning stops before its last round."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema.tasks import StopConfig
from binn_cli.errors import ConfigError
from binn_cli.results.record import Step
from binn_cli.tasks.outlook import Outlook

RISING = ("r2",)
"""Metrics that shall be large."""


@dataclass(frozen=True)
class Stopping:
    """The rules of a run.

    Attributes:
        config: what the user wants.
        began: time of the clock when the run began, or would have if it had not been interrupted.
    """

    config: StopConfig
    began: float

    @classmethod
    def of(cls, config: StopConfig, steps: Sequence[Step]) -> Stopping:
        """The rules of a run that has some steps already, whose time counts."""
        spent = sum(float(np.nansum(list(step.timings.values()))) for step in steps)
        return cls(config, time.monotonic() - spent)

    def require_room(self, initial: int) -> None:
        """Raise if the cases of the beginning are more than the calls that are allowed."""
        if self.config.calls is not None and self.config.calls < initial:
            problem = (
                f"must be at least {initial}, the cases to begin with, not {self.config.calls}; or lower task.initial"
            )
            raise ConfigError("task.stop.calls", problem)

    def left(self, asked: int, batch: int) -> int:
        """How many cases a round may ask for."""
        return batch if self.config.calls is None else max(0, min(batch, self.config.calls - asked))

    def reached(
        self,
        metrics: Mapping[str, Mapping[str, Float[np.ndarray, " L"]]],
        expected: Outlook | None,
        spread: Float[np.ndarray, " L"],
        asked: int,
    ) -> str:
        """Why to stop now, one clause; empty where there is no reason.

        Args:
            metrics: of the last fit.
            expected: what the surrogate expects of itself, corrected for its surprises.
            spread: standard deviation of each output.
            asked: how many cases have been asked for.
        """
        return (
            (self._expected(expected, spread) if expected is not None else "")
            or self._metric(metrics)
            or self._budget(asked)
        )

    def _expected(self, expected: Outlook, spread: Float[np.ndarray, " L"]) -> str:
        config = self.config
        if config.rmse is not None and np.all(expected.caution * expected.rmse <= config.rmse):
            return f"the predicted RMSE, {_listed(expected.rmse)}, is within task.stop.rmse={config.rmse:g}"
        relative = expected.rmse / np.where(spread > 0, spread, 1.0)
        if config.rel_rmse is not None and np.all(expected.caution * relative <= config.rel_rmse):
            return f"the predicted relative RMSE, {_listed(relative)}, is within task.stop.rel_rmse={config.rel_rmse:g}"
        if config.gain is not None and expected.gain <= config.gain:
            return (
                f"one more simulation would lower the predicted RMSE by {100 * expected.gain:.2g} %, "
                f"not more than task.stop.gain={config.gain:g}"
            )
        return ""

    def _metric(self, metrics: Mapping[str, Mapping[str, Float[np.ndarray, " L"]]]) -> str:
        config = self.config
        if config.metric is None or config.value is None:
            return ""
        found = metrics.get(config.split, {}).get(config.metric)
        if found is None:
            return ""
        enough = found >= config.value if config.metric in RISING else found <= config.value
        where = f"{config.metric} on the split {config.split}"
        return f"{where}, {_listed(found)}, has reached task.stop.value={config.value:g}" if np.all(enough) else ""

    def _budget(self, asked: int) -> str:
        config = self.config
        if config.calls is not None and asked >= config.calls:
            return f"{asked} cases have been asked for, as many as task.stop.calls allows"
        seconds = time.monotonic() - self.began
        if config.seconds is not None and seconds >= config.seconds:
            return f"{seconds:.0f} s have passed, and task.stop.seconds={config.seconds:g}"
        return ""


def conclusion(reason: str, number: int, saved: int) -> str:
    """The sentence about a run that ends early."""
    simulations = "1 simulation was" if saved == 1 else f"{saved} simulations were"
    return f"stopped after round {number}: {reason}; {simulations} saved"


def _listed(values: Float[np.ndarray, " L"]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
