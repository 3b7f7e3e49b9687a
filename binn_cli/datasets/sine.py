"""The paper's 1-D problem (Figs. 3 and 4): y = sin 3x + 0.3 cos 9x + noise at random points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from binn_cli.config.schema import SineConfig
from binn_cli.datasets.dataset import Announce, silent
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.random_streams import stream


def sine(x: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """The noise-free function sin 3x + 0.3 cos 9x."""
    return np.sin(3 * x) + 0.3 * np.cos(9 * x)


class Sine:
    """Scattered points of a noisy sine on one axis, `point`; each training point is a case of its own.

    Inputs, noise and order come from streams of their own: the same seed gives the same training points whatever the
    number of test points, and the first points of a larger training set are those of a smaller one.
    """

    name = "sine"
    size_parameter = "n_train"
    note = ""

    def __init__(self, config: SineConfig, seed: int) -> None:
        """Nothing is drawn before it is asked for."""
        self.config = config
        self.seed = seed
        self.initial_cases = config.initial_cases

    @cached_property
    def candidates(self) -> Axis:
        """The training points, uniform in the domain: (n_train, 1)."""
        return self._points("train", self.config.n_train)

    @property
    def held_out(self) -> tuple[int, ...]:
        """No row: the test points are drawn apart from the training points."""
        return ()

    @cached_property
    def order(self) -> Int[np.ndarray, " n"]:
        """A random order of all training points, for active learning."""
        order = stream(self.seed, "sine order").permutation(self.config.n_train)
        order.flags.writeable = False
        return order

    def label(self, cases: Sequence[int] | np.ndarray, announce: Announce = silent) -> ProductData:
        """The noisy values at the given training points; the same point always has the same noise."""
        rows = np.asarray(cases, dtype=int)
        return self._observed(self.candidates.taken(rows), self._train_noise[rows])

    def training(self, announce: Announce = silent) -> ProductData:
        """All n_train points, as drawn."""
        return self._observed(self.candidates, self._train_noise)

    def evaluation(self, announce: Announce = silent) -> Mapping[str, ProductData]:
        """`test`: n_test other points of the domain, with noise of the same variance if `test_noise` is set."""
        points = self._points("test", self.config.n_test)
        noise = self._noise("test", self.config.n_test) if self.config.test_noise else np.zeros(self.config.n_test)
        return {"test": self._observed(points, noise)}

    @cached_property
    def _train_noise(self) -> Float[np.ndarray, " n"]:
        return self._noise("train", self.config.n_train)

    def _points(self, split: str, n: int) -> Axis:
        low, high = self.config.domain
        return Axis("point", stream(self.seed, f"sine {split} x").uniform(low, high, n)[:, None], ("x",))

    def _noise(self, split: str, n: int) -> Float[np.ndarray, " n"]:
        noise = stream(self.seed, f"sine {split} noise").standard_normal(n)
        noise *= np.sqrt(self.config.noise_variance)
        return noise

    def _observed(self, points: Axis, noise: Float[np.ndarray, " n"]) -> ProductData:
        return ProductData((points,), (sine(points.points[:, 0]) + noise)[:, None], ("y",))
