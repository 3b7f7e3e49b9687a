"""The network that takes noise away: a residual perceptron of Equinox's layers, told the inputs and the level of the
noise."""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array

FREQUENCIES = 8
"""Cosines and sines of the level that the network sees."""


@dataclass(frozen=True)
class Shape:
    """What fixes the parameters of a denoiser.

    Attributes:
        inputs, outputs: D and L.
        width: units of every layer.
        blocks: residual blocks, of two layers each.
    """

    inputs: int
    outputs: int
    width: int
    blocks: int


class Block(eqx.Module):
    """h + B silu(s · (A h) + c), where s and c depend on the level of the noise."""

    first: eqx.nn.Linear
    second: eqx.nn.Linear
    modulation: eqx.nn.Linear

    def __init__(self, width: int, key: Array) -> None:
        """Layers in single precision."""
        keys = jax.random.split(key, 3)
        self.first = eqx.nn.Linear(width, width, dtype=jnp.float32, key=keys[0])
        self.second = eqx.nn.Linear(width, width, dtype=jnp.float32, key=keys[1])
        self.modulation = eqx.nn.Linear(2 * FREQUENCIES, 2 * width, dtype=jnp.float32, key=keys[2])

    def __call__(self, hidden: Float[Array, " w"], level: Float[Array, " f"]) -> Float[Array, " w"]:
        """The next hidden units."""
        scale, shift = jnp.split(self.modulation(level), 2)
        return hidden + self.second(jax.nn.silu((1 + scale) * self.first(hidden) + shift))


class Denoiser(eqx.Module):
    """The velocity v = α ε − σ y of noisy outputs α y + σ ε (Salimans and Ho, "Progressive distillation for fast
    sampling of diffusion models", 2022), at one point."""

    enter: eqx.nn.Linear
    blocks: tuple[Block, ...]
    leave: eqx.nn.Linear

    def __init__(self, shape: Shape, key: Array) -> None:
        """Layers in single precision."""
        keys = jax.random.split(key, shape.blocks + 2)
        seen = shape.inputs + shape.outputs
        self.enter = eqx.nn.Linear(seen, shape.width, dtype=jnp.float32, key=keys[0])
        self.blocks = tuple(Block(shape.width, own) for own in keys[1:-1])
        self.leave = eqx.nn.Linear(shape.width, shape.outputs, dtype=jnp.float32, key=keys[-1])

    def __call__(self, x: Float[Array, " D"], noisy: Float[Array, " L"], time: Float[Array, ""]) -> Float[Array, " L"]:
        """The velocity at inputs on [0, 1], where the noise has the level of a time from 0 (none) to 1 (all)."""
        angles = jnp.pi * time * jnp.arange(1, FREQUENCIES + 1, dtype=x.dtype)
        level = jnp.concatenate([jnp.cos(angles), jnp.sin(angles)])
        # Inputs that fill the domain evenly get unit variance, as the outputs have.
        hidden = self.enter(jnp.concatenate([12**0.5 * (x - 0.5), noisy]))
        for block in self.blocks:
            hidden = block(hidden, level)
        return self.leave(jax.nn.silu(hidden))


def blank(shape: Shape) -> Denoiser:
    """A denoiser of a shape without values."""
    return eqx.filter_eval_shape(Denoiser, shape, jax.random.key(0))


def begun(shape: Shape, random: np.random.Generator) -> Float[np.ndarray, " P"]:
    """Random parameters as one vector, by the law of Equinox's layers, whose own way takes seconds to compile."""

    def drawn(layer: eqx.nn.Linear) -> list[np.ndarray]:
        most = float(layer.weight.shape[1]) ** -0.5
        return [random.uniform(-most, most, leaf.shape).ravel() for leaf in jax.tree.leaves(layer)]

    layers = jax.tree.leaves(blank(shape), is_leaf=lambda part: isinstance(part, eqx.nn.Linear))
    return np.concatenate([part for layer in layers for part in drawn(layer)]).astype(np.float32)


def denoiser_of(shape: Shape, vector: Float[Array, " P"]) -> Denoiser:
    """The denoiser whose parameters a vector holds, layer after layer."""
    leaves, structure = jax.tree.flatten(blank(shape))
    ends = np.cumsum([leaf.size for leaf in leaves])
    parts = [vector[end - leaf.size : end].reshape(leaf.shape) for leaf, end in zip(leaves, ends, strict=True)]
    return jax.tree.unflatten(structure, parts)
