"""A fitted Tucker decomposition as nested names, arrays and scalars, and back: that of its factors, and a group `tucker` beside them."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis
from binn_cli.models.binn import serialization
from binn_cli.models.binn.history import History
from binn_cli.models.binn.model import FittedBinn
from binn_cli.models.binn.tucker.fit import FittedTucker
from binn_cli.models.binn.tucker.posterior import CoreDistribution
from binn_cli.models.surrogate import Tree


def to_tree(fitted: FittedTucker) -> Tree:
    """Everything that prediction reads."""
    factors = FittedBinn(
        fitted.bases,
        fitted.dimensions,
        fitted.noise,
        fitted.inputs,
        fitted.outputs,
        fitted.joint,
        fitted.ranks,
        fitted.report,
    )
    core = {
        "mean": np.asarray(fitted.core.mean),
        "variance": np.asarray(fitted.core.variance),
        "vectors": {f"{a:03d}": np.asarray(vectors) for a, vectors in enumerate(fitted.core.vectors)},
        "widths": np.asarray(fitted.widths),
        "chosen_at": np.asarray(fitted.chosen_at),
    }
    tree = {**serialization.to_tree(factors), "tucker": core}
    return tree if fitted.history is None else {**tree, "history": history_tree(fitted.history)}


def history_tree(history: History) -> Tree:
    """The projected cases and their axes."""
    axes = {
        f"{a:03d}": {"name": axis.name, "points": axis.points, "coordinates": ",".join(axis.coordinates), "units": ",".join(axis.units)}
        for a, axis in enumerate(history.axes)
    }
    return {"axes": axes, "tensor": history.tensor, "energy": history.energy}


def history_from(tree: Any) -> History:
    """The history that `history_tree` described; which data it was made of is not known any more."""
    axes = []
    for name in sorted(tree["axes"]):
        axis = tree["axes"][name]
        names, units = (tuple(str(axis[key]).split(",")) for key in ("coordinates", "units"))
        axes.append(Axis(str(axis["name"]), np.asarray(axis["points"]), names, units))
    return History(tuple(axes), np.asarray(tree["tensor"]), np.asarray(tree["energy"]))


def from_tree(tree: Any, config: BinnConfig) -> FittedTucker:
    """The fitted surrogate that `to_tree` described; its report is empty, since nothing was fitted here."""
    factors = serialization.from_tree({name: value for name, value in tree.items() if name != "tucker"}, config)
    assert isinstance(factors, FittedBinn)
    core = tree["tucker"]
    vectors = tuple(jnp.asarray(core["vectors"][name]) for name in sorted(core["vectors"]))
    return FittedTucker(
        bases=factors.bases,
        dimensions=factors.dimensions,
        core=CoreDistribution(jnp.asarray(core["mean"]), vectors, jnp.asarray(core["variance"])),
        widths=tuple(int(w) for w in np.atleast_1d(core["widths"])),
        noise=factors.noise,
        inputs=factors.inputs,
        outputs=factors.outputs,
        joint=factors.joint,
        ranks=factors.ranks,
        chosen_at=tuple(int(n) for n in np.atleast_1d(core["chosen_at"])),
        history=history_from(tree["history"]) if "history" in tree else None,
        config=config,
        report=factors.report,
    )
