"""`binn figures`: the figures of sweeps as PDF and PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from binn_cli.errors import BinnError
from binn_cli.results.fate import RESULTS
from binn_cli.results.gather import Gathered, Run, gathered
from binn_cli.results.provenance import SIDE_BY_SIDE
from binn_cli.results.store import read
from binn_cli.views.console.streams import Notices
from binn_cli.whole_file import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_SURFACES = 8
"""Runs whose surface is drawn."""
PRINT: dict[Any, Any] = {"pdf.fonttype": 42, "ps.fonttype": 42, "savefig.dpi": 300}
"""Fonts are embedded as they are (TrueType), so that a journal takes the file and text can be searched."""


def figures(names: Sequence[str], output: Path) -> int:
    """Draw every figure that the runs have the data for; paths on stdout.

    Args:
        names: directories of runs, of sweeps and of outputs, results files, and patterns.
        output: a directory, which is made if need be.

    Returns:
        The exit status: 1 if there is nothing to draw.

    Raises:
        BinnError: if a name leads nowhere, or a file cannot be written.
    """
    found = gathered(names)
    complaints = Notices()
    for path in found.not_runs:
        complaints.print(f"{path}: holds no run and is passed over", markup=False, highlight=False, soft_wrap=True)
    for message in _left_out(found):
        complaints.print(message, markup=False, highlight=False, soft_wrap=True)
    paths = _drawn(found.runs, output) if found.runs else []
    if not paths:
        complaints.print(
            "nothing to draw: figures need complete runs of several models, of active_learn or of scaling",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        return 1
    for path in paths:
        print(path)
    return 0


def _left_out(found: Gathered) -> list[str]:
    """Sentences about runs that are in no figure, or not in all."""
    said, count = [], len(found.others)
    if count:
        said.append(f"{count} of the runs {'is' if count == 1 else 'are'} not complete and left out")
    shared = sum(bool(run.head.provenance.get(SIDE_BY_SIDE)) for run in found.runs)
    if shared:
        took = f"{shared} {'run' if shared == 1 else 'runs'} shared the machine with others"
        said.append(f"{took}: error_against_time leaves their times out, and times in fig4 may be too long")
    return said


def _drawn(runs: Sequence[Run], output: Path) -> list[Path]:
    import warnings

    import matplotlib

    from binn_cli.views.figures import curves, growth, learning, ours
    from binn_cli.views.plots.style import STYLE, fonts_for

    fonts = fonts_for([name for run in runs for name in (*run.head.outputs, run.head.dataset)])
    paths = []
    with matplotlib.rc_context({**STYLE, **PRINT, "font.family": fonts}), warnings.catch_warnings():
        # A letter that no font of this machine has is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        for draw in (
            curves.drawn,
            growth.drawn,
            _surfaces,
            learning.drawn,
            ours.calibration,
            ours.fronts,
            ours.error_bars,
        ):
            for name, figure in draw(runs).items():
                paths += _saved(figure, output, name)
    return paths


def _surfaces(runs: Sequence[Run]) -> dict[str, Figure]:
    """Fig. 5 of the paper, of each run that predicted a surface."""
    from binn_cli.views.plots import surface

    shown = [run for run in runs if run.head.dataset == "blendednet"][:MOST_SURFACES]
    found = {}
    for run in shown:
        figure = surface.plan(read(run.directory / RESULTS, surrogate=False))
        if figure is not None:
            for ax in figure.axes:
                for drawn in ax.collections:
                    drawn.set_rasterized(True)  # some ten thousand triangles
            found[f"fig5_{'_'.join(run.head.outputs)}_{run.head.model}_{run.head.seed}"] = figure
    return found


def _saved(figure: Figure, output: Path, name: str) -> list[Path]:
    safe = "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in name)
    paths = [output / f"{safe}.pdf", output / f"{safe}.png"]
    try:
        output.mkdir(parents=True, exist_ok=True)
        for path in paths:
            with replacing(path) as temporary:
                figure.savefig(temporary, format=path.suffix[1:])
    except OSError as error:
        raise BinnError(f"cannot write figures into {output}: {error.strerror}") from error
    return paths
