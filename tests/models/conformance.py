"""What the conformance suite of the models runs on: one `Entry` a model, and the small data that all of them learn
from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir

from binn_cli import build
from binn_cli.config.compose import validated
from binn_cli.config.schema import PoissonConfig, SineConfig
from binn_cli.config.store import conf_directory, register
from binn_cli.datasets.poisson import Poisson
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.sine import Sine
from binn_cli.models.surrogate import FittedSurrogate, Surrogate

CHECKS = ("learns", "permuted", "rescaled", "same_seed", "warm")
"""Checks that an entry may be excepted from, with a reason; the others hold for every model."""


@dataclass(frozen=True)
class Entry:
    """A model as the suite builds it: at smoke effort, with settings that make it smaller still.

    Attributes:
        model: the option of the `model` group.
        settings: leaves of the model, by name.
        exceptions: for each check of `CHECKS` that the model need not pass, the reason.
        tolerance: how far predictions may differ after a permutation or a change of units, over the standard deviation
            of the output.
        warm_factor: how much larger the error may be after a warm start on the same data.
        error: largest error on the training points, over the standard deviation of the output.
    """

    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    exceptions: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 1e-6
    warm_factor: float = 1.5
    error: float = 0.8


SMALL = {"widths": "[16,16]"}
"""A network that takes seconds to compile and to fit."""


MODELS = (
    # Its default only scales the outputs, so that homogeneous boundary values stay at the prior mean: a shift of the
    # units then matters.
    Entry("binn", {"modes": 2, "centers": 8, "length": 1.5, "padding": 1, "stretch": 0, "output_scaling": "standard"}),
    Entry("binn_paper", {"modes": 2, "centers": 8, "length": 1.5, "padding": 1}),
    Entry("bnn_nuts", SMALL),
    Entry("bnn_hmc", SMALL),
    Entry("bnn_vi", SMALL),
    Entry("bnn_map", SMALL),
    Entry("bnn_ensemble", SMALL),
    Entry("bnn_mh", SMALL),
    Entry("bnn_laplace", SMALL),
    Entry("bnn_sgld", SMALL),
    Entry("bnn_swag", SMALL),
    # Its search ends where round-off, and with it the order of the rows, says.
    Entry("gp", {"iterations": 30}, tolerance=1e-4),
    # Its default only scales the outputs too.
    Entry("gp_grid", {"iterations": 30, "output_scaling": "standard"}, tolerance=1e-3),
    # Near-equal inducing points make its matrices as singular as its jitter allows.
    # The waves of `grid` need more inducing points than smoke effort has.
    Entry("gp_sparse", {"iterations": 30, "inducing": 150}, tolerance=1e-3),
    Entry("gp_local", {"iterations": 30}, tolerance=1e-4),
    # Its threads add in an order of their own, and its search ends where round-off says.
    Entry("gp_vecchia", {"output_scaling": "standard"}, tolerance=1e-3),
    *(Entry(name) for name in ("mlp", "kan")),
    # At its own step length the machine decides whether smoke effort leaves the plateau on which a product starts.
    Entry("inn", {"learning_rate": 0.03}),
    Entry("diffusion", {"width": 24, "blocks": 2, "members": 2}),
)
"""Every model of the program; a new one is a line here."""


def built(entry: Entry) -> Surrogate:
    """The model at smoke effort."""
    register()
    leaves = [f"model.{name}={value}" for name, value in entry.settings.items()]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
        composed = compose("config", [f"model={entry.model}", "budget=smoke", "dataset=sine", *leaves])
    return build.model(validated(composed))


@cache
def line() -> ProductData:
    """Forty noisy points of one input, one output."""
    return Sine(SineConfig(n_train=40), 3).training()


@cache
def grid() -> ProductData:
    """Five cases on a grid of 5 x 5 x 5 points, two outputs that differ in size and in shape; waves that so few points
    resolve."""
    waves = {"wave_numbers": [[1, 2, 1], [2, 1, 1]], "coefficients": [1.0, 0.8]}
    data = Poisson(PoissonConfig(grid=5, candidates=20, train_cases=5, test_cases=2, **waves), 3).training()
    values = np.concatenate([data.values, 100 * np.abs(data.values) + 7], axis=-1)
    return ProductData(data.axes, values, ("u", "size"))


def permuted(data: ProductData, seed: int = 0) -> ProductData:
    """The same data with the points of the last axis in another order."""
    *others, last = data.axes
    order = np.random.default_rng(seed).permutation(last.size)
    return replace(data, axes=(*others, last.taken(order)), values=np.take(data.values, order, axis=len(others)))


def rescaled(data: ProductData) -> ProductData:
    """The same data in other units: x -> 1000 x + 5, y -> 0.01 y - 3."""
    return replace(data, axes=tuple(stretched(axis) for axis in data.axes), values=0.01 * data.values - 3)


def stretched(axis: Axis) -> Axis:
    """The axis in other units."""
    return replace(axis, points=1000 * axis.points + 5)


@cache
def fitted(entry: int, shape: str, again: int = 0) -> FittedSurrogate:
    """The model of an entry after the data `line` or `grid`, fitted once for all tests; `again` asks for another
    fit."""
    return built(MODELS[entry]).fit({"line": line, "grid": grid}[shape]())
