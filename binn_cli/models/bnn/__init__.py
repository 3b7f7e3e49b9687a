"""Bayesian neural networks: one network and one log density, and many ways to infer its weights."""

import jax

# Positions of the samplers and sums over points are in float64; the network itself computes in the precision that is
# asked for.
jax.config.update("jax_enable_x64", True)
