"""Markov chains over a network's vector: one loop for every kernel, compiled once, interruptible, and recorded in
function space."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from binn_cli.models.bnn.density import Density, Points
from binn_cli.models.compilation import CompiledFunction, Stopwatch

AT_ONCE_SECONDS = 2.0
"""About how long a call into compiled code lasts, in which Ctrl-C has to wait."""

LONGEST = 64
"""Draws that one such call records at most."""

VECTORISED_POINTS = 2048
"""Up to so many points, chains advance side by side; with more, one chain alone fills the processor, and side by side
they took twice as long as one after the other (measured on 32,768 points, 2 cores)."""


class Kernel(Protocol):
    """A transition that leaves the posterior invariant; hashable, since it is compiled in.

    `tuning` is a dictionary of arrays (a step size, a mass matrix) that a chain starts from.
    """

    def init(self, key: Array, vector: Array, tuning: Mapping[str, Array], points: Points, density: Density) -> Any:
        """State of one chain at a vector."""
        ...

    def step(self, state: Any, points: Points, density: Density) -> Any:
        """The next state."""
        ...

    def rows(self, available: int) -> int:
        """With how many of the points a step computes at one time."""
        ...

    def vector(self, state: Any) -> Array:
        """Where the chain is."""
        ...

    def statistics(self, state: Any) -> dict[str, Array]:
        """What the last transition was like: scalars by name, `log_density` among them."""
        ...

    def tuning(self, state: Any) -> dict[str, Array]:
        """What was adapted, for a warm start."""
        ...


class Chains(NamedTuple):
    """What sampling left.

    Attributes:
        vectors: (chain, kept, P) draws, evenly thinned.
        traces: (chain, draw, …) function at the reference points, log density, log noise and the kernel's statistics,
            of all draws.
        last: (chain, P) where the chains ended.
        tuning: (chain, …) what was adapted.
        seconds: seconds of warm-up and of sampling, without compilation.
    """

    vectors: Float[np.ndarray, "chain kept P"]
    traces: dict[str, np.ndarray]
    last: Float[np.ndarray, "chain P"]
    tuning: dict[str, np.ndarray]
    seconds: tuple[float, float]


@dataclass(frozen=True)
class Lengths:
    """Draws of warm-up, draws behind it, and how many of those are kept over all chains."""

    warmup: int
    samples: int
    keep: int


def _each(function: Callable[..., Any], side_by_side: bool) -> Callable[..., Any]:
    return jax.vmap(function) if side_by_side else lambda *trees: jax.lax.map(lambda tree: function(*tree), trees)


def _begin(
    keys: Array,
    vectors: Array,
    tuning: Mapping[str, Array],
    points: Points,
    *,
    kernel: Kernel,
    density: Density,
    side_by_side: bool,
) -> Any:
    return _each(lambda key, vector, tuned: kernel.init(key, vector, tuned, points, density), side_by_side)(
        keys, vectors, tuning
    )


def _advance(
    states: Any,
    count: Array,
    points: Points,
    references: Array,
    *,
    kernel: Kernel,
    density: Density,
    side_by_side: bool,
) -> tuple[Any, dict[str, Array]]:
    """`count` transitions of every chain, recorded in the first `count` rows of buffers of `LONGEST`."""

    def recorded(state: Any) -> dict[str, Array]:
        vector = kernel.vector(state)
        function = density.function(vector, references).reshape(-1)
        return {
            "vector": vector,
            "function": function,
            "log_noise": density.log_noise(vector),
            **kernel.statistics(state),
        }

    def one_chain(state: Any) -> tuple[Any, dict[str, Array]]:
        """The state after `count` steps, and what was recorded of each."""
        buffers = jax.tree.map(
            lambda leaf: jnp.zeros((LONGEST, *leaf.shape), leaf.dtype), jax.eval_shape(recorded, state)
        )

        def body(i: Array, carry: tuple[Any, dict[str, Array]]) -> tuple[Any, dict[str, Array]]:
            state, buffers = carry
            state = kernel.step(state, points, density)
            return state, jax.tree.map(lambda buffer, leaf: buffer.at[i].set(leaf), buffers, recorded(state))

        return jax.lax.fori_loop(0, count, body, (state, buffers))

    return _each(one_chain, side_by_side)(states)


begin, advance = CompiledFunction(_begin), CompiledFunction(_advance)


def sample(
    kernel: Kernel,
    density: Density,
    points: Points,
    references: Array,
    start: Float[np.ndarray, "chain P"],
    tuning: Mapping[str, np.ndarray],
    lengths: Lengths,
    seed: int,
    watch: Stopwatch,
) -> Chains:
    """Run chains from their starts.

    Args:
        kernel: the transition; its warm-up, if it has one, must be as long as `lengths.warmup`.
        density: what is sampled.
        points: the training points.
        references: (r, D) inputs at which the function is recorded.
        start: (chain, P) where each chain begins.
        tuning: (chain, …) what each chain's kernel starts from.
        lengths: how long.
        seed: of all that is random.
        watch: takes the time that compiling costs.
    """
    static = {"kernel": kernel, "density": density, "side_by_side": kernel.rows(len(points.x)) <= VECTORISED_POINTS}
    states = begin(watch, jax.random.split(jax.random.key(seed), len(start)), start, tuning, points, **static)
    seconds: list[float] = []
    found = Recorded(every=max(1, len(start) * lengths.samples // lengths.keep))
    for total in (lengths.warmup, lengths.samples):
        began, compiled = time.perf_counter(), watch.compile_seconds
        done, at_once = 0, 1
        while done < total:
            count = min(at_once, total - done, LONGEST)
            once = time.perf_counter()
            before = watch.compile_seconds
            states, records = advance(watch, states, count, points, references, **static)
            took = time.perf_counter() - once - (watch.compile_seconds - before)
            if total is lengths.samples and len(seconds) == 1:
                found.add({name: np.asarray(values[:, :count]) for name, values in records.items()}, done)
            done += count
            # Longer or shorter, so that the next call lasts about as long as it should.
            at_once = int(np.clip(at_once * AT_ONCE_SECONDS / max(took, 1e-9), 1, LONGEST))
        seconds.append(time.perf_counter() - began - (watch.compile_seconds - compiled))
    last, tuned = _ends(kernel, states)
    traces = found.traces()
    return Chains(traces.pop("vector"), traces, last, tuned, (seconds[0], seconds[1]))


class Recorded:
    """Records of successive calls, of which only every so many vectors are kept."""

    def __init__(self, every: int) -> None:
        """`every` says how thinly vectors are kept."""
        self._every = every
        self._parts: dict[str, list[np.ndarray]] = {}

    def add(self, records: dict[str, np.ndarray], first: int) -> None:
        """Records (chain, draw, …) whose first draw is the `first` of its chain."""
        draws = first + 1 + np.arange(records["vector"].shape[1])
        for name, values in records.items():
            kept = values[:, draws % self._every == 0] if name == "vector" else values
            self._parts.setdefault(name, []).append(kept)

    def traces(self) -> dict[str, np.ndarray]:
        """All of them, one behind the other."""
        return {name: np.concatenate(parts, axis=1) for name, parts in self._parts.items()}


def _ends(kernel: Kernel, states: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    last, tuned = jax.vmap(lambda state: (kernel.vector(state), kernel.tuning(state)))(states)
    return np.asarray(last), {name: np.asarray(values) for name, values in tuned.items()}
