"""Figures of a run, drawn beside its results file; matplotlib is imported when the first is drawn."""

from __future__ import annotations

from pathlib import Path

from binn_cli.results.record import RunRecord
from binn_cli.results.store import FILE_NAME, read

__all__ = ["draw"]


def draw(directory: Path) -> list[Path]:
    """Draw every figure that a run has the data for, as PNG files in its directory.

    `curve` for one input, `parity` and `calibration` for every run with predictions, `acquisitions` for active learning and
    `scaling` for the scaling task.

    Returns:
        The paths of the figures.

    Raises:
        BinnError: if there is no readable results file.
    """
    return draw_record(read(directory / FILE_NAME), directory)


def draw_record(record: RunRecord, directory: Path) -> list[Path]:
    """As `draw`, from a record in memory."""
    import matplotlib

    from binn_cli.views.plots import acquisitions, calibration, curve, parity, scaling
    from binn_cli.views.plots.style import STYLE, saved

    figures = {"curve": curve, "parity": parity, "calibration": calibration, "acquisitions": acquisitions, "scaling": scaling}
    paths = []
    with matplotlib.rc_context(STYLE):
        for name, module in figures.items():
            figure = module.drawn(record)
            if figure is not None:
                paths.append(saved(figure, directory / f"{name}.png"))
    return paths
