"""Figures of a run, drawn beside its results file; matplotlib is imported when the first is drawn."""

from __future__ import annotations

import importlib
from pathlib import Path

from binn_cli.results.record import RunRecord
from binn_cli.results.store import FILE_NAME, read

__all__ = ["draw"]

FIGURES = {
    "curve": ("curve", "drawn"),
    "parity": ("parity", "drawn"),
    "calibration": ("calibration", "drawn"),
    "acquisitions": ("acquisitions", "drawn"),
    "scaling": ("scaling", "drawn"),
    "posterior": ("corner", "drawn"),
    "sensitivity": ("sensitivity", "drawn"),
    "sensitivity_fields": ("sensitivity", "fields"),
    "optimum": ("optimum", "drawn"),
    "surface_plan": ("surface", "plan"),
    "surface_oblique": ("surface", "oblique"),
}
"""By name: the module that draws it, and the function, which gives None where a run has nothing for it."""


def draw(directory: Path) -> list[Path]:
    """Draw every figure that a run has the data for, as PNG files in its directory.

    `curve` for one input, `parity` and `calibration` for every run with predictions, `acquisitions` for active
    learning, `scaling` for the scaling task, `posterior`, `sensitivity`, `sensitivity_fields` and `optimum` for
    questions to a surrogate, `surface_plan` and `surface_oblique` where a case was predicted on a surface.

    Returns:
        The paths of the figures.

    Raises:
        BinnError: if there is no readable results file.
    """
    return draw_record(read(directory / FILE_NAME), directory)


def draw_record(record: RunRecord, directory: Path) -> list[Path]:
    """As `draw`, from a record in memory."""
    drawn = (draw_figure(record, directory, name) for name in FIGURES)
    return [path for path in drawn if path is not None]


def draw_figure(record: RunRecord, directory: Path, name: str) -> Path | None:
    """One figure of a record, or None where it has nothing for it."""
    import warnings

    import matplotlib

    from binn_cli.views.plots.style import STYLE, fonts_for, saved

    module, function = FIGURES[name]
    shown = record.predictions
    told = () if shown is None else (*shown.input_names, *shown.input_units, *shown.output_units)
    answered = (text for answer in record.answers.values() for text in answer.texts)
    fonts = fonts_for((*record.outputs, *record.case_coordinates, *told, *answered))
    with matplotlib.rc_context({**STYLE, "font.family": fonts}), warnings.catch_warnings():
        # A letter that no font of this machine has is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = getattr(importlib.import_module(f"{__name__}.{module}"), function)(record)
        return None if figure is None else saved(figure, directory / f"{name}.png")
