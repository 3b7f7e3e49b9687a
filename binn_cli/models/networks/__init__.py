"""Deterministic networks by gradient descent: what the Bayesian models are compared with."""

import jax

# The bases are those of the engine, which works in float64.
jax.config.update("jax_enable_x64", True)
