"""A case on its surface: truth, prediction, error and predicted standard deviation, in plan view and seen obliquely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation

from binn_cli.results.record import RunRecord
from binn_cli.results.surface import SurfacePrediction
from binn_cli.views.plots.style import GREY, panels, verbatim

VALUES, ERROR, SPREAD = "viridis", "RdBu_r", "magma"

_TRIM = 0.5
"""Per cent of the points at either end that colours do not distinguish: a few at the leading edge would take up the
whole scale."""

_AZIMUTH, _ELEVATION = np.radians(215.0), np.radians(35.0)
"""Where the oblique view is taken from: ahead, to port and above."""


@dataclass(frozen=True)
class Panel:
    """One quantity on the surface.

    Attributes:
        title: what it is.
        values: (n,) at the points.
        colours: name of the colour map.
        limits: the values of its ends.
    """

    title: str
    values: Float[np.ndarray, " n"]
    colours: str
    limits: tuple[float, float]


def plan(record: RunRecord) -> Figure | None:
    """The upper side on the starboard half and the lower side on the port half, from above; None where there is no
    surface."""
    surface = record.surface
    if surface is None:
        return None
    x, y, _ = surface.points.T
    normal = _facing(surface, np.array([0.0, 0.0, 1.0]))
    starboard = surface.points[surface.triangles].mean(axis=1)[:, 1] >= 0
    shown = surface.triangles[(normal > 0) == starboard]
    figure, axes = _figure(record, surface, "plan view", height=1.9)
    for ax, panel in zip(axes, _panels(surface), strict=True):
        _coloured(figure, ax, np.stack([y, -x], axis=1), shown, panel)
        ax.axvline(0, color=GREY, linewidth=0.5, linestyle=":")
        ax.text(0.02, 0.02, "lower side", transform=ax.transAxes, fontsize=6, color=GREY)
        ax.text(0.98, 0.02, "upper side", transform=ax.transAxes, fontsize=6, color=GREY, ha="right")
    return figure


def oblique(record: RunRecord) -> Figure | None:
    """The side that faces the viewer, in parallel projection from ahead and above; None where there is no surface."""
    surface = record.surface
    if surface is None:
        return None
    towards = np.array(
        [np.cos(_AZIMUTH) * np.cos(_ELEVATION), np.sin(_AZIMUTH) * np.cos(_ELEVATION), np.sin(_ELEVATION)]
    )
    right = np.array([-np.sin(_AZIMUTH), np.cos(_AZIMUTH), 0.0])
    upward = np.cross(towards, right)
    facing = surface.triangles[_facing(surface, towards) > 0]
    # Farther triangles are drawn first, so that nearer ones cover them.
    depth = surface.points[facing].mean(axis=1) @ towards
    figure, axes = _figure(record, surface, "seen from ahead and above", height=1.7)
    for ax, panel in zip(axes, _panels(surface), strict=True):
        _coloured(
            figure,
            ax,
            np.stack([surface.points @ right, surface.points @ upward], axis=1),
            facing[np.argsort(depth)],
            panel,
        )
    return figure


def normalised_error(surface: SurfacePrediction) -> Float[np.ndarray, "n L"]:
    """Predicted less true values over the range of the true values of each output; zero where an output has no
    range."""
    span = np.ptp(surface.truth, axis=0)
    return (surface.mean - surface.truth) / np.where(span > 0, span, np.inf)


def _facing(surface: SurfacePrediction, direction: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " t"]:
    """Positive where a triangle's outer side is turned towards the direction, whichever way round its corners are
    listed."""
    corners = surface.points[surface.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    volume = np.einsum("ti,ti->", corners.mean(axis=1) - surface.points.mean(axis=0), normals)
    return np.sign(volume) * (normals @ direction)


def _figure(record: RunRecord, surface: SurfacePrediction, view: str, height: float) -> tuple[Figure, list[Axes]]:
    condition = ", ".join(f"{name} {value:.4g}" for name, value in surface.condition.items())
    title = f"Surface of {surface.case}, {view}\n{condition}"
    return panels(record, title, 4 * len(surface.output_names), width=3.1, height=height, columns=4)


def _panels(surface: SurfacePrediction) -> list[Panel]:
    """Four panels an output, output by output."""
    found, error = [], normalised_error(surface)
    for i, name in enumerate(surface.output_names):
        truth, mean, std = surface.truth[:, i], surface.mean[:, i], surface.std_total[:, i]
        values = _trimmed(truth)
        worst = max(abs(limit) for limit in _trimmed(error[:, i])) or 1.0
        found.append(Panel(f"{name}: truth", truth, VALUES, values))
        found.append(Panel(f"{name}: prediction", mean, VALUES, values))
        found.append(Panel(f"{name}: error / range of truth", error[:, i], ERROR, (-worst, worst)))
        found.append(Panel(f"{name}: predicted std", std, SPREAD, _trimmed(std)))
    return found


def _trimmed(values: Float[np.ndarray, " n"]) -> tuple[float, float]:
    low, high = np.percentile(values, [_TRIM, 100 - _TRIM])
    # A constant gets a scale of its own size, or its colour bar would say nothing about it.
    gap = 0.0 if high > low else 0.5 * abs(float(low)) or 0.5
    return float(low) - gap, float(high) + gap


def _coloured(figure: Figure, ax: Axes, places: Float[np.ndarray, "n 2"], triangles: np.ndarray, panel: Panel) -> None:
    low, high = panel.limits
    mesh = Triangulation(places[:, 0], places[:, 1], triangles)
    drawn = ax.tripcolor(mesh, panel.values, shading="gouraud", cmap=panel.colours, vmin=low, vmax=high)
    figure.colorbar(drawn, ax=ax, shrink=0.85, pad=0.02, extend="both").ax.tick_params(labelsize=6)
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set_title(verbatim(panel.title), fontsize=8)
