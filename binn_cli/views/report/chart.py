"""Charts as SVG that a style sheet colours: small, sharp at every size, and legible in the dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

WIDTH, HEIGHT = 460.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 12.0, 10.0, 46.0
"""Margins, for the numbers and names of the axes."""

LINE, DOTS, BOTH, BAND, GUIDE = "line", "dots", "both", "band", "guide"
HUES, DASHES = 8, 4
"""Colours of the style sheet, and kinds of lines that tell more series apart."""


@dataclass(frozen=True)
class Series:
    """One line, cloud of points or band.

    Attributes:
        name: for the legend; none where it needs no entry.
        x: (n,) where.
        y: (n,) values; of a band its lower edge.
        look: `LINE`, `DOTS`, `BOTH`, `BAND`, or `GUIDE` for a line to compare with.
        hue: which colour; one beyond the last of them is dashed.
        upper: (n,) the upper edge of a band.
    """

    name: str
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    look: str = BOTH
    hue: int = 0
    upper: Float[np.ndarray, " n"] | None = None


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    place: str
    label: str


@dataclass(frozen=True)
class Shape:
    """One series as SVG draws it."""

    kind: str
    hue: int
    dash: int
    path: str


@dataclass(frozen=True)
class Chart:
    """A figure with two axes.

    Attributes:
        title: what it shows.
        says: what a reader should see in it, for those who cannot look too.
        x_label, y_label: names of the axes, with units.
        x_ticks, y_ticks: their marks.
        shapes: what is drawn.
        legend: names of the series, with colour, dash and look.
    """

    title: str
    says: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    shapes: tuple[Shape, ...]
    legend: tuple[tuple[str, Shape], ...]


def chart(
    title: str,
    says: str,
    labels: tuple[str, str],
    series: Sequence[Series],
    *,
    log: tuple[bool, bool] = (False, False),
    x_limits: tuple[float, float] | None = None,
    y_limits: tuple[float, float] | None = None,
) -> Chart | None:
    """Lay a chart out; None where no series has a point that can be drawn.

    Args:
        title, says: as in `Chart`.
        labels: of the axes.
        series: what to draw; points that are not finite, or not positive on a logarithmic axis, are left out.
        log: whether the axes are logarithmic.
        x_limits, y_limits: the ends of the axes; by default those of the data.
    """
    kept = [found for one in series if (found := _drawable(one, log)) is not None]
    if all(one.look == GUIDE for one in kept):
        return None
    x = _Axis.over([one.x for one in kept], log[0], x_limits, LEFT, WIDTH - RIGHT)
    edges = [*(one.y for one in kept), *(one.upper for one in kept if one.upper is not None)]
    y = _Axis.over(edges, log[1], y_limits, HEIGHT - BOTTOM, TOP)
    shapes = [_shape(one, x, y) for one in kept]
    legend = tuple((one.name, shape) for one, shape in zip(kept, shapes, strict=True) if one.name)
    return Chart(title, says, *labels, tuple(x.ticks()), tuple(y.ticks()), tuple(shapes), legend)


def _drawable(one: Series, log: tuple[bool, bool]) -> Series | None:
    columns = [one.x, one.y, *([] if one.upper is None else [one.upper])]
    arrays = [np.asarray(column, dtype=float) for column in columns]
    usable = np.all([np.isfinite(array) for array in arrays], axis=0)
    for array, positive in zip(arrays, (log[0], log[1], log[1]), strict=False):
        usable &= (array > 0) | (not positive)
    if not usable.any():
        return None
    x, y, *upper = (array[usable] for array in arrays)
    return Series(one.name, x, y, one.look, one.hue, upper[0] if upper else None)


@dataclass(frozen=True)
class _Axis:
    """From values to places between two ends of the drawing."""

    low: float
    high: float
    log: bool
    start: float
    end: float

    @classmethod
    def over(
        cls, columns: Sequence[np.ndarray], log: bool, limits: tuple[float, float] | None, start: float, end: float
    ) -> _Axis:
        """The axis that holds all columns, with a little room at either end unless its limits are given."""
        low, high = limits or (min(float(c.min()) for c in columns), max(float(c.max()) for c in columns))
        if log:
            low, high = float(np.log10(low)), float(np.log10(high))
        # 1e-9: values that differ by round-off alone count as one
        least = 1e-9 * max(abs(low), abs(high), 1e-300)
        gap = (
            0.0 if limits else 0.04 * (high - low) if high - low > least else 0.5 * (abs(high) if not log else 1) or 0.5
        )
        return cls(low - gap, high + gap, log, start, end)

    def place(self, values: np.ndarray) -> np.ndarray:
        scaled = np.log10(values) if self.log else values
        return self.start + (scaled - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> Iterator[Tick]:
        for value in self._values():
            place = float(self.place(np.array([value]))[0])
            label = (
                f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e+")
                if self._small_or_large(value)
                else f"{value:g}"
            )
            yield Tick(f"{place:.1f}", label.replace("-", "−"))

    def _small_or_large(self, value: float) -> bool:
        return self.log and not 0.01 <= value < 100_000

    def _values(self) -> list[float]:
        if not self.log:
            return _round_values(self.low, self.high)
        first, last = int(np.ceil(self.low)), int(np.floor(self.high))
        every = max(1, -(-(last - first + 1) // 7))
        decades = [10.0**power for power in range(first, last + 1, every)]
        if len(decades) > 1:
            return decades
        inner = [m * 10.0**p for p in range(first - 1, last + 2) for m in (1, 2, 5)]
        within = [value for value in inner if self.low <= np.log10(value) <= self.high]
        return within if len(within) > 2 else _round_values(10.0**self.low, 10.0**self.high)


def _round_values(low: float, high: float) -> list[float]:
    """About five round values between two others."""
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(next(m for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9)) * power)
    return [float(f"{i * step:.12g}") for i in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _shape(one: Series, x: _Axis, y: _Axis) -> Shape:
    hue, dash = one.hue % HUES, one.hue // HUES % DASHES
    across, up = x.place(one.x), np.clip(y.place(one.y), TOP - 2, HEIGHT - BOTTOM + 2)
    if one.look == BAND and one.upper is not None:
        back = np.clip(y.place(one.upper), TOP - 2, HEIGHT - BOTTOM + 2)
        path = _path(np.concatenate([across, across[::-1]]), np.concatenate([up, back[::-1]])) + "Z"
        return Shape(BAND, hue, dash, path)
    # a dot is a stroke without length and with round ends: a tenth of what a circle takes
    path = _dots(across, up) if one.look == DOTS else _path(across, up)
    return Shape(one.look, hue, dash, path)


def _path(x: np.ndarray, y: np.ndarray) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _dots(x: np.ndarray, y: np.ndarray) -> str:
    return "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(x, y, strict=True))
