"""A low-order model of the flow over a wing: closed forms only, so that a surface of any size costs next to nothing.

Pressure: thin-section theory with Riegels' correction at the nose, in strips of an infinite swept wing, with Kármán and
Tsien's rule for compressibility. Friction: flat plates, laminar then turbulent, at Eckert's reference temperature. The
lift falls off towards the tips and saturates at high angles of attack; separation, vortices, wake and shocks are left
out. It is not the flow over BlendedNet's aircraft, but depends on the same inputs in the same sense.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.blendednet.synthetic.wing import CAMBER, LARGEST_OVAL, Section, WingSurface

STALL = np.radians(16.0)
"""The angle of attack that the lift saturates towards."""

TRANSITION = 5.7
"""log10 of the Reynolds number, along the surface, about which the boundary layer becomes turbulent."""

HEAT_RATIO = 1.4
RECOVERY = 0.89
"""Share of the dynamic temperature that a wall without heat transfer takes on, under a turbulent boundary layer."""


@dataclass(frozen=True)
class FlightCondition:
    """The state of flight.

    Attributes:
        altitude: in thousands of feet.
        reynolds: Reynolds number of the root chord.
        mach: Mach number.
        alpha: angle of attack in degrees.
    """

    altitude: float
    reynolds: float
    mach: float
    alpha: float


def surface_speed(section: Section, alpha: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Speed of incompressible flow along the surface over the free stream's, positive towards the trailing edge.

    Thickness as a line of sources and lift and camber as a line of vortices on the chord, both in closed form for the
    section's terms sin nθ, divided by √(1 + (dz/dx)²) (Riegels), which makes the nose finite.

    Args:
        section: n places.
        alpha: (n,) angles of attack in radians.
    """
    # Numerator and denominator are both multiplied by sin θ; at the trailing edge itself both vanish.
    theta = np.clip(section.theta, 0.0, np.pi - 1e-4)
    sine = np.sin(theta)
    thickness = section.thickness / LARGEST_OVAL * (1 + 2 * np.cos(theta))
    along = np.cos(alpha) * (1 + thickness + section.side * 4 * CAMBER * sine) * sine
    across = section.side * np.sin(alpha) * (1 + np.cos(theta))
    return (along + across) / np.hypot(sine, 2 * Section(theta, section.side, section.thickness).thickness_slope)


def karman_tsien(cp: Float[np.ndarray, " n"], mach: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Pressure coefficient at a subsonic Mach number from that of incompressible flow (von Kármán 1941, Tsien 1939)."""
    beta = np.sqrt(1 - mach**2)
    # Far outside the rule's range, at strong suction close to the speed of sound, its denominator would vanish.
    return cp / np.maximum(beta + mach**2 / (1 + beta) * cp / 2, 0.3)


def plate_friction(reynolds: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Skin friction of a flat plate at the Reynolds number of the distance from its edge: Blasius, then Prandtl's
    seventh root."""
    turbulent = 1 / (1 + np.exp(-(np.log10(reynolds) - TRANSITION) / 0.1))
    return (1 - turbulent) * 0.664 / np.sqrt(reynolds) + turbulent * 0.027 * reynolds ** (-1 / 7)


def air_temperature(altitude: float) -> float:
    """Temperature of the standard atmosphere in K at an altitude in thousands of feet, up to 65."""
    return max(288.15 - 6.5 * 0.3048 * altitude, 216.65)


def reference_state(condition: FlightCondition) -> tuple[float, float]:
    """Eckert's reference temperature and the viscosity there (Sutherland), both over those of the free stream."""
    wall = 1 + RECOVERY * (HEAT_RATIO - 1) / 2 * condition.mach**2
    temperature = 0.5 + 0.039 * condition.mach**2 + 0.5 * wall
    still, sutherland = air_temperature(condition.altitude), 110.4
    return temperature, temperature**1.5 * (still + sutherland) / (temperature * still + sutherland)


def effective_alpha(wing: WingSurface, alpha: float) -> Float[np.ndarray, " n"]:
    """Angle of attack of each section in radians: less the downwash of a wing of finite span, less again at the tips
    and at stall.

    Args:
        wing: n points.
        alpha: angle of attack in degrees.
    """
    saturated = STALL * np.tanh(np.radians(alpha) / STALL)
    return saturated * wing.aspect_ratio / (wing.aspect_ratio + 2) * (1 - wing.span_fraction**4)


def flow(wing: WingSurface, condition: FlightCondition) -> dict[str, Float[np.ndarray, " n"]]:
    """cp, cf_x, cf_y and cf_z at the points of a wing."""
    cosine, sine = np.cos(wing.sweep), np.sin(wing.sweep)
    normal = surface_speed(wing.section, effective_alpha(wing, condition.alpha) / cosine)
    cp = cosine**2 * karman_tsien(1 - normal**2, condition.mach * cosine)
    # The part along the edge passes a swept wing unchanged; the rest follows the section.
    down, up = _tangent(wing.section)
    velocity = np.stack(
        [
            normal * cosine * down * cosine + sine * sine,
            -normal * cosine * down * sine + sine * cosine,
            normal * cosine * up,
        ],
        axis=1,
    )
    speed = np.linalg.norm(velocity, axis=1)
    # The boundary layer begins at the stagnation line, not with a singularity at the nose.
    run = wing.points[:, 0] - wing.leading_edge + 0.01 * wing.chord
    temperature, viscosity = reference_state(condition)
    reynolds = condition.reynolds * run * np.maximum(speed, 0.05) / (temperature * viscosity)
    friction = (plate_friction(reynolds) / temperature * speed)[:, None] * velocity
    return {"cp": cp, "cf_x": friction[:, 0], "cf_y": friction[:, 1], "cf_z": friction[:, 2]}


def coefficients(wing: WingSurface, fields: dict[str, Float[np.ndarray, " n"]], alpha: float) -> dict[str, float]:
    """CD, CL and CMy (about the nose, positive nose up) of the planform area and the root chord, from the surface
    stresses."""
    corners = wing.points[wing.triangles]
    area = 0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    size = np.linalg.norm(area, axis=1, keepdims=True)
    pressure = fields["cp"][wing.triangles].mean(axis=1)[:, None]
    friction = np.stack([fields[name] for name in ("cf_x", "cf_y", "cf_z")], axis=1)[wing.triangles].mean(axis=1)
    force = (friction * size - pressure * area) / wing.area
    x, _, z = corners.mean(axis=1).T
    total = force.sum(axis=0)
    cosine, sine = np.cos(np.radians(alpha)), np.sin(np.radians(alpha))
    moment = float(np.sum(z * force[:, 0] - x * force[:, 2]))
    return {
        "CD": float(total[0] * cosine + total[2] * sine),
        "CL": float(total[2] * cosine - total[0] * sine),
        "CMy": moment,
    }


def _tangent(section: Section) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Backward and upward components of the unit vector along the section towards the trailing edge."""
    theta = np.clip(section.theta, 0.0, np.pi - 1e-4)
    there = Section(theta, section.side, section.thickness)
    back = 0.5 * np.sin(theta)
    up = section.side * there.thickness_slope + CAMBER * np.sin(2 * theta)
    length = np.hypot(back, up)
    return back / length, up / length
