"""A fitted B-INN as named arrays: what the evaluators in NumPy and C read. The names stand in the README.md of every
export."""

from __future__ import annotations

from typing import Any

import numpy as np

from binn_cli.config.schema.kinds import Kind
from binn_cli.errors import BinnError
from binn_cli.models.binn.bases.base import Basis
from binn_cli.models.binn.bases.build import basis_tree
from binn_cli.models.binn.bases.chidenn import ChidennBasis
from binn_cli.models.binn.bases.mirrored import MirroredBasis
from binn_cli.models.binn.bases.stretched import StretchedBasis
from binn_cli.models.binn.cp.blocks import BlockPosterior
from binn_cli.models.binn.cp.features import Features
from binn_cli.models.binn.cp.posterior import CpPosterior
from binn_cli.models.binn.fitted import FittedBinn
from binn_cli.models.binn.limit.factors import KernelFactors
from binn_cli.models.binn.limit.process import Process
from binn_cli.models.binn.mixture import Member, Mixture
from binn_cli.models.binn.tucker.cells import AxisCells
from binn_cli.models.binn.tucker.fields import AxisFunctions, NodalFunctions
from binn_cli.models.binn.tucker.limit_functions import CasePolynomials, LimitFunctions
from binn_cli.models.binn.tucker.posterior import Functions, TuckerPosterior
from binn_cli.models.encoded import FittedEncoded
from binn_cli.models.encoding import PLAIN
from binn_cli.models.multifidelity import FittedOnCheap
from binn_cli.models.scope import Scope

FORMAT = "binn-evaluator/1"

Arrays = dict[str, Any]


def flattened(fitted: Any, name: str, scope: Scope) -> Arrays:
    """All arrays of an evaluator by name.

    Args:
        fitted: the surrogate.
        name: that of its model, for the sentence where it cannot be exported.
        scope: names, units and ranges.

    Raises:
        BinnError: if the model cannot be exported.
    """
    if isinstance(fitted, FittedOnCheap):
        raise BinnError(
            "a surrogate on top of a cheap solver (dataset.cheap) cannot be exported; use binn predict or binn serve"
        )
    kinds: tuple[Kind, ...] = (PLAIN,) * len(scope.inputs)
    if isinstance(fitted, FittedEncoded):
        fitted, kinds = fitted.inner, fitted.encoding.kinds
    if not isinstance(fitted, FittedBinn):
        raise BinnError(
            f"model={name} cannot be exported, only binn can; use binn predict or binn_cli.load for other models"
        )
    if fitted.fields:
        raise BinnError(
            "a surrogate with model.noise=varying cannot be exported; take model.noise=learned, or use binn predict"
        )
    found: Arrays = {"format": FORMAT, **{key: np.array(getattr(scope, key), dtype=str) for key in TEXTS}}
    found |= {"low": scope.low, "high": scope.high, **_kinds(kinds), **fitted.units.tree()}
    found |= {"noise": fitted.noise, "calibration": fitted.calibration}
    for k, posterior in enumerate(fitted.posteriors):
        found |= _mixture(f"{k}/", posterior) if isinstance(posterior, Mixture) else _tucker(f"{k}/", posterior)
    return {key: np.asarray(value) for key, value in found.items()}


TEXTS = ("inputs", "input_units", "outputs", "output_units")


def _kinds(kinds: tuple[Kind, ...]) -> Arrays:
    levels = {f"levels_{d}": np.array(kind.levels) for d, kind in enumerate(kinds) if kind.choices}
    return {
        "kinds": np.array([kind.name for kind in kinds]),
        "periods": np.array([kind.period for kind in kinds]),
        **levels,
    }


def _mixture(at: str, mixture: Mixture) -> Arrays:
    found: Arrays = {
        f"{at}kind": "mixture",
        f"{at}weights": np.array([w for _, w in mixture.members]),
        f"{at}widening": mixture.widening,
    }
    for m, (member, _) in enumerate(mixture.members):
        found |= _member(f"{at}{m}/", member)
    return found


def _member(at: str, member: Member) -> Arrays:
    if isinstance(member, Process):
        return {f"{at}kind": "limit", **_process(at, member)}
    if isinstance(member, BlockPosterior):
        return _blocks(at, member)
    assert isinstance(member, CpPosterior)
    weights, intercept = member.unpacked
    found: Arrays = {f"{at}kind": "products", f"{at}intercept": np.array([] if intercept is None else [intercept])}
    found |= {
        f"{at}prior": member.laplace.scale,
        f"{at}vectors": member.laplace.vectors,
        f"{at}shrinkage": member.laplace.shrinkage,
    }
    for d, (features, own) in enumerate(zip(member.features, weights, strict=True)):
        found |= {**_features(f"{at}{d}/", features), f"{at}{d}/weights": own}
    return found


def _blocks(at: str, member: BlockPosterior) -> Arrays:
    first, second, pair_weights = member._pairs()
    found: Arrays = {
        f"{at}kind": "blocks",
        f"{at}first": first,
        f"{at}second": second,
        f"{at}pair_weights": pair_weights,
    }
    for d, (features, mean, covariance) in enumerate(
        zip(member.features, member.means, member.covariances, strict=True)
    ):
        found |= {**_features(f"{at}{d}/", features), f"{at}{d}/weights": mean}
        found[f"{at}{d}/covariances"] = covariance[:, first, :, second]
    return found


def _process(at: str, process: Process) -> Arrays:
    dimensions, factors = process.points.shape[1], process.factors
    polynomials = KernelFactors.of(process.points, process.draws, process.smoothness)
    found: Arrays = {}
    if polynomials is not None:
        found = {f"{at}logarithms": polynomials.coefficients, f"{at}counts": np.array(polynomials.counts)}
    return found | {
        f"{at}points": process.points, f"{at}rates": process.rates, f"{at}smoothness": process.smoothness,
        f"{at}shift": process.shift, f"{at}scale": process.scale,
        f"{at}rates_of_change": np.exp(-process.draws[:, :dimensions]),
        f"{at}shares": 1.0 / (1.0 + np.exp(-process.draws[:, dimensions : 2 * dimensions])),
        f"{at}signal": np.exp(process.draws[:, -2]),
        f"{at}solved": np.stack([solved for _, solved in factors]),
        f"{at}inverse": np.stack([inverse for inverse, _ in factors]),
    }  # fmt: skip


def _features(at: str, features: Features) -> Arrays:
    return {**_basis(at, features.basis), f"{at}transform": features.transform, f"{at}constant": features.constant}


def _basis(at: str, basis: Basis) -> Arrays:
    inner, rate = (basis.basis, basis.rate) if isinstance(basis, StretchedBasis) else (basis, 0.0)
    tree = basis_tree(inner)
    width = tree["length"] if tree["kind"] == "gaussian" else tree["spacing"]
    found = {f"{at}basis": tree["kind"], f"{at}centers": tree["centers"], f"{at}width": width, f"{at}rate": rate}
    if isinstance(inner, MirroredBasis):
        found[f"{at}images"] = np.array(inner.images)
    if isinstance(inner, ChidennBasis):
        found |= {f"{at}coefficients": inner.coefficients, f"{at}dilation": inner.dilation}
    return found


def _tucker(at: str, posterior: TuckerPosterior) -> Arrays:
    found: Arrays = {
        f"{at}kind": "tucker", f"{at}widths": np.array(posterior.widths), f"{at}core": posterior.core,
        f"{at}core_variance": posterior.core_variance,
    }  # fmt: skip
    for axis, (functions, vectors) in enumerate(zip(posterior.functions, posterior.core_vectors, strict=True)):
        found |= _axis(f"{at}{axis}/", functions) | _polynomials(f"{at}{axis}/", posterior.polynomials(axis))
        found |= {f"{at}{axis}/core_vectors": vectors, f"{at}{axis}/directions": functions.directions}
    return found


MOST_COEFFICIENTS = 128
"""Longest polynomial that the C version has room for."""


def _polynomials(at: str, quick: AxisCells | CasePolynomials | None) -> Arrays:
    """What stands for the functions of an axis at many points; the C version evaluates that."""
    if isinstance(quick, AxisCells):
        return {
            f"{at}cells": quick.mean, f"{at}spread_cells": quick.spread, f"{at}cells_begin": quick.first,
            f"{at}cells_width": quick.spacing,
        }  # fmt: skip
    if quick is None or max(part.strips.shape[2] for part in (quick.mean, quick.spread)) > MOST_COEFFICIENTS:
        return {}
    found: Arrays = {f"{at}strip_rates": quick.rates}
    for name, part in (("", quick.mean), ("spread_", quick.spread)):
        found[f"{at}{name}strips"] = part.strips.swapaxes(1, 2)
        found[f"{at}{name}strips_first"] = part.inputs[0]
        if part.factor is not None:
            found[f"{at}{name}factor"] = part.factor
    return found


def _axis(at: str, functions: Functions) -> Arrays:
    if isinstance(functions, LimitFunctions):
        found: Arrays = {f"{at}kind": "limit", f"{at}count": len(functions.processes)}
        for q, process in enumerate(functions.processes):
            found |= _process(f"{at}{q}/", process)
        return found
    if isinstance(functions, NodalFunctions):
        names: tuple[str, ...] = ("nodes", "values", "variance", "between")
        return {f"{at}kind": "nodes", **{f"{at}{name}": getattr(functions, name) for name in names}}
    assert isinstance(functions, AxisFunctions)
    names = ("weights", "seen", "span", "variance", "prior")
    return {
        f"{at}kind": "basis",
        **_basis(at, functions.basis),
        **{f"{at}{name}": getattr(functions, name) for name in names},
    }
