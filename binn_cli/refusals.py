"""What a run would refuse at its beginning, found before it has a directory."""

from __future__ import annotations

from pathlib import Path

from binn_cli import build
from binn_cli.asked import require_question_fits
from binn_cli.config.compose import Settings
from binn_cli.config.schema import SimulatorConfig, SolveConfig


def require_possible(settings: Settings) -> None:
    """Require what can be told from the settings and the files that they name, without computing anything.

    Raises:
        BinnError: if a question does not fit the run that it asks, a solver cannot be called as it is described,
            an equation is missing or cannot be solved by the model, or what shall be learned of it is no parameter.
    """
    require_question_fits(settings)
    if isinstance(settings.dataset, SimulatorConfig):
        from binn_cli.datasets.simulator.description import require_described

        require_described(settings.dataset, Path.cwd())
    if isinstance(settings.task, SolveConfig):
        from binn_cli.tasks.sensors import unknown_of
        from binn_cli.tasks.solve import equation_of, solver_of

        problem = equation_of(build.dataset(settings))
        solver_of(build.model(settings))
        if settings.task.observations:
            unknown_of(settings.task, problem)
