"""The report on the benchmarks, from made-up timings."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from tests.benchmarks import report
from tests.benchmarks.timing import Row

ROWS = [
    Row("structured fit / printed algorithm", (0.010, 0.012, 0.011), (1.0, 1.5, 1.21), "N = 32,768; five sweeps"),
    Row("long axis / one pass over bytes", (0.020, 0.025, 0.021), (0.002, 0.0015, 0.0016), "N = 1,310,720"),
]


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_and_keeps_every_comparison_in_one_line(width: int) -> None:
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(report.table(ROWS))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= width and not any("…" in line for line in lines)
    (first,) = [line for line in lines if line.strip().startswith("structured")]
    assert first.split() == [
        "structured",
        "fit",
        "/",
        "printed",
        "algorithm",
        "11",
        "ms",
        "1.21",
        "s",
        "110",
        "100–120",
    ]
    (second,) = [line for line in lines if line.strip().startswith("long")]
    assert second.split()[-2:] == ["0.0762", "0.06–0.1"]


def test_notes_say_which_comparison_they_belong_to() -> None:
    assert report.notes(ROWS)[2] == "long axis / one pass over bytes: N = 1,310,720"
    assert "their time over ours" in report.notes(ROWS)[0]


def test_every_ratio_is_on_a_logarithmic_axis() -> None:
    (ax,) = report.figure(ROWS).axes
    assert ax.get_xscale() == "log"
    drawn = [line for line in ax.get_lines() if line.get_marker() == "|"]
    for line, row in zip(drawn, ROWS, strict=True):
        np.testing.assert_allclose(line.get_xdata(), row.ratios)
    low, high = ax.get_xlim()
    assert low < 0.06 and high > 125


def test_the_file_keeps_the_provenance_and_has_its_figure_beside_it(tmp_path: Path) -> None:
    path, picture = report.kept(ROWS, tmp_path)
    assert path.name.startswith("bench_") and picture == path.with_suffix(".png")
    content = json.loads(path.read_text())
    assert [row["ratio_median"] for row in content["rows"]] == pytest.approx([110, 1.6 / 21])
    assert content["rows"][0]["ours"] == [0.010, 0.012, 0.011]
    assert {"program_version", "cpu_model", "python", "start_time"} <= set(content["provenance"])
    assert min(Image.open(picture).size) > 400
