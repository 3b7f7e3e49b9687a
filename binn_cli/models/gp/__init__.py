"""Gaussian processes: exact, on product grids, with inducing points, and local ones."""

import jax

# Covariance matrices of smooth kernels have condition numbers that float32 cannot hold.
jax.config.update("jax_enable_x64", True)
