"""model=bnn_hmc: Hamiltonian Monte Carlo with a fixed number of leapfrog steps, by NumPyro."""

from __future__ import annotations

from binn_cli.config.schema.bnn import BnnHmcConfig
from binn_cli.models.bnn.hamiltonian import Hamiltonian
from binn_cli.models.bnn.mcmc import sampled, tuning_of
from binn_cli.models.bnn.surrogate import Bnn, Inferred, Problem


class BnnHmc(Bnn[BnnHmcConfig]):
    """Trajectories of `leapfrog` steps; the step size is adapted in the warm-up, or stays as stated."""

    def infer(self, problem: Problem) -> Inferred:
        """Draws from the posterior."""
        config = self.config

        def kernel(warmup: int) -> Hamiltonian:
            return Hamiltonian(
                "HMC",
                warmup,
                config.target_accept,
                adapt_step=config.adapt,
                adapt_metric=config.metric == "adapted",
                leapfrog=config.leapfrog,
            )

        return sampled(
            config, problem, kernel, lambda start: tuning_of(config, problem, start, config.step, config.metric)
        )
