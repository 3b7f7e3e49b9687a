"""Powers of ten beside axes in plain letters, 10⁻³: reading TeX took a third of the time of a figure."""

from __future__ import annotations

import re
from typing import Any

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter

_RAISED = str.maketrans("0123456789-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻")
_POWER = re.compile(r"\^\{([-−0-9]+)\}")
_WRAPPED = re.compile(r"\\math\w+\{([^{}]*)\}")


def plain(text: str) -> str:
    """A tick's label without TeX; as it is where it has more of that than powers of ten."""
    if not text.startswith("$") or not text.endswith("$"):
        return text
    found = _POWER.sub(lambda power: power[1].translate(_RAISED), text[1:-1])
    found = _WRAPPED.sub(r"\1", found).replace(r"\times", "×").replace("-", "−").replace(" ", "")
    return text if set(found) & set("\\{}^_$") else found


class PlainFormatter(Formatter):
    """What another formatter says, in plain letters."""

    def __init__(self, spoken: Formatter) -> None:
        """`spoken` formats the ticks."""
        self.spoken = spoken

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["spoken"], name)

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The label of one tick."""
        return plain(self.spoken(x, pos))

    def format_ticks(self, values: list[float]) -> list[str]:
        """The labels of all ticks."""
        return [plain(label) for label in self.spoken.format_ticks(values)]

    def get_offset(self) -> str:
        """The power of ten that all labels share."""
        return plain(self.spoken.get_offset())

    def set_axis(self, axis: Any) -> None:
        """As of the other."""
        self.spoken.set_axis(axis)

    def set_locs(self, locs: Any) -> None:
        """As of the other."""
        self.spoken.set_locs(locs)


def speak_plainly(figure: Figure) -> None:
    """Let all axes of a figure say powers of ten in plain letters."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            _wrap(axis)


def _wrap(axis: Axis) -> None:
    major, minor = axis.get_major_formatter(), axis.get_minor_formatter()
    for formatter, place in ((major, axis.set_major_formatter), (minor, axis.set_minor_formatter)):
        if not isinstance(formatter, PlainFormatter):
            place(PlainFormatter(formatter))
