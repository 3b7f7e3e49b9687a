"""The task `optimize`: inputs at which an output is best, and how sure place and value are."""

from __future__ import annotations

import numpy as np

from binn_cli.config.schema import OptimizeConfig
from binn_cli.results.answers import Answer, units_along
from binn_cli.results.provenance import peak_rss_bytes
from binn_cli.results.record import Step
from binn_cli.results.recorder import Recorder
from binn_cli.tasks.evaluation import Timer
from binn_cli.tasks.questions.distributions import joint_of
from binn_cli.tasks.questions.optimize.objective import Objective
from binn_cli.tasks.questions.optimize.search import Optimum, find_optimum
from binn_cli.tasks.questions.source import Source

UNSURE = 0.9
"""Probability that the constraints hold below which it is worth a word."""
AT_THE_EDGE = 1e-3
"""Share of a range within which an optimum lies at its end."""


class Optimize:
    """One step."""

    def __init__(self, config: OptimizeConfig, max_points: int) -> None:
        """`max_points` does not matter."""
        del max_points
        self.config = config

    def ask(self, source: Source, recorder: Recorder) -> None:
        """Search and record.

        Raises:
            BinnError: if the settings do not fit the surrogate, or the constraints cannot be fulfilled.
        """
        config = self.config
        objective = Objective.of(config, source)
        joint = joint_of(source, "task.inputs", objective.names, None)
        output = source.scope.outputs[objective.output]
        goal = f"{config.goal} {output}" if config.goal != "target" else f"bring {output} to {config.target}"
        recorder.describe(f"{source.name} ({source.model}), asked to {goal} over {', '.join(objective.names)}")
        recorder.plan(1)
        recorder.announce(f"looking for {', '.join(objective.names)}", 0, 1)
        with Timer() as timer:
            found = find_optimum(objective, joint, config.points, config.draws, config.seed)
        step = Step(
            n_train=source.trained,
            timings={"fit": timer.seconds},
            peak_rss_bytes=peak_rss_bytes(),
            warnings=tuple(_warnings(found, objective, source)),
            notes=objective.notes,
        )
        recorder.step(step, outputs=source.scope.outputs, answers={"optimum": _answer(found, objective, source)})


def _warnings(found: Optimum, objective: Objective, source: Source) -> list[str]:
    said = []
    for name, value in zip(objective.names, found.inputs, strict=True):
        if name in source.scope.choices:
            continue
        low, high = source.range_of(name)
        if min(value - low, high - value) < AT_THE_EDGE * (high - low):
            said.append(f"{name} lies at the end of its range {low:g} to {high:g}: the best may lie beyond")
    if objective.constraints and found.feasible < UNSURE:
        said.append(
            f"with the surrogate's uncertainty the constraints hold there with probability {found.feasible:.0%}"
        )
    if not np.any(found.std > 0):
        said.append(f"model={source.model} states no error of its own, so that the intervals leave it out")
    return said


def _answer(found: Optimum, objective: Objective, source: Source) -> Answer:
    bounds = np.quantile(found.places, (0.025, 0.975), axis=0).T
    labels = {"input": objective.names, "output": source.scope.outputs, "bound": ("low", "high")}
    return Answer(
        {name: np.array(list(values), dtype=object) for name, values in labels.items()},
        {
            "inputs": (found.inputs, ("input",)),
            "inputs_std": (found.places.std(axis=0, ddof=1), ("input",)),
            "inputs_interval_95": (bounds, ("input", "bound")),
            "mean": (found.mean, ("output",)),
            "std": (found.std, ("output",)),
            "interval_95": (found.interval, ("output", "bound")),
            "best": (np.array([found.merit]), ("one",)),
            "best_interval_95": (np.quantile(found.values, (0.025, 0.975))[None], ("one", "bound")),
            "places": (found.places, ("draw", "input")),
            **units_along("input", [source.scope.unit_of(name) for name in objective.names]),
            **units_along("output", source.scope.output_units),
        },
        attributes={
            "output": source.scope.outputs[objective.output],
            "probability_feasible": found.feasible,
            "best_is": "root mean square distance from the target" if objective.wanted is not None else "the output",
        },
    )
