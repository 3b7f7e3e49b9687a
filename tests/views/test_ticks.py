"""Powers of ten beside axes."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib import mathtext
from matplotlib.figure import Figure

from binn_cli.views.plots.style import saved
from binn_cli.views.plots.ticks import plain


@pytest.mark.parametrize(
    ("spoken", "said"),
    [
        (r"$\mathdefault{10^{-3}}$", "10⁻³"),
        (r"$\mathdefault{2\times10^{-14}}$", "2×10⁻¹⁴"),
        (r"$\mathdefault{-10^{2}}$", "−10²"),
        (r"$\times\mathdefault{10^{−5}}\mathdefault{}$", "×10⁻⁵"),
        (r"$\times\mathdefault{10^{−5}}\mathdefault{+1.25}$", "×10⁻⁵+1.25"),
        (r"$\mathdefault{0.5}$", "0.5"),
        (r"$\alpha$", r"$\alpha$"),
        (r"$x_1$", r"$x_1$"),
        ("80 %", "80 %"),
        ("", ""),
    ],
)
def test_powers_are_raised_letters_and_other_tex_stays(spoken: str, said: str) -> None:
    assert plain(spoken) == said


def test_no_tick_of_a_figure_is_read_as_tex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    left.semilogy([1, 2, 3], [1e-8, 1e-5, 1e-3])
    drawn = right.imshow([[0, 1e-7], [2e-7, 3e-7]])
    figure.colorbar(drawn, ax=right)
    right.set_xticks([0, 1], ["first", "second"])
    monkeypatch.setattr(mathtext.MathTextParser, "parse", lambda *_, **__: pytest.fail("TeX was read"))
    saved(figure, tmp_path / "figure.png")
    assert "10⁻⁵" in {text.get_text() for text in left.get_yticklabels()}
    assert [text.get_text() for text in right.get_xticklabels()] == ["first", "second"]
