"""model=diffusion: outputs drawn by denoising given the inputs, by several small networks.

The spread of draws within a network is the noise that the data show; that between the networks' means is what the data
leave open (Lakshminarayanan et al., 2017, for other networks).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.config.schema.networks import DiffusionConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.canonical import DECIMALS, canonical_table, room_for
from binn_cli.models.compilation import Stopwatch
from binn_cli.models.cores import available_cores, mapped_ahead
from binn_cli.models.diffusion.denoiser import Shape
from binn_cli.models.diffusion.sampling import compiled_draws, compiled_moments, moments, normal_draws
from binn_cli.models.diffusion.training import Trained, trained
from binn_cli.models.pointwise import predict_pointwise
from binn_cli.models.surrogate import FitReport, Prediction, Tree
from binn_cli.models.units import Units

BATCH = 8192
"""Points that are predicted at once."""


@dataclass(frozen=True)
class FittedDiffusion:
    """Denoisers after their data.

    Attributes:
        shape: of every denoiser.
        members: (M, P) parameters of each.
        starts: (S, L) noise from which draws begin, the same at all points.
        steps: evaluations of the network for a draw.
        units: the maps of units.
        report: cost and diagnostics of the fit.
    """

    shape: Shape
    members: Float[np.ndarray, "M P"]
    starts: Float[np.ndarray, "S L"]
    steps: int
    units: Units
    report: FitReport

    def predict(self, axes: Sequence[Axis]) -> Prediction:
        """Mean of the draws; epistemic variance of the members' means; noise variance, that of a member's draws, which
        differs from point to point."""

        def evaluate(watch: Stopwatch, new: np.ndarray) -> tuple[np.ndarray, ...]:
            found = compiled_moments(watch, *self._arguments(new), shape=self.shape, steps=self.steps)
            return tuple(np.asarray(part, dtype=float) for part in found)

        return predict_pointwise(self.units, axes, None, BATCH, evaluate)

    def draws(self, points: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "draw n L"]:
        """Draws of the outputs at points, all in original units; M times S, member after member."""
        arguments = self._arguments(self.units.inputs(points, slice(None)))
        found = compiled_draws(Stopwatch(), *arguments, shape=self.shape, steps=self.steps)
        scaled = np.asarray(found, dtype=float).reshape(-1, len(points), self.shape.outputs)
        return scaled * self.units.outputs.scale + self.units.outputs.shift

    def _arguments(self, x: np.ndarray) -> tuple[np.ndarray, ...]:
        return self.members, np.round(x, DECIMALS).astype(np.float32), self.starts.astype(np.float32)

    def mean_function(self) -> Callable[[Any], Any]:
        """See `models.gradient.HasMeanFunction`."""
        members, starts = (jnp.asarray(part, jnp.float32) for part in (self.members, self.starts))
        return lambda x: moments(members, jnp.asarray(x, jnp.float32), starts, shape=self.shape, steps=self.steps)[0]

    def state(self) -> Tree:
        """Parameters, noise and units."""
        return {
            "kind": "diffusion",
            "shape": asdict(self.shape),
            "members": self.members,
            "starts": self.starts,
            "steps": self.steps,
            **self.units.tree(),
        }


@dataclass(frozen=True)
class Diffusion:
    """The denoising diffusion model with the given settings."""

    config: DiffusionConfig
    name: str = "diffusion"

    def fit(
        self,
        data: ProductData,
        warm_start: Any = None,
        *,
        domain: Float[np.ndarray, "D 2"] | None = None,
        capacity: int | None = None,
    ) -> FittedDiffusion:
        """Train every member; see `Surrogate.fit`. A warm start gives the weights from which training starts."""
        watch, began, config = Stopwatch(), time.perf_counter(), self.config
        shape = Shape(len(data.inputs), len(data.outputs), config.width, config.blocks)
        warm = warm_start if isinstance(warm_start, FittedDiffusion) and self._continues(warm_start, shape) else None
        units = warm.units if warm else Units.of(data, domain, config.output_scaling)
        x, y = canonical_table(units, data)
        room = room_for(data, capacity)

        def one(number: int) -> Trained:
            return trained(config, shape, x, y, room, number, warm.members[number] if warm else None, watch)

        found = list(mapped_ahead(one, range(config.members), min(config.members, available_cores())))
        members = np.stack([own.vector for own in found])
        diagnostics = {
            "n_parameters": np.array(members.size),
            "training_loss": _side_by_side([own.losses for own in found]),
            "held_out_loss": _side_by_side([own.held_out for own in found]),
        }
        report = FitReport(watch.compile_seconds, time.perf_counter() - began - watch.compile_seconds, diagnostics)
        starts = normal_draws(config.draws, shape.outputs, config.seed)
        return FittedDiffusion(shape, members, starts, config.sampling_steps, units, report)

    def _continues(self, warm: FittedDiffusion, shape: Shape) -> bool:
        """Whether training can go on from a surrogate."""
        return warm.shape == shape and len(warm.members) == self.config.members

    def from_state(self, state: Tree) -> FittedDiffusion:
        """The fitted surrogate that `FittedDiffusion.state` described."""
        shape = Shape(**{name: int(value) for name, value in state["shape"].items()})
        starts = np.asarray(state["starts"]).reshape(-1, shape.outputs)
        members = np.atleast_2d(state["members"])
        units = Units.from_tree(state)
        return FittedDiffusion(shape, members, starts, int(state["steps"]), units, FitReport(0.0, 0.0, {}))


def _side_by_side(rounds: Sequence[Float[np.ndarray, " r"]]) -> Float[np.ndarray, "M rounds"]:
    """The rounds of every member; NaN behind an early stop."""
    most = max(len(own) for own in rounds)
    return np.stack([np.pad(own, (0, most - len(own)), constant_values=np.nan) for own in rounds])
