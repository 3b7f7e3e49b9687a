"""A fitted B-INN as nested names, arrays and scalars, and back: nothing is pickled."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from binn_cli.config.schema import BinnConfig
from binn_cli.models.binn.basis import Basis, BSplineBasis, GaussianBasis, HatBasis, StretchedBasis
from binn_cli.models.binn.chidenn import ChidennBasis, Patch
from binn_cli.models.binn.model import FittedBinn
from binn_cli.models.binn.posterior import DimensionPosterior
from binn_cli.models.normalization import InputMap, OutputMap
from binn_cli.models.surrogate import FitReport, Tree

if TYPE_CHECKING:
    from binn_cli.models.binn.tucker.fit import FittedTucker

KINDS: dict[str, type] = {"gaussian": GaussianBasis, "hat": HatBasis, "bspline": BSplineBasis, "chidenn": ChidennBasis}


def _width(kind: str) -> str:
    return "length" if kind == "gaussian" else "spacing"


def _basis_tree(basis: Basis) -> dict[str, Any]:
    if isinstance(basis, StretchedBasis):
        return {**_basis_tree(basis.basis), "rate": float(basis.rate)}
    kind = next(name for name, cls in KINDS.items() if isinstance(basis, cls))
    tree = {"kind": kind, "centers": np.asarray(basis.centers), _width(kind): float(getattr(basis, _width(kind)))}
    return {**tree, **asdict(basis.patch)} if isinstance(basis, ChidennBasis) else tree


def _basis(tree: Any) -> Basis:
    kind = str(tree["kind"])
    centers, width = jnp.asarray(tree["centers"]), jnp.asarray(float(tree[_width(kind)]))
    if kind == "chidenn":
        patch = Patch(int(tree["size"]), int(tree["order"]), float(tree["dilation"]))
        basis: Basis = ChidennBasis.of(centers, width, patch)
    else:
        basis = KINDS[kind](centers, width)
    return StretchedBasis(basis, jnp.asarray(float(tree["rate"]))) if "rate" in tree else basis


def to_tree(fitted: FittedBinn) -> Tree:
    """Everything that prediction reads."""
    dimensions = {}
    for d, (basis, dimension) in enumerate(zip(fitted.bases, fitted.dimensions, strict=True)):
        arrays = {name: np.asarray(value) for name, value in dimension._asdict().items()}
        dimensions[f"{d:03d}"] = {"basis": _basis_tree(basis), **arrays}
    return {
        "kind": "binn",
        "joint": int(fitted.joint),
        "noise": fitted.noise,
        "ranks": np.asarray(fitted.ranks),
        "input_low": fitted.inputs.low,
        "input_span": fitted.inputs.span,
        "output_shift": fitted.outputs.shift,
        "output_scale": fitted.outputs.scale,
        "dimensions": dimensions,
    }


def from_tree(tree: Any, config: BinnConfig) -> FittedBinn | FittedTucker:
    """The fitted surrogate that `to_tree` described; its report is empty, since nothing was fitted here.

    The hyperparameters are those with which a Tucker decomposition learns on.
    """
    if "tucker" in tree:
        from binn_cli.models.binn.tucker import serialization as tucker

        return tucker.from_tree(tree, config)
    entries = [tree["dimensions"][name] for name in sorted(tree["dimensions"])]
    return FittedBinn(
        bases=tuple(_basis(entry["basis"]) for entry in entries),
        dimensions=tuple(DimensionPosterior(*(jnp.asarray(entry[name]) for name in DimensionPosterior._fields)) for entry in entries),
        noise=np.asarray(tree["noise"]),
        inputs=InputMap(np.asarray(tree["input_low"]), np.asarray(tree["input_span"])),
        outputs=OutputMap(np.asarray(tree["output_shift"]), np.asarray(tree["output_scale"])),
        joint=bool(tree["joint"]),
        ranks=tuple(int(r) for r in np.atleast_1d(tree["ranks"])),
        report=FitReport(0.0, 0.0, {}),
    )
