"""model=bnn_ensemble: networks trained from different draws of the prior, each a draw; anchored, the spread among them
is a posterior's.

Anchored: each member's prior is centered on its own draw of the prior (Pearce, Leibfried and Brintrup, "Uncertainty in
neural networks: approximately Bayesian ensembling", 2020). Exact for a linear model only where outputs are perturbed
too; else somewhat too narrow.
"""

from __future__ import annotations

import numpy as np

from binn_cli.config.schema.bnn import BnnEnsembleConfig
from binn_cli.models.bnn.map import training_of
from binn_cli.models.bnn.surrogate import Bnn, Inferred, Problem
from binn_cli.models.bnn.training import most_probable


class BnnEnsemble(Bnn[BnnEnsembleConfig]):
    """Adam and L-BFGS for every member."""

    def infer(self, problem: Problem) -> Inferred:
        """The members' most probable vectors, one chain each."""
        config, density, warm = self.config, problem.density, problem.warm
        going_on = warm is not None and len(warm.vectors) == config.members
        training = training_of(config, going_on)
        members, losses = [], []
        for member in range(config.members):
            anchor = density.prior_draw(self.rng(2, member))
            start = warm.vectors[member, 0] if warm is not None and going_on else anchor
            seed = (config.seed + member) % 2**63
            center = anchor if config.anchored else None
            found = most_probable(density, problem.learning.points, start, training, seed, problem.watch, center)
            members.append(found.vector)
            losses.append(found.losses)
        return Inferred(np.stack(members)[:, None], diagnostics={"loss": np.stack(losses)})
