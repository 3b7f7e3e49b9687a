"""Compressed cases, and the gauge of their decomposition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from binn_cli.datasets.product import ProductData
from binn_cli.models.binn.multilinear import multi_mode_dot, unfold
from binn_cli.models.binn.tucker.axes import GridAxis
from binn_cli.models.binn.tucker.cases import Cases
from binn_cli.models.binn.tucker.gauge import orthonormalise, rotate
from binn_cli.models.normalization import OutputMap
from tests.models.problems import problem

MAP = OutputMap(np.zeros(1), np.ones(1))


def _part(data: ProductData, cases: slice) -> ProductData:
    kept = np.arange(data.axes[-1].size)[cases]
    return replace(data, axes=(*data.axes[:-1], data.axes[-1].taken(kept)), values=data.values[..., kept, :])


def _whole(cases: Cases) -> np.ndarray:
    return multi_mode_dot(cases.tensor, [None, *cases.spans, None])


def test_cases_that_come_later_are_as_if_they_had_been_there() -> None:
    data = problem("mixed", noise=1e-3)
    together = Cases.of(data, MAP, 1e-12)
    later = Cases.of(_part(data, slice(0, 5)), MAP, 1e-12).extended(_part(data, slice(5, None)), MAP)
    values = np.moveaxis(data.values, -1, 0)
    np.testing.assert_allclose(_whole(together), values, atol=1e-10)
    np.testing.assert_allclose(_whole(later), values, atol=1e-10)
    np.testing.assert_allclose(later.energy, together.energy, rtol=1e-12)
    assert later.count == data.n_points


def test_cases_survive_their_own_description() -> None:
    cases = Cases.of(problem("mixed"), MAP, 1e-12)
    again = Cases.from_tree(cases.tree())
    assert again.axes[-1].coordinates == cases.axes[-1].coordinates
    np.testing.assert_array_equal(_whole(again), _whole(cases))


def test_the_gauge_changes_nothing_and_makes_slices_orthogonal() -> None:
    rng = np.random.default_rng(0)
    means = [rng.standard_normal((3, 8)), rng.standard_normal((4, 9))]
    core = rng.standard_normal((3, 4))
    axes = []
    for mean in means:
        u, s, v = np.linalg.svd(rng.standard_normal((12, mean.shape[1])), full_matrices=False)
        axes.append(GridAxis(u, s**2, v.T, np.zeros((0, mean.shape[1]))))
    changes = rotate(
        core, [orthonormalise(axis, mean, np.ones(len(mean))) for axis, mean in zip(axes, means, strict=True)]
    )
    new = [change.forward @ mean for change, mean in zip(changes, means, strict=True)]
    turned = multi_mode_dot(core, [change.inverse.T for change in changes])
    before, after = (multi_mode_dot(c, [m.T for m in ms]) for c, ms in ((core, means), (turned, new)))
    np.testing.assert_allclose(after, before, atol=1e-10)
    for a, (axis, mean) in enumerate(zip(axes, new, strict=True)):
        gram = axis.gram(mean)
        np.testing.assert_allclose(gram, np.trace(gram) / len(gram) * np.eye(len(gram)), atol=1e-8 * np.trace(gram))
        slices = unfold(turned, a)
        np.testing.assert_allclose(slices @ slices.T, np.diag(np.diag(slices @ slices.T)), atol=1e-9)
