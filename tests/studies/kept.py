"""Results of a study that are kept one by one, so that a study which is ended early has lost nothing and goes on."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from binn_cli.results.provenance import code_digest

Row = dict[str, Any]


@dataclass
class KeptRows:
    """Rows of a JSON-lines file, each known by what it was made from (`of`), with the digest of the package that made
    it (`code`) and the seconds that it took (`took`).

    Attributes:
        path: the file.
        asks: whether rows that are not there are made; without, there are only those.
        rows: those of the file.
        used: those that were asked for and are there.
        wanted: how many were asked for, each once.
    """

    path: Path
    asks: bool = True
    rows: dict[str, Row] = field(default_factory=dict)
    used: dict[str, Row] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Read what is there."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        for line in lines:
            row = json.loads(line)
            self.rows[_key(row["of"])] = row

    def row(self, of: Row, make: Callable[[], Row]) -> Row | None:
        """What was found of `of`, made now if it is not known; None where it is not and nothing shall be made."""
        if _key(of) not in self.rows and self.asks:
            began = time.perf_counter()
            self._keep(of, make(), time.perf_counter() - began)
        return self._given(of)

    def results(
        self,
        function: Callable[..., Any],
        jobs: Sequence[tuple[Any, ...]],
        settings: Row,
        processes: int = 0,
    ) -> dict[tuple[Any, ...], Any]:
        """What a function gives for each job, plain numbers, lists or texts, several side by side; only for those that
        are known where nothing shall be made.

        Args:
            function: of a module; called with the job's items, the settings by name, and `store`, a directory for the
                calls of solvers.
            jobs: in the order in which they are begun.
            settings: the same for all; results of other settings are not taken.
            processes: how many run at once; 0 for this process alone.
        """
        known = json.loads(json.dumps(settings))
        ofs = {job: {"job": list(job), "settings": known} for job in jobs}
        missing = [job for job, of in ofs.items() if _key(of) not in self.rows] if self.asks else []
        others = {**settings, "store": str(self.path.parent / "calls")}
        if not processes:
            for job in missing:
                self._keep(ofs[job], *_timed(function, job, others))
        elif missing:
            with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
                begun = {pool.submit(_timed, function, job, others): job for job in missing}
                for one in as_completed(begun):
                    self._keep(ofs[begun[one]], *one.result())
        rows = {job: self._given(of) for job, of in ofs.items()}
        return {job: row["result"] for job, row in rows.items() if row is not None}

    @property
    def rests_on(self) -> str:
        """How many results there are, of how many, what they took, and which code made them."""
        rows = list(self.used.values())
        took = [row["took"] for row in rows if "took" in row]
        others = sum(row.get("code") != code_digest() for row in rows)
        part = f" of {len(self.wanted):,} that the study asks for" if len(rows) < len(self.wanted) else ""
        parts = [f"from {len(rows):,} kept results{part}"]
        if took:
            of = f"{len(took):,} of them" if len(took) < len(rows) else "they"
            parts.append(f"{of} took {sum(took):,.0f} seconds in all")
        if len(took) < len(rows):
            parts.append("of the others nobody kept the seconds" if took else "nobody kept what they took")
        if others:
            of = f"{others:,} of them were" if others < len(rows) else "they were"
            parts.append(f"{of} made by other code than that of this version")
        return "; ".join(parts)

    def _given(self, of: Row) -> Row | None:
        key = _key(of)
        self.wanted.add(key)
        if key in self.rows:
            self.used[key] = self.rows[key]
        return self.rows.get(key)

    def _keep(self, of: Row, found: Any, seconds: float) -> None:
        found = found if isinstance(found, dict) else {"result": found}
        own = {"of": of, "code": code_digest(), "took": round(seconds, 3)}
        if clash := own.keys() & found.keys():
            raise ValueError(f"{', '.join(sorted(clash))}: a result may not be called so, which says what it is of")
        row = {**own, **found}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self.rows[_key(of)] = row


def _timed(function: Callable[..., Any], job: tuple[Any, ...], others: Row) -> tuple[Any, float]:
    began = time.perf_counter()
    found = function(*job, **others)
    return {"result": found}, time.perf_counter() - began


def _key(of: Row) -> str:
    return json.dumps(of, sort_keys=True)
