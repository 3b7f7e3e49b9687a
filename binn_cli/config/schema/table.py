"""The schema of the data set `table`: the user's own data in a file."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from typing import Any

from binn_cli.config.ranges import at_least, did_you_mean, intervals, one_of, shown
from binn_cli.config.schema.kinds import kinds_of
from binn_cli.errors import ConfigError

AUTO = "auto"
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " ", "bar": "|"}
"""Words for characters that are hard to write on a command line."""
DECIMALS = {"point": ".", "comma": ","}


@dataclass
class TableConfig:
    """conf/dataset/table.yaml"""

    name: str = "table"
    path: str = ""
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    ranges: Any = None  # Hydra adds no key to a dictionary that has a type
    test_path: str = ""
    test_share: float = 0.2
    n_train: int = 0
    kinds: Any = None
    missing: str = "refuse"
    missing_values: list[Any] = field(default_factory=list)
    separator: str = AUTO
    decimal: str = AUTO
    comment: str = AUTO
    encoding: str = AUTO
    units_row: str = AUTO
    structure: str = AUTO
    cases: list[Any] = field(default_factory=list)
    stream: bool = False
    initial_cases: int = 8
    cache: str = "data/table"
    cheap: str = ""

    def __post_init__(self) -> None:
        if not self.test_path and not 0 < self.test_share < 1:
            raise ConfigError(
                "dataset.test_share",
                f"must lie between 0 and 1, both excluded, not {self.test_share}; or give dataset.test_path",
            )
        if self.ranges is not None:
            self.ranges = intervals("dataset.ranges", self.ranges)
        at_least("dataset.n_train", self.n_train, 0)
        at_least("dataset.initial_cases", self.initial_cases, 2)
        for key in ("inputs", "outputs", "missing_values", "cases"):
            setattr(self, key, texts(f"dataset.{key}", getattr(self, key)))
        for key, names in (("inputs", self.inputs), ("outputs", self.outputs)):
            if len(set(names)) != len(names):
                raise ConfigError(f"dataset.{key}", f"names a column twice: {', '.join(names)}")
        twice = sorted(set(self.inputs) & set(self.outputs))
        if twice:
            raise ConfigError("dataset.outputs", f"names what dataset.inputs names too: {', '.join(twice)}")
        kinds_of(self.kinds)
        one_of("dataset.missing", self.missing, ("refuse", "drop"))
        one_of("dataset.structure", self.structure, (AUTO, "off"))
        self._check_text()

    def _check_text(self) -> None:
        """What is said of a text file."""
        self.units_row = self.units_row.lower()
        one_of("dataset.units_row", self.units_row, (AUTO, "true", "false"))
        character("dataset.separator", self.separator, SEPARATORS)
        if self.decimal not in (AUTO, *DECIMALS, *DECIMALS.values()):
            raise ConfigError("dataset.decimal", f"must be point, comma or auto, not {shown(self.decimal)}")
        character("dataset.comment", self.comment, {"none": ""})
        if self.encoding != AUTO:
            try:
                codecs.lookup(self.encoding)
            except LookupError as error:
                near = did_you_mean(
                    self.encoding,
                    ("utf-8", "utf-16", "latin-1", "cp1252", "cp1251", "shift_jis", "gb18030", "mac_roman"),
                )
                raise ConfigError(
                    "dataset.encoding", f"{shown(self.encoding)} is no encoding that Python knows{near}"
                ) from error


def texts(key: str, values: list[Any]) -> list[str]:
    """Names as texts: on the command line 400, 1e3, null and true are other things, which may be columns nevertheless.

    Raises:
        ConfigError: if an entry is a list or a mapping.
    """
    found = []
    for value in values:
        if value is not None and not isinstance(value, (str, bool, int, float)):
            raise ConfigError(
                key, f"must be a list of names, of which {value} is none; put a name with commas or brackets in quotes"
            )
        found.append(value if isinstance(value, str) else shown(value))
    return found


def character(key: str, value: str, words: dict[str, str]) -> None:
    """Require one character, one of the words for some, or auto."""
    if value != AUTO and value not in words and len(value) != 1:
        raise ConfigError(key, f"must be one character, or one of {', '.join(words)} and auto, not {shown(value)}")
