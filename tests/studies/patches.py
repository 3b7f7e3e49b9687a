"""What the patch of the C-HiDeNN basis should be: interpolation of a known function, and Poisson off the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from binn_cli.config.schema import BinnConfig, PoissonConfig
from binn_cli.datasets.poisson import Poisson
from binn_cli.metrics import score
from binn_cli.models.binn.bases.build import build_basis
from binn_cli.models.binn.bases.chidenn import Patch
from binn_cli.models.binn.surrogate import Binn
from binn_cli.tasks.evaluation import domain_of
from binn_cli.views.plots.style import COLOURS, LINES, MARKERS
from tests.studies.page import Study, decay, table

X = np.linspace(0.0, 1.0, 1001)


@dataclass(frozen=True)
class Tried:
    """One patch: interpolation error at each number of nodes, and off-grid RMSE on Poisson at each number of
    centres."""

    patch: Patch
    errors: Sequence[float]
    rmse: Sequence[float]

    @property
    def label(self) -> str:
        """s, p and, where it has an effect, a."""
        dilation = f", a = {self.patch.dilation:g}" if self.patch.order < 2 * self.patch.size else ""
        return f"s = {self.patch.size}, p = {self.patch.order}{dilation}"


def interpolation_error(patch: Patch, nodes: int) -> float:
    """Largest error where the values of sin(7 x + 0.4) at the nodes are known."""
    basis = build_basis("chidenn", nodes, 0, 1.0, patch=patch)
    return float(np.abs(np.asarray(basis(X)) @ np.sin(7 * np.asarray(basis.centers) + 0.4) - np.sin(7 * X + 0.4)).max())


def poisson_error(patch: Patch, centers: int, dataset: Poisson) -> float:
    """Off-grid RMSE of the default model with this number of nodes in each spatial input."""
    data = dataset.training()
    settings = {
        "basis": "chidenn",
        "centers": [centers] * 3 + [2],
        "patch": patch.size,
        "order": patch.order,
        "dilation": patch.dilation,
    }
    fitted = Binn(BinnConfig(**settings, stretch=0)).fit(data, domain=domain_of(dataset, data))
    split = dataset.evaluation()["offgrid"]
    return float(score(split.values, fitted.predict(split.axes))["rmse"][0])


def tried(patch: Patch, nodes: Sequence[int], centers: Sequence[int], dataset: Poisson) -> Tried:
    """Both errors of one patch."""
    return Tried(
        patch, [interpolation_error(patch, n) for n in nodes], [poisson_error(patch, c, dataset) for c in centers]
    )


PATCHES = (
    *(Patch(1, order, dilation) for order, dilation in ((1, 2.0), (1, 4.0), (2, 4.0))),
    *(Patch(2, order, dilation) for order, dilation in ((2, 2.0), (2, 4.0), (2, 8.0), (3, 2.0), (3, 4.0), (4, 4.0))),
    *(Patch(3, order, dilation) for order, dilation in ((3, 2.0), (3, 4.0), (5, 4.0), (6, 4.0))),
)


def study(
    patches: Sequence[Patch] = PATCHES,
    nodes: Sequence[int] = (9, 17, 33, 65),
    centers: Sequence[int] = (7, 8, 9, 12, 14, 16),
    dataset: Poisson | None = None,
) -> Study:
    """Every patch on both questions, ranked by the geometric mean of the errors on Poisson."""
    dataset = dataset or Poisson(PoissonConfig(offgrid_points=5000), 0)
    found = sorted((tried(p, nodes, centers, dataset) for p in patches), key=lambda t: float(np.mean(np.log(t.rmse))))
    rows = []
    for t in found:
        rate = f"{-decay([n - 1 for n in nodes], t.errors):.1f}"
        typical = float(np.exp(np.mean(np.log(t.rmse))))
        rows.append([t.label, f"{t.errors[-1]:.1e}", rate, *(f"{e:.1e}" for e in t.rmse), f"{typical:.1e}"])
    headings = [
        "patch",
        f"interpolation, {nodes[-1]} nodes",
        "rate",
        *(f"poisson, {c}" for c in centers),
        "geometric mean",
    ]
    default = next((i for i, t in enumerate(found) if t.patch == Patch()), None)
    place = "" if default is None else f"The default, {found[default].label}, is number {default + 1} of {len(found)}."
    text = f"""
s: nodes on either side of a patch's middle; p: highest power reproduced; a: dilation in spacings, without effect where
p = 2 s. Interpolation: largest error on sin(7 x + 0.4) with known values at the nodes; the rate is that over
{", ".join(map(str, nodes))} nodes and should be p + 1. Poisson: RMSE off the grid of a fit with this number of nodes in
each spatial input ({dataset.config.grid} points each). Sorted by the geometric mean over those.

{table(headings, rows)}

- Interpolation alone is the better the larger the patch and the higher the order. A fit also has to find the values at
the s nodes beyond either end, which few data determine: where nodes and those beyond are about as many as points, the
error is erratic.
- {place}
"""
    return Study("The patch of the C-HiDeNN basis", text, _figure(found, nodes, centers))


def _figure(found: Sequence[Tried], nodes: Sequence[int], centers: Sequence[int]) -> Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = (figure.add_subplot(1, 2, i) for i in (1, 2))
    for i, t in enumerate(found):
        colour, marker, line = COLOURS[i % 6], MARKERS[t.patch.size], LINES[i // 6 % 4]
        left.loglog(nodes, t.errors, marker=marker, color=colour, linestyle=line, linewidth=1, label=t.label)
        right.semilogy(centers, t.rmse, marker=marker, color=colour, linestyle=line, linewidth=1)
    left.set(title="Interpolation of sin(7 x + 0.4)", xlabel="nodes", ylabel="largest error")
    left.set_xticks(nodes, [str(n) for n in nodes])
    left.minorticks_off()
    right.set(title="Poisson, off the grid", xlabel="nodes in each spatial input", ylabel="RMSE")
    left.legend(fontsize=6.5, ncols=2)
    return figure
