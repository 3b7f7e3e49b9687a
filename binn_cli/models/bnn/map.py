"""model=bnn_map: the most probable weights, without epistemic variance; the baseline that every other inference must
beat."""

from __future__ import annotations

from binn_cli.config.schema.bnn import BnnMapConfig, TrainedConfig
from binn_cli.models.bnn.surrogate import Bnn, Inferred, Problem
from binn_cli.models.bnn.training import Training, most_probable


def training_of(config: TrainedConfig, warm: bool) -> Training:
    """How long weights are trained: fewer steps where they are already good."""
    return Training(config.steps_again if warm else config.steps, config.batch, config.learning_rate, config.polish)


class BnnMap(Bnn[BnnMapConfig]):
    """Adam on minibatches, then L-BFGS on all points."""

    def infer(self, problem: Problem) -> Inferred:
        """The most probable vector, from a prior draw or from where the round before ended."""
        warm = problem.warm
        start = problem.density.prior_draw(self.rng(2)) if warm is None else warm.vectors[0, 0]
        training = training_of(self.config, warm is not None)
        found = most_probable(
            problem.density, problem.learning.points, start, training, self.config.seed, problem.watch
        )
        return Inferred(found.vector[None, None], diagnostics={"loss": found.losses})
