"""A blended wing body lofted from the ten planform parameters, as a closed triangulated surface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.interpolate import PchipInterpolator

CAMBER = 0.01
"""Height of the parabolic camber line over the local chord."""

THICKNESS = (0.16, 0.10)
"""Thickness over chord in the middle and at the tip."""

LARGEST_OVAL = 3 * np.sqrt(3) / 4
"""The largest value of sin θ + ½ sin 2θ, at θ = 60°."""


@dataclass(frozen=True)
class Section:
    """Where surface points lie on their wing sections.

    Attributes:
        theta: (n,) from 0 at the leading edge to π at the trailing edge: x/chord = (1 − cos θ)/2.
        side: (n,) +1 on the upper side, −1 on the lower.
        thickness: (n,) largest thickness over chord.
    """

    theta: Float[np.ndarray, " n"]
    side: Float[np.ndarray, " n"]
    thickness: Float[np.ndarray, " n"]

    @property
    def height(self) -> Float[np.ndarray, " n"]:
        """z/chord: a round nose, a sharp trailing edge (sin θ + ½ sin 2θ) and a parabolic camber line (sin² θ)."""
        oval = (np.sin(self.theta) + 0.5 * np.sin(2 * self.theta)) / LARGEST_OVAL
        return self.side * self.thickness / 2 * oval + CAMBER * np.sin(self.theta) ** 2

    @property
    def thickness_slope(self) -> Float[np.ndarray, " n"]:
        """d/dθ of the upper half of the thickness over chord."""
        return self.thickness / 2 * (np.cos(self.theta) + np.cos(2 * self.theta)) / LARGEST_OVAL


@dataclass(frozen=True)
class WingSurface:
    """A wing with what the aerodynamic model needs to know of every point.

    Attributes:
        points: (n, 3) x from the nose backwards, y to starboard, z up, in units of the root chord.
        triangles: (t, 3) rows of `points`, corners counterclockwise seen from outside.
        section: the place of each point on its section.
        chord: (n,) local chord.
        leading_edge: (n,) x of the local leading edge.
        span_fraction: (n,) |y| over the half span.
        sweep: (n,) sweep of the quarter-chord line in radians, of the sign of y, vanishing in the middle.
        aspect_ratio: span² over planform area.
        area: planform area.
    """

    points: Float[np.ndarray, "n 3"]
    triangles: Int[np.ndarray, "t 3"]
    section: Section
    chord: Float[np.ndarray, " n"]
    leading_edge: Float[np.ndarray, " n"]
    span_fraction: Float[np.ndarray, " n"]
    sweep: Float[np.ndarray, " n"]
    aspect_ratio: float
    area: float


class Planform:
    """Leading edge and chord over |y|: smooth curves through the four stations of the parameters.

    B1 to B3 are the widths of the three panels of a half wing, C1 to C4 the chords at their ends, S1 to S3 the sweeps
    of their leading edges in degrees; lengths count in root chords C1.
    """

    def __init__(self, parameters: Mapping[str, float]) -> None:
        """`parameters` in mm and degrees, as in geom_params.ini."""
        width = np.array([parameters[name] for name in ("B1", "B2", "B3")]) / parameters["C1"]
        sweep = np.radians([parameters[name] for name in ("S1", "S2", "S3")])
        stations = np.concatenate([[0.0], np.cumsum(width)])
        self.half_span = float(stations[-1])
        self._leading_edge = PchipInterpolator(stations, np.concatenate([[0.0], np.cumsum(width * np.tan(sweep))]))
        self._chord = PchipInterpolator(
            stations, np.array([parameters[name] for name in ("C1", "C2", "C3", "C4")]) / parameters["C1"]
        )
        self.area = 2 * float(self._chord.integrate(0.0, self.half_span))

    def leading_edge(self, y: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """x of the leading edge at the spanwise places y."""
        return self._leading_edge(np.abs(y))

    def chord(self, y: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Length of the section at y."""
        return self._chord(np.abs(y))

    def sweep(self, y: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Sweep of the quarter-chord line in radians; odd in y, so that the flow in the plane of symmetry is not
        swept."""
        slope = self._leading_edge(np.abs(y), 1) + 0.25 * self._chord(np.abs(y), 1)
        return np.arctan(slope) * np.tanh(y / 0.1)

    def thickness(self, y: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Thickness over chord; the last 3 % of the half span are rounded off to a thin tip."""
        middle, tip = THICKNESS
        fraction = np.abs(y) / self.half_span
        rounding = np.sqrt(np.maximum(1 - np.clip((fraction - 0.97) / 0.03, 0, 1) ** 2, 0.01))
        return (tip + (middle - tip) * np.exp(-((fraction / 0.35) ** 2))) * rounding


def wing_surface(parameters: Mapping[str, float], n_points: int) -> WingSurface:
    """The surface of a wing on about `n_points` points, at least 60.

    Rings around the sections stand at places across the span that are denser at the tips; points on a ring are denser
    at the edges.
    """
    planform = Planform(parameters)
    half = max(3, round(np.sqrt(max(n_points, 60) / 5.2)))
    spans = max(2, round(n_points / (4 * half) - 0.5))
    y_ring = planform.half_span * np.sin(np.pi / 2 * np.arange(-spans, spans + 1) / spans)
    # Once around: from the trailing edge over the upper side to the leading edge and back along the lower side.
    turn = np.pi * (1 - np.arange(2 * half) / half)
    theta, side = (
        a.ravel() for a in np.broadcast_arrays(np.abs(turn), np.where(turn >= 0, 1.0, -1.0), y_ring[:, None])[:2]
    )
    y = np.repeat(y_ring, 2 * half)
    section = Section(theta, side, planform.thickness(y))
    chord, edge = planform.chord(y), planform.leading_edge(y)
    points = np.column_stack([edge + chord * (1 - np.cos(theta)) / 2, y, chord * section.height])
    return WingSurface(
        points=points,
        triangles=_triangles(len(y_ring), half),
        section=section,
        chord=chord,
        leading_edge=edge,
        span_fraction=np.abs(y) / planform.half_span,
        sweep=planform.sweep(y),
        aspect_ratio=(2 * planform.half_span) ** 2 / planform.area,
        area=planform.area,
    )


def _triangles(rings: int, half: int) -> Int[np.ndarray, "t 3"]:
    """The quadrangles between neighbouring rings, halved, and both tips closed between their upper and lower sides."""
    around = 2 * half
    here = np.arange(around)
    ahead = (here + 1) % around
    first = (np.arange(rings - 1) * around)[:, None]
    a, b, c, d = (
        (first + here).ravel(),
        (first + ahead).ravel(),
        (first + around + here).ravel(),
        (first + around + ahead).ravel(),
    )
    skin = np.concatenate([np.stack([a, c, b], axis=1), np.stack([b, c, d], axis=1)])
    # Point i of the upper side faces point 2 half − i of the lower.
    upper, lower = np.arange(half + 1), (around - np.arange(half + 1)) % around
    cap = np.concatenate(
        [np.stack([upper[:-1], upper[1:], lower[:-1]], axis=1), np.stack([lower[:-1], upper[1:], lower[1:]], axis=1)]
    )
    cap = cap[(cap[:, 0] != cap[:, 1]) & (cap[:, 1] != cap[:, 2]) & (cap[:, 0] != cap[:, 2])]
    return np.concatenate([skin, cap, (rings - 1) * around + cap[:, ::-1]]).astype(np.int32)
