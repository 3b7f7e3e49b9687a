"""model=bnn_nuts: NumPyro's No-U-Turn sampler, begun at the most probable weights."""

from __future__ import annotations

from binn_cli.config.schema.bnn import BnnNutsConfig
from binn_cli.models.bnn.hamiltonian import Hamiltonian
from binn_cli.models.bnn.mcmc import sampled, tuning_of
from binn_cli.models.bnn.surrogate import Bnn, Inferred, Problem

FIRST_STEP = 0.1
"""Step size from which a sensible one is looked for."""


class BnnNuts(Bnn[BnnNutsConfig]):
    """Hamiltonian trajectories that end where they turn back; the step size is adapted in the warm-up."""

    def infer(self, problem: Problem) -> Inferred:
        """Draws from the posterior."""
        config = self.config

        def kernel(warmup: int) -> Hamiltonian:
            return Hamiltonian(
                "NUTS",
                warmup,
                config.target_accept,
                adapt_metric=config.metric == "adapted",
                max_tree_depth=config.max_tree_depth,
            )

        return sampled(
            config, problem, kernel, lambda start: tuning_of(config, problem, start, FIRST_STEP, config.metric)
        )
