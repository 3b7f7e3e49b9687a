"""model=bnn_map: the most probable weights, without epistemic variance; the baseline that every other inference must
beat."""

from __future__ import annotations

from binn_cli.config.schema.bnn import BnnMapConfig, TrainedConfig
from binn_cli.models.bnn.early_stopping import probable, stopping_point
from binn_cli.models.bnn.surrogate import Bnn, Inferred, Problem
from binn_cli.models.bnn.training import Training


def training_of(config: TrainedConfig, warm: bool) -> Training:
    """How long weights are trained: fewer steps where they are already good."""
    return Training(config.steps_again if warm else config.steps, config.batch, config.learning_rate, config.polish)


class BnnMap(Bnn[BnnMapConfig]):
    """Adam on minibatches, then L-BFGS on all points; or only as much of Adam as held-out rows allow, since together
    with the noise the most probable weights of few noisy rows are those that go through all of them."""

    def infer(self, problem: Problem) -> Inferred:
        """The most probable vector, from a prior draw or from where the round before ended."""
        config, warm, draw = self.config, problem.warm, problem.density.prior_draw(self.rng(2))
        stop = stopping_point(problem, draw, training_of(config, False), config.seed)
        going_on = warm is not None and stop is None
        start = warm.vectors[0, 0] if warm is not None and going_on else draw
        found = probable(problem, start, training_of(config, going_on), config.seed, stop)
        return Inferred(found.vector[None, None], diagnostics={"loss": found.losses, **found.diagnostics})
