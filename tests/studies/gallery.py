"""The gallery page: pictures of real runs, and which run drew each. `python -m tests.studies.gallery`"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from binn_cli.results.head import Head, read_head
from binn_cli.whole_file import replacing
from tests.studies.page import wrapped

DOCS = Path(__file__).resolve().parents[2] / "docs"
DIRECTORY = Path("outputs") / "gallery"
WIDTH = 1100
"""Pixels of the widest picture; colours are reduced to a palette, so that a picture takes less than 100 kB."""
COLOURS = 128


@dataclass(frozen=True)
class Picture:
    """One picture of the page.

    Attributes:
        name: of its file and, for `{name}` in the commands of others, of the directory of its runs.
        title: what it shows.
        words: what follows `binn`, as the reader types it.
        file: which of the figures; of the run or, with `figures`, of `binn figures`.
        says: what there is to see.
        figures: whether `binn figures` draws it, of a sweep.
    """

    name: str
    title: str
    words: str
    file: str
    says: str
    figures: bool = False


PICTURES = (
    Picture(
        "curve",
        "A curve and what is not known of it",
        "run dataset=sine task=regress",
        "curve.png",
        "60 noisy points of one input. The dark band is what the model does not know, the light one adds the noise.",
    ),
    Picture(
        "acquisitions",
        "Where to simulate next",
        "run task=active_learn dataset=heat task.rounds=10",
        "acquisitions.png",
        "The error falls as the surrogate asks for simulations of heat conduction; right, the cases that it chose.",
    ),
    Picture(
        "surface",
        "A surface",
        "run dataset=blendednet task=regress dataset.outputs=[cp] dataset.test_cases=[case_136]",
        "surface_oblique.png",
        "Pressure on an aircraft of the synthetic stand-in for BlendedNet, at a flight condition that was not learned.",
    ),
    Picture(
        "scaling",
        "Time and error against the number of points",
        "run dataset=sine task=scaling task.sizes=[100,1000,10000,100000]",
        "scaling.png",
        "Each size is fitted in a process of its own.",
    ),
    Picture(
        "sensitivity",
        "Which input matters",
        "run task=sensitivity task.run=outputs/*_active_learn_heat_binn",
        "sensitivity.png",
        "Sobol indices of the heat surrogate above, with their intervals.",
    ),
    Picture(
        "models",
        "Whether intervals hold",
        "run -m model=binn,gp,gp_local,mlp,kan,inn dataset=sine task=regress",
        "calibration_*.png",
        "Test points inside the intervals of six models, against how many they promise; `binn figures` of the sweep.",
        figures=True,
    ),
)


def drawn(picture: Picture, directory: Path, earlier: dict[str, Path], extra: Sequence[str]) -> tuple[Path, list[Head]]:
    """Make the run of a picture, unless it is there; the figure, and the heads of the runs behind it."""
    place = directory / picture.name
    found = sorted(place.rglob("results.h5"))
    if not found:
        words = [_of_earlier(word, earlier) for word in shlex.split(picture.words)]
        _binn([*words, f"output.root={place}", *extra])
        found = sorted(place.rglob("results.h5"))
    if picture.figures:
        _binn(["figures", str(place), "-o", str(place / "figures")])
    earlier[picture.name] = found[0].parent
    figures = sorted(place.rglob(picture.file))
    return figures[0], [read_head(path) for path in found]


def _of_earlier(word: str, earlier: dict[str, Path]) -> str:
    """The run of this page in place of the reader's own, which stands in the outputs under another time."""
    return f"task.run={earlier['acquisitions']}" if word.startswith("task.run=") else word


def _binn(words: Sequence[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "binn_cli", *words], env=os.environ | {"COLUMNS": "200"}, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"binn {shlex.join(words)}:\n{done.stderr}")


def reduced(figure: Path, target: Path) -> None:
    """A picture of at most `WIDTH` pixels across and `COLOURS` colours."""
    with Image.open(figure) as image:
        small = image.convert("RGB")
        small.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary:
            small.quantize(COLOURS).save(temporary, format="PNG", optimize=True)


def origin(heads: Sequence[Head]) -> str:
    """Which runs, of which code, when."""
    head = heads[0]
    commit = str(head.provenance.get("git_commit", "unknown"))[:7]
    changed = " with changes that are not committed" if head.provenance.get("git_dirty") else ""
    ids = ", ".join(f"`{one.config_id}`" for one in heads)
    plural = "s" if len(heads) > 1 else ""
    return f"config id{plural} {ids}; commit {commit}{changed}; {str(head.provenance['start_time'])[:10]}"


INTRODUCTION = """Pictures that runs drew, each with the command that made it, the identity of its configuration
(`config_id` in the results file) and the commit of the program. `python -m tests.studies.gallery` makes the runs and
this page."""


def written(
    docs: Path = DOCS,
    directory: Path = DIRECTORY,
    pictures: Sequence[Picture] = PICTURES,
    extra: Sequence[str] = (),
) -> Path:
    """Make all runs, and write the page and its pictures; gives the page."""
    earlier: dict[str, Path] = {}
    parts = ["# Gallery", wrapped(INTRODUCTION)]
    for picture in pictures:
        figure, heads = drawn(picture, directory, earlier, extra)
        target = docs / "pictures" / f"gallery_{picture.name}.png"
        reduced(figure, target)
        parts += [
            f"## {picture.title}",
            f"![{picture.title}](pictures/{target.name})",
            wrapped(picture.says),
            wrapped(f"`binn {picture.words}`: {origin(heads)}."),
        ]
    path = docs / "gallery.md"
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    print(written())
