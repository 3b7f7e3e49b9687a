"""What a surrogate predicts on a triangulated surface: the group /surface of a results file."""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np
from jaxtyping import Float, Int

from binn_cli.datasets.dataset import SurfaceCase
from binn_cli.models.surrogate import Prediction
from binn_cli.results.dimensions import dataset, length_scale, scale, values_of

_TABLES = ("truth", "mean", "std_epistemic", "std_total")


@dataclass(frozen=True)
class SurfacePrediction:
    """One case on all points of its surface.

    Attributes:
        case: the name of the case.
        condition: its inputs by name, such as the angle of attack.
        points: (n, 3) coordinates of the corners.
        triangles: (t, 3) rows of `points`.
        truth: (n, L) values.
        mean: (n, L) predictive mean.
        std_epistemic: (n, L) standard deviation due to what the model does not know.
        std_total: (n, L) standard deviation of a new observation.
        output_names: the L names.
    """

    case: str
    condition: dict[str, float]
    points: Float[np.ndarray, "n 3"]
    triangles: Int[np.ndarray, "t 3"]
    truth: Float[np.ndarray, "n L"]
    mean: Float[np.ndarray, "n L"]
    std_epistemic: Float[np.ndarray, "n L"]
    std_total: Float[np.ndarray, "n L"]
    output_names: tuple[str, ...]

    @classmethod
    def of(cls, surface: SurfaceCase, prediction: Prediction) -> SurfacePrediction:
        """A case and its prediction on the same axes."""
        case = surface.data.axes[-1]
        tables = (
            surface.data.values,
            prediction.mean,
            prediction.epistemic_std,
            prediction.total_std,
        )
        truth, mean, epistemic, total = (
            np.asarray(table, dtype=np.float64).reshape(len(surface.points), -1) for table in tables
        )
        return cls(
            case=surface.name,
            condition=dict(zip(case.coordinates, map(float, case.points[0]), strict=True)),
            points=surface.points,
            triangles=surface.triangles,
            truth=truth,
            mean=mean,
            std_epistemic=epistemic,
            std_total=total,
            output_names=surface.data.outputs,
        )


def write_surface(file: h5py.File, surface: SurfacePrediction) -> None:
    """Write the group /surface."""
    group = file.create_group("surface")
    for name, length in (("point", len(surface.points)), ("triangle", len(surface.triangles)), ("corner", 3)):
        length_scale(group, name, length)
    scale(group, "axis", np.array(["x", "y", "z"], dtype=object))
    scale(group, "output", np.array(surface.output_names, dtype=object))
    dataset(group, "points", surface.points, ("point", "axis"))
    dataset(group, "triangles", surface.triangles, ("triangle", "corner"))
    for name in _TABLES:
        dataset(group, name, getattr(surface, name), ("point", "output"))
    scale(group, "input", np.array(list(surface.condition), dtype=object))
    dataset(group, "condition", np.array(list(surface.condition.values())), ("input",))
    group.attrs["case"] = surface.case


def read_surface(group: h5py.Group) -> SurfacePrediction:
    """The surface that `write_surface` wrote."""
    return SurfacePrediction(
        case=str(group.attrs["case"]),
        condition=dict(
            zip(map(str, values_of(group["input"])), map(float, values_of(group["condition"])), strict=True)
        ),
        points=values_of(group["points"]),
        triangles=values_of(group["triangles"]),
        **{name: values_of(group[name]) for name in _TABLES},
        output_names=tuple(str(name) for name in values_of(group["output"])),
    )
