"""Runs from Python: measurements as xarray, the configuration, the provenance, and the surrogate that was learned.

import binn_cli

run = binn_cli.load("outputs/2026-11-22_11-28-13_regress_sine_binn")
run.metrics["rmse"].sel(split="test")
run.predict({"x": [0.1, 0.2]})
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import xarray

from binn_cli.errors import BinnError
from binn_cli.learned import Learned
from binn_cli.models.surrogate import FittedSurrogate
from binn_cli.restoring import restored, results_of
from binn_cli.results.fate import COMPLETE, RESULTS, UNREADABLE, Fate, fate_of
from binn_cli.results.gather import gathered
from binn_cli.results.record import RunRecord
from binn_cli.results.store import opened, read

RunPath = str | os.PathLike[str]
"""The directory of a run, or its results file."""


class Run:
    """A run as its results file holds it; immutable, and read piece by piece as it is asked for.

    Attributes:
        path: the results file.
    """

    def __init__(self, path: Path) -> None:
        """See `load`."""
        self.path = path
        with opened(path):
            pass

    def __repr__(self) -> str:
        return f"<binn run {self.task} · {self.dataset} · {self.model}, {self.status}, {self.path}>"

    @cached_property
    def _record(self) -> RunRecord:
        return read(self.path, arrays=False)

    @property
    def status(self) -> str:
        """What became of it: "complete", "running", "failed", "interrupted", "timed out", "out of memory", "killed"."""
        return self._fate.status

    @property
    def reason(self) -> str:
        """Why it is not complete; empty where it is."""
        return self._record.reason or self._fate.reason

    @property
    def task(self) -> str:
        """The option of the `task` group."""
        return self._record.header.task

    @property
    def dataset(self) -> str:
        """The option of the `dataset` group."""
        return self._record.header.dataset

    @property
    def model(self) -> str:
        """The option of the `model` group."""
        return self._record.header.model

    @property
    def note(self) -> str:
        """What must be said of the data, such as "synthetic"; mostly empty."""
        return self._record.header.note

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self._record.header.seed

    @property
    def config_id(self) -> str:
        """The hash of the configuration, sixteen digits."""
        return self._record.header.config_id

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration: `run.config["model"]["name"]`."""
        import yaml

        return dict(yaml.safe_load(self._record.header.config))

    @property
    def provenance(self) -> Mapping[str, str | int | float | bool]:
        """Versions, machine, command line, start and end, and what the data are known by."""
        return self._record.provenance

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self._record.outputs

    @cached_property
    def metrics(self) -> xarray.Dataset:
        """Scores by name, dimensions (step, split, output)."""
        return self._group("metrics")

    @cached_property
    def timings(self) -> xarray.Dataset:
        """Seconds by phase, dimension (step).

        `provenance["side_by_side"]` says how many other runs shared the machine at some time.
        """
        return self._group("timings")

    @cached_property
    def steps(self) -> xarray.Dataset:
        """Training points, rounds or sizes, acquired cases and warnings, dimension (step)."""
        return self._group("step")

    @cached_property
    def resources(self) -> xarray.Dataset:
        """Peak memory in bytes, dimension (step)."""
        return self._group("resources")

    @cached_property
    def diagnostics(self) -> xarray.Dataset:
        """What the model says of its fits, first dimension (step)."""
        return self._group("diagnostics")

    @cached_property
    def predictions(self) -> xarray.Dataset:
        """Of the last step, on a sample of the test split.

        `inputs` (point, input); `truth`, `mean`, `std_epistemic` and `std_total` (point, output), in original units.

        Raises:
            BinnError: if the run ended before its first step.
        """
        return self._group("predictions")

    @cached_property
    def posterior(self) -> xarray.Dataset:
        """Draws of a model that samples, dimensions (chain, draw, …), as ArviZ takes them.

        Raises:
            BinnError: if the run has none.
        """
        for place in ("posterior", "surrogate/posterior"):
            if self._has(place):
                return self._group(place)
        raise BinnError(f"{self.path}: the model {self.model} keeps no draws, so there is no posterior group")

    @cached_property
    def estimate(self) -> xarray.Dataset:
        """What task=inverse found: mean, std, interval_95 and more, by the name of the unknown.

        Raises:
            BinnError: if nobody asked this run for it.
        """
        return self._group("estimate")

    @cached_property
    def sensitivity(self) -> xarray.Dataset:
        """What task=sensitivity found: first_order, total, second_order, each with its std and interval_95.

        Raises:
            BinnError: if nobody asked this run for it.
        """
        return self._group("sensitivity")

    @cached_property
    def optimum(self) -> xarray.Dataset:
        """What task=optimize found: inputs, mean and std, and how sure the place is.

        Raises:
            BinnError: if nobody asked this run for it.
        """
        return self._group("optimum")

    @cached_property
    def learned(self) -> Learned:
        """What the run has learned, with `predict`, `gradient` and `update`.

        Raises:
            BinnError: if the run ended before its first fit, or this version cannot restore what another one kept.
        """
        return restored(self.path)

    @property
    def surrogate(self) -> FittedSurrogate:
        """The fitted surrogate itself; its `predict` takes axes, as documented there, and `Run.predict` names and
        values.

        Raises:
            BinnError: as `learned`.
        """
        return self.learned.surrogate

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in the order in which the surrogate takes them.

        Raises:
            BinnError: as `learned`.
        """
        return self.learned.inputs

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest training value of every input; nothing where an older version has not kept them.

        Raises:
            BinnError: as `learned`.
        """
        return self.learned.ranges

    def predict(self, points: Mapping[str, Any] | Any, *, grid: bool = False, std: bool = True) -> xarray.Dataset:
        """What the surrogate says at some points, in original units: see `Learned.predict`."""
        return self.learned.predict(points, grid=grid, std=std)

    def gradient(self, points: Mapping[str, Any] | Any) -> xarray.DataArray:
        """Derivatives of the mean, dimensions (point, output, input): see `Learned.gradient`."""
        return self.learned.gradient(points)

    def update(self, rows: Mapping[str, Any] | Any, forgetting: float = 1.0) -> Learned:
        """What the surrogate becomes with more rows; the run stays as it is: see `Learned.update`."""
        return self.learned.update(rows, forgetting)

    @cached_property
    def _fate(self) -> Fate:
        if self._record.status == COMPLETE or self.path.name != RESULTS:
            return Fate(self._record.status)
        return fate_of(self.path.parent)

    def _has(self, group: str) -> bool:
        with opened(self.path) as file:
            return group in file

    def _group(self, name: str) -> xarray.Dataset:
        if not self._has(name):
            raise BinnError(f"{self.path}: has no {name}; the run ended before its first step ({self.status})")
        with xarray.open_dataset(self.path, group=name, engine="h5netcdf") as data:
            return data.load()


class Runs(Sequence[Run]):
    """Several runs, in the order of their names; what they have in common comes as one data set along `run`.

    Attributes:
        others: what became of those that are not complete or cannot be read.
    """

    def __init__(self, runs: Iterable[Run], others: Iterable[Fate] = ()) -> None:
        """See `load_many`."""
        self._runs = tuple(runs)
        self.others = tuple(others)

    @overload
    def __getitem__(self, index: int) -> Run: ...

    @overload
    def __getitem__(self, index: slice) -> Runs: ...

    def __getitem__(self, index: int | slice) -> Run | Runs:
        return Runs(self._runs[index], self.others) if isinstance(index, slice) else self._runs[index]

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def __repr__(self) -> str:
        return f"<{len(self)} binn runs, {len(self.others)} others>"

    @cached_property
    def metrics(self) -> xarray.Dataset:
        """Scores, dimensions (run, step, split, output); NaN where a run has no such step, split or output.

        Task, data set, model, seed and `config_id` are coordinates of `run`.
        """
        return self._along_run([run.metrics for run in self])

    @cached_property
    def timings(self) -> xarray.Dataset:
        """Seconds by phase, dimensions (run, step)."""
        return self._along_run([run.timings for run in self])

    def _along_run(self, parts: Sequence[xarray.Dataset]) -> xarray.Dataset:
        if not parts:
            raise BinnError("there is no run among them")
        whole = xarray.concat(parts, dim="run", join="outer", data_vars="all", coords="minimal", compat="override")
        labels = {
            name: ("run", [getattr(run, name) for run in self])
            for name in ("task", "dataset", "model", "seed", "config_id")
        }
        return whole.assign_coords({"run": [str(run.path.parent) for run in self], **labels})


def load(run: RunPath) -> Run:
    """A run.

    Args:
        run: its directory, or its results file.

    Raises:
        BinnError: if there is none, it cannot be read, was written by a newer version, or there are several.
    """
    return Run(results_of(Path(run)))


def load_many(*names: RunPath, complete: bool = True, unreadable: str = "raise") -> Runs:
    """Several runs.

    Args:
        names: directories of runs, of sweeps and of outputs, results files, and patterns such as `"outputs/*_sweep"`;
            of a job of a sweep that was tried several times the last attempt counts, and of equal runs the last one.
        complete: whether to leave out runs that are not complete; `Runs.others` has them.
        unreadable: "raise", or "skip" to leave out files that cannot be read, which `Runs.others` then has.

    Raises:
        BinnError: if a name leads nowhere, or a file cannot be read.
    """
    if unreadable not in ("raise", "skip"):
        raise ValueError(f'unreadable must be "raise" or "skip", not {unreadable!r}')
    found = gathered([os.fspath(name) for name in names])
    damaged = [fate for fate in found.others if fate.status == UNREADABLE]
    if damaged and unreadable == "raise":
        rest = f", and {len(damaged) - 1} more cannot be read" if len(damaged) > 1 else ""
        raise BinnError(f'{damaged[0].reason}{rest}; load_many(…, unreadable="skip") leaves them out')
    runs = [Run(run.directory / RESULTS) for run in found.runs]
    if not complete:
        runs += [Run(path) for fate in found.others if fate.status != UNREADABLE and (path := fate.results) is not None]
    return Runs(sorted(runs, key=lambda run: str(run.path)), found.others)
