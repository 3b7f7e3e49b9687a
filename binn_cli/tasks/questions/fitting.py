"""Whether a question fits the surrogate that it asks: names, units and ranges tell before anything is computed."""

from __future__ import annotations

from binn_cli.config.schema import InverseConfig, OptimizeConfig, SensitivityConfig
from binn_cli.tasks.questions.source import Source


def require_fitting(config: InverseConfig | SensitivityConfig | OptimizeConfig, source: Source) -> None:
    """Require that a question can be asked; the surrogate itself may be missing yet.

    Raises:
        ConfigError: if a setting names what the surrogate does not know, or is out of its reach.
        DataError: if a file does not fit.
    """
    # What one question needs, the others do without; distributions take longest to import, and names come first.
    if isinstance(config, OptimizeConfig):
        from binn_cli.tasks.questions.optimize.objective import Objective

        Objective.of(config, source)
        return
    if isinstance(config, InverseConfig):
        from binn_cli.tasks.questions.inverse.observations import read_observations

        read_observations(config, source)
        key, names, given = "task.prior", tuple(config.unknown), config.prior
    else:
        from binn_cli.tasks.questions.sensitivity.inputs import inputs_in_question

        key, names, given = "task.distributions", inputs_in_question(config, source)[0], config.distributions
    if given:
        from binn_cli.tasks.questions.distributions import joint_of

        joint_of(source, key, names, given)
