"""Gaussian processes: exact, with inducing points, and on product grids."""

import jax

# Covariance matrices of smooth kernels have condition numbers that float32 cannot hold.
jax.config.update("jax_enable_x64", True)
