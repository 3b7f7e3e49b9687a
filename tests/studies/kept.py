"""Results of a study that are kept one by one, so that a study which is ended early has lost nothing and goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]


@dataclass
class KeptRows:
    """Rows of a JSON-lines file, each known by what it was made from.

    Attributes:
        path: the file.
        asks: whether rows that are not there are made; without, there are only those.
    """

    path: Path
    asks: bool = True
    rows: dict[str, Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read what is there."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        for line in lines:
            row = json.loads(line)
            self.rows[_key(row["of"])] = row

    def row(self, of: Row, make: Callable[[], Row]) -> Row | None:
        """What was found of `of`, made now if it is not known; None where it is not and nothing shall be made."""
        key = _key(of)
        if key not in self.rows and self.asks:
            row = {"of": of, **make()}
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            self.rows[key] = row
        return self.rows.get(key)


def _key(of: Row) -> str:
    return json.dumps(of, sort_keys=True)
