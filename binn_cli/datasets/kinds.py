"""Values that an input cannot have, by what `dataset.kinds` says of it, with their places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from binn_cli.config.ranges import did_you_mean
from binn_cli.config.schema.kinds import KEY, Kind
from binn_cli.errors import ConfigError, DataError


def require_kinds(
    x: Float[np.ndarray, "N D"], names: Sequence[str], kinds: Mapping[str, Kind], place: Callable[[int], str]
) -> None:
    """Raise where a value is none that its input can have.

    Args:
        x: the values.
        names: of the inputs.
        kinds: what some of them are, by their names.
        place: where a row stands, for the sentence.

    Raises:
        ConfigError: if a kind is stated for what is no input.
        DataError: for the first such value.
    """
    for name, kind in kinds.items():
        if name not in names:
            listed = ", ".join(names)
            raise ConfigError(KEY, f"names {name!r}, which is no input; there are {listed}{did_you_mean(name, names)}")
        values = x[:, list(names).index(name)]
        fits, what = _fitting(kind, values)
        if not fits.all():
            row = int(np.argmin(fits))
            raise DataError(f"{place(row)}: {name!r} is {float(values[row])!r}, {what}; mend it, or change {KEY}")


def _fitting(kind: Kind, values: Float[np.ndarray, " N"]) -> tuple[Bool[np.ndarray, " N"], str]:
    """Which values an input can have, and what the others are."""
    if kind.name == "log":
        return values > 0, f"but {KEY} says that it is logarithmic: above 0"
    if kind.name == "integer":
        return values == np.rint(values), f"but {KEY} says that it is a whole number"
    if kind.name == "choice":
        return np.isin(values, kind.levels), f"which is none of its choices {', '.join(map(str, kind.choices))}"
    return np.ones(len(values), dtype=bool), ""
