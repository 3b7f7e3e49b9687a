"""A conditional denoising diffusion model: outputs are drawn by taking noise away, given the inputs."""

import jax

# As in the other networks; the denoiser itself computes in single precision.
jax.config.update("jax_enable_x64", True)
