"""What a report says in words and small tables: doubts, machines, versions, differences, and the details of a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from binn_cli.results.fate import COMPLETE
from binn_cli.results.head import Head, Scalar
from binn_cli.results.provenance import SIDE_BY_SIDE
from binn_cli.results.record import PHASES, RunRecord
from binn_cli.views.compare.columns import SEED, differing, value_of
from binn_cli.views.compare.summary import Comparison
from binn_cli.views.compare.table import label_of
from binn_cli.views.console import quantities
from binn_cli.views.report.reading import Entry

MOST_VALUES = 12
"""Numbers of a diagnostic that are written out."""


@dataclass(frozen=True)
class Said:
    """A sentence and the runs that it is about."""

    sentence: str
    entries: tuple[Entry, ...]


def warnings_of(entries: Sequence[Entry]) -> list[Said]:
    """Every warning of every run once."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        for step in entry.record.steps if entry.record is not None else ():
            for warning in step.warnings:
                if entry not in found[warning][-1:]:
                    found[warning].append(entry)
    return [Said(sentence, tuple(those)) for sentence, those in found.items()]


def incomplete(entries: Sequence[Entry]) -> list[Entry]:
    """The runs whose numbers are not final, or that have none."""
    return [entry for entry in entries if entry.fate.status != COMPLETE]


def reservations(entries: Sequence[Entry], comparison: Comparison) -> list[str]:
    """What a reader of the numbers should know of how they came about."""
    heads = [entry.head for entry in entries if entry.head is not None]
    found = [sentence[0].upper() + sentence[1:] + "." for sentence in comparison.notes]
    for name, what in {
        "code_digest": "The runs were computed by {} different versions of the code.",
        "cpu_model": "The runs were computed on {} kinds of processors: times compare within one kind.",
    }.items():
        kinds = {str(head.provenance.get(name, "")) for head in heads} - {""}
        if len(kinds) > 1:
            found.append(what.format(len(kinds)))
    dirty = sum(1 for head in heads if head.provenance.get("git_dirty"))
    if dirty:
        found.append(
            f"{dirty} of {len(heads)} {'run was' if len(heads) == 1 else 'runs were'} computed by code with changes "
            f"that no commit has; the digest of the code tells which."
        )
    notes = sorted({f"{head.dataset}: {head.note}" for head in heads if head.note})
    return [*found, *(f"Data of {note}." for note in notes)]


@dataclass(frozen=True)
class Machine:
    """A kind of machine, and the runs that it computed."""

    name: str
    entries: tuple[Entry, ...]


def machines(entries: Sequence[Entry]) -> list[Machine]:
    """The machines of the runs."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.head is not None:
            found[_machine(entry.head)].append(entry)
    return [Machine(name, tuple(those)) for name, those in found.items()]


def _machine(head: Head) -> str:
    known = head.provenance
    cores, memory = known.get("cpu_count"), known.get("memory_bytes")
    parts = [
        str(known.get("cpu_model") or "an unknown processor"),
        f"{cores} cores" if cores else "",
        quantities.size(float(memory)) if isinstance(memory, int | float) and memory else "",
        str(known.get("platform") or ""),
        f"Python {known['python']}" if known.get("python") else "",
        f"{known['processes']} processes" if known.get("processes") not in (None, 1) else "",
    ]
    return ", ".join(part for part in parts if part)


def timings_of(entry: Entry) -> list[tuple[str, str]]:
    """Seconds by phase over all steps, and whether anything else was going on."""
    if entry.head is None:
        return []
    spent = entry.head.timings
    rows = [(phase, quantities.seconds(spent[phase])) for phase in PHASES if phase in spent]
    beside = entry.head.provenance.get(SIDE_BY_SIDE)
    return [*rows, ("other runs beside it", str(beside))] if beside else rows


@dataclass(frozen=True)
class Difference:
    """A key of the configuration, and which runs have which value."""

    key: str
    values: tuple[tuple[str, tuple[Entry, ...]], ...]


def differences(entries: Sequence[Entry]) -> list[Difference]:
    """The keys that set the runs apart, seeds too."""
    known = [(entry, run) for entry in entries if (run := entry.run) is not None]
    runs = [run for _, run in known]
    keys = [*differing(runs), *([SEED] if len({run.head.seed for run in runs}) > 1 else [])]
    found = []
    for key in keys:
        values: dict[Scalar, list[Entry]] = defaultdict(list)
        for entry, run in known:
            values[value_of(run, key)].append(entry)
        labelled = tuple(("not set" if v is None else label_of(v), tuple(those)) for v, those in values.items())
        found.append(Difference(key, labelled))
    return found


def provenance(entries: Sequence[Entry]) -> list[Difference]:
    """What the files say of versions and code: each value once, with the runs that have it."""
    heads = [(entry, entry.head) for entry in entries if entry.head is not None]
    passed = ("argv", "start_time", "end_time", "resume_time", "data", SIDE_BY_SIDE)
    names = [name for name in dict.fromkeys(n for _, head in heads for n in head.provenance) if name not in passed]
    found = []
    for name in names:
        values: dict[str, list[Entry]] = defaultdict(list)
        for entry, head in heads:
            values[label_of(head.provenance.get(name))].append(entry)
        found.append(Difference(name, tuple((value, tuple(those)) for value, those in values.items())))
    return found


@dataclass(frozen=True)
class ScoreRow:
    """One metric of a run on all splits and outputs."""

    metric: str
    cells: tuple[str, ...]


def score_columns(head: Head) -> list[str]:
    """The headings of the scores of a run."""
    several = len(head.outputs) > 1
    return [f"{split}, {output}" if several else split for split in head.metrics for output in head.outputs]


def scores(head: Head) -> list[ScoreRow]:
    """Every metric of the last step, to four digits."""
    metrics = list(dict.fromkeys(metric for named in head.metrics.values() for metric in named))
    columns = [(named, i) for named in head.metrics.values() for i in range(len(head.outputs))]
    return [ScoreRow(metric, tuple(_precise(named.get(metric), i) for named, i in columns)) for metric in metrics]


def _precise(values: Sequence[float | None] | None, i: int) -> str:
    value = None if values is None else values[i]
    return quantities.MISSING if value is None else f"{value:.4g}".replace("-", "−")


def diagnostics(record: RunRecord) -> list[tuple[str, str]]:
    """What the model says of its last fit."""
    last: Mapping[str, np.ndarray] = record.steps[-1].diagnostics if record.steps else {}
    return [(name, _short(np.asarray(values))) for name, values in last.items()]


def _short(values: np.ndarray) -> str:
    if values.dtype.kind not in "biuf":
        return ", ".join(map(str, values.ravel()[:MOST_VALUES]))
    flat = values.astype(float).ravel()
    texts = [quantities.number(value) for value in flat[:MOST_VALUES]]
    if flat.size <= MOST_VALUES:
        return ", ".join(texts)
    shape = " × ".join(map(str, values.shape))
    return f"{', '.join(texts[:4])}, …, {quantities.number(flat[-1])} ({shape} values)"
