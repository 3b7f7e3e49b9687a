"""The B-INN engine: bases, sufficient statistics, inference and posterior, in float64 throughout."""

import jax

# Noise-free simulation data asks for residuals far below single precision; every array of the engine is float64.
jax.config.update("jax_enable_x64", True)
