"""model=bnn_ensemble: networks trained from different draws of the prior, each a draw; anchored, the spread among them
is a posterior's.

Anchored: each member's prior is centered on its own draw of the prior (Pearce, Leibfried and Brintrup, "Uncertainty in
neural networks: approximately Bayesian ensembling", 2020). Exact for a linear model only where outputs are perturbed
too; else somewhat too narrow.
"""

from __future__ import annotations

import numpy as np

from binn_cli.config.schema.bnn import BnnEnsembleConfig
from binn_cli.models.bnn.early_stopping import probable, stopping_point
from binn_cli.models.bnn.map import training_of
from binn_cli.models.bnn.surrogate import Bnn, Inferred, Problem


class BnnEnsemble(Bnn[BnnEnsembleConfig]):
    """Adam and L-BFGS for every member, or only as much of Adam as rows that were held out from one more allow."""

    def infer(self, problem: Problem) -> Inferred:
        """The members' most probable vectors, one chain each."""
        config, density, warm = self.config, problem.density, problem.warm
        going_on = warm is not None and len(warm.vectors) == config.members
        first = density.prior_draw(self.rng(2, config.members))
        stop = stopping_point(problem, first, training_of(config, False), config.seed)
        going_on = going_on and stop is None
        training = training_of(config, going_on)
        members, losses, told = [], [], {}
        for member in range(config.members):
            anchor = density.prior_draw(self.rng(2, member))
            start = warm.vectors[member, 0] if warm is not None and going_on else anchor
            seed = (config.seed + member) % 2**63
            center = anchor if config.anchored else None
            found = probable(problem, start, training, seed, stop, center)
            members.append(found.vector)
            losses.append(found.losses)
            told = found.diagnostics
        return Inferred(np.stack(members)[:, None], diagnostics={"loss": np.stack(losses), **told})
