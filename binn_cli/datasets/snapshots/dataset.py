"""The data set `snapshots`: simulations that exist, one file each."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int

from binn_cli.config.schema import SnapshotsConfig
from binn_cli.config.schema.kinds import kinds_of, text_choices
from binn_cli.datasets.arrangement import Arrangement, ByCase, ByMesh
from binn_cli.datasets.columns.column_file import Reading
from binn_cli.datasets.columns.hdf5_file import Hdf5File
from binn_cli.datasets.columns.streaming import FileRows
from binn_cli.datasets.dataset import Announce, silent
from binn_cli.datasets.kinds import require_kinds
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.random_streams import stream
from binn_cli.datasets.row_table import write_rows
from binn_cli.datasets.rows import Chunk, RowChunks
from binn_cli.datasets.snapshots.conversion import Converted, Fields, converted
from binn_cli.datasets.snapshots.members import members_of
from binn_cli.datasets.snapshots.parameters import found_simulations
from binn_cli.datasets.structure import found_structure
from binn_cli.errors import ConfigError, DataError

FEW = 0.5
"""Share of the files up to which those with another mesh than most are taken for a mistake."""


class Snapshots:
    """Simulations as cases: at the same points, or each with points of its own; see `arrangement.py`."""

    name = "snapshots"
    note = ""
    size_parameter = "train_cases"

    def __init__(self, config: SnapshotsConfig, seed: int) -> None:
        """Lists the files and reads the parameters; fields are read when they are asked for.

        Raises:
            ConfigError: if there is no folder, no output is named, or nothing says the parameters.
            DataError: if the table names a file that is not there.
        """
        if not config.path:
            raise ConfigError(
                "dataset.path", "names nothing; give the folder, or the zip, with one file per simulation"
            )
        if not config.outputs:
            raise ConfigError("dataset.outputs", "names no field; name those that are to be learned, such as [p]")
        self.config, self.seed = config, seed
        self.initial_cases = config.initial_cases
        self._converted: list[Converted] | None = None
        self._arranged: Arrangement | None = None
        self._members = members_of(Path(config.path))
        reading = Reading(choices=text_choices(config.kinds))
        self._simulations = found_simulations(
            self._members, config.table, config.pattern, config.file_column, config.parameters, reading
        )
        if len(self._simulations.files) < 2:
            raise DataError(
                f"{config.path}: holds {len(self._simulations.files) or 'no'} simulation; at least 2 are needed, one "
                f"for the test"
            )
        files, values = self._simulations.files, self._simulations.values
        kinds = {name: kind for name, kind in kinds_of(config.kinds).items() if name in self._simulations.names}
        require_kinds(values, self._simulations.names, kinds, lambda row: str(self._members.root / files[row]))

    def identity(self) -> dict[str, str]:
        """A digest over the content of all files that are used, and that of the table of parameters."""
        known = [[name, self._members.digest(name)] for name in self._simulations.files]
        values = self._simulations.values.tolist()
        text = json.dumps([known, list(self._simulations.names), values])
        return {"dataset.path": f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"}

    def reading(self, announce: Announce = silent) -> str:
        """What was read, in one line."""
        files, simulations = self._files(announce), self._simulations
        inputs = [
            *zip(files[0].coordinates, files[0].units, strict=True),
            *zip(simulations.names, simulations.units, strict=True),
        ]
        outputs = zip(self.config.outputs, files[0].output_units, strict=True)
        missing = sum(file.missing for file in files)
        parts = [
            f"{self._members.root.name}: {simulations.line}",
            f"inputs {_listed(inputs)}",
            f"output{'s' if len(self.config.outputs) > 1 else ''} {_listed(list(outputs))}",
            f"{missing:,} points left out, where an output is missing" if missing else "",
            self._shape_line(files),
        ]
        return "; ".join(part for part in parts if part)

    def _shape_line(self, files: Sequence[Converted]) -> str:
        if not self._shared(files):
            sizes = [file.size for file in files]
            return f"{len(files):,} cases with points of their own, {min(sizes):,} to {max(sizes):,}"
        return (
            self._arrangement(silent).text
            if not self.config.stream
            else f"{len(files):,} cases on the same {files[0].size:,} points"
        )

    @property
    def candidates(self) -> Axis:
        """The simulations by their parameters."""
        simulations = self._simulations
        return Axis("case", simulations.values, simulations.names, simulations.units)

    @cached_property
    def held_out(self) -> tuple[int, ...]:
        """The simulations that are set aside, ascending."""
        files = self._simulations.files
        if self.config.test_cases:
            return tuple(sorted(self._row(name) for name in self.config.test_cases))
        count = max(1, round(self.config.test_share * len(files)))
        if count >= len(files):
            problem = (
                f"leaves none of {len(files)} simulations for training; lower it, or name files with dataset.test_cases"
            )
            raise ConfigError("dataset.test_share", problem)
        return tuple(
            np.sort(
                stream(self.seed, "snapshots test").choice(len(files), count, replace=False, shuffle=False)
            ).tolist()
        )

    def _row(self, name: str) -> int:
        files = self._simulations.files
        found = [row for row, file in enumerate(files) if name in (file, Path(file).name, Path(file).stem)]
        if len(found) != 1:
            problem = (
                "is no file of a simulation" if not found else f"may be {' or '.join(files[row] for row in found[:3])}"
            )
            raise ConfigError("dataset.test_cases", f"{name!r} {problem}")
        return found[0]

    @cached_property
    def order(self) -> Int[np.ndarray, " n"]:
        """All other simulations in random order."""
        left = np.delete(np.arange(self.candidates.size), np.asarray(self.held_out, dtype=int))
        order = stream(self.seed, "snapshots order").permutation(left)
        order.flags.writeable = False
        return order

    def field_axes(self) -> tuple[Axis, ...]:
        """See `HasFields`."""
        return self._arrangement(silent).field_axes

    def label(self, cases: Sequence[int] | np.ndarray, announce: Announce = silent) -> ProductData:
        """The fields of the given simulations."""
        return self._arrangement(announce).label(cases)

    def training(self, announce: Announce = silent) -> ProductData:
        """The first train_cases simulations of `order`, or all of them."""
        return self.label(self._trained, announce)

    @property
    def _trained(self) -> Int[np.ndarray, " n"]:
        if self.config.train_cases > len(self.order):
            problem = (
                f"must be at most {len(self.order):,}, the simulations not set aside, not {self.config.train_cases:,}"
            )
            raise ConfigError("dataset.train_cases", problem)
        return self.order[: self.config.train_cases or None]

    def evaluation(self, announce: Announce = silent) -> Mapping[str, ProductData]:
        """`test`: the simulations that are set aside."""
        if not self.config.stream:
            return {"test": self.label(self.held_out, announce)}
        x, y = (np.concatenate(parts) for parts in zip(*self._rows_of(self.held_out, silent), strict=True))
        files = self._files(announce)
        units = (*files[0].units, *self._simulations.units)
        return {
            "test": ProductData(
                (Axis("point", x, self._inputs, units),), y, tuple(self.config.outputs), files[0].output_units
            )
        }

    def rows(self) -> RowChunks | None:
        """The points of the training simulations in a table on the disk, or None where they are to be in memory."""
        if not self.config.stream:
            return None
        files, chosen = self._files(silent), self._trained
        what = [
            [files[row].values.name, files[row].mesh.name, self._simulations.values[row].tolist()] for row in chosen
        ]
        text = json.dumps([what, list(self._inputs), self.config.outputs, self.config.stride, self.config.missing])
        path = self._directory / f"rows-{hashlib.sha256(text.encode()).hexdigest()[:16]}.h5"
        if not path.is_file():
            write_rows(path, self._inputs, self.config.outputs, self._rows_of(chosen, silent))
        table = Hdf5File.of(path, Reading())
        return FileRows(table, self._inputs, tuple(self.config.outputs), table.count(self._inputs))

    def remarks(self) -> tuple[str, ...]:
        """Nothing: the table is written before it is read, and never again."""
        return ()

    @property
    def _inputs(self) -> tuple[str, ...]:
        return (*self._files(silent)[0].coordinates, *self._simulations.names)

    def _rows_of(self, chosen: Sequence[int] | np.ndarray, announce: Announce) -> Iterator[Chunk]:
        """The points of one simulation after the other, each with its parameters, without those that lack an output."""
        files = self._files(announce)
        for row in chosen:
            points, values = files[row].points()[:: self.config.stride], files[row].read()[:: self.config.stride]
            whole = np.isfinite(values).all(axis=1)
            own = np.broadcast_to(self._simulations.values[row], (len(points), len(self._simulations.names)))
            yield np.concatenate([points, own], axis=1)[whole], values[whole]

    def _files(self, announce: Announce) -> list[Converted]:
        """All simulations, converted."""
        if self._converted is None:
            config = self.config
            fields = Fields(tuple(config.outputs), tuple(config.coordinates), config.location)
            found = converted(self._members, self._simulations.files, fields, self._directory, announce)
            self._require_alike(found)
            self._converted = found
        return self._converted

    def _require_alike(self, files: Sequence[Converted]) -> None:
        """Raise for files that differ where they should not."""
        names, root = self._simulations.files, self._members.root
        usual = Counter(file.coordinates for file in files).most_common(1)[0][0]
        for name, file in zip(names, files, strict=True):
            if file.coordinates != usual:
                raise DataError(
                    f"{root / name}: has the coordinates {', '.join(file.coordinates)}, but most files "
                    f"{', '.join(usual)}"
                )
            if file.coordinates == files[0].coordinates and (what := next(self._other_units(file, files[0]), "")):
                raise DataError(f"{root / name}: {what}; convert one of them, and state the same unit")
            if file.missing and self.config.missing == "refuse":
                problem = f"{', '.join(self.config.outputs)}: missing at {file.missing:,} of {file.size:,} points"
                raise DataError(
                    f"{root / name}: {problem}; mend the file, or leave such points out with dataset.missing=drop"
                )
        clash = sorted(set(usual) & set(self._simulations.names))
        if clash:
            raise DataError(
                f"{root}: {clash[0]!r} is a coordinate and a parameter; choose with dataset.coordinates and "
                f"dataset.parameters"
            )
        mesh, count = Counter(file.mesh for file in files).most_common(1)[0]
        others = [(name, file) for name, file in zip(names, files, strict=True) if file.mesh != mesh]
        if not others or self.config.meshes == "own" or (self.config.meshes == "auto" and count <= FEW * len(files)):
            return
        name, file = others[0]
        size = next(one.size for one in files if one.mesh == mesh)
        where = (
            f"{file.size:,} points where {count:,} other files have {size:,}"
            if file.size != size
            else "its points elsewhere"
        )
        raise DataError(
            f"{root / name}: has another mesh than the rest ({where}; {len(others)} of {len(files)} files differ); "
            f"mend it, remove it, "
            "or say with dataset.meshes=own that each file has its own"
        )

    def _other_units(self, file: Converted, first: Converted) -> Iterator[str]:
        """What is in another unit than in the first file."""
        own = zip((*file.coordinates, *self.config.outputs), (*file.units, *file.output_units), strict=True)
        for (name, unit), known in zip(own, (*first.units, *first.output_units), strict=True):
            if unit and known and unit != known:
                yield f"{name!r} is in {unit}, but in {known} in {self._simulations.files[0]}"

    def _shared(self, files: Sequence[Converted]) -> bool:
        return self.config.meshes != "own" and len({file.mesh for file in files}) == 1

    def _arrangement(self, announce: Announce) -> Arrangement:
        if self._arranged is None:
            files = self._files(announce)
            self._arranged = (
                self._on_one_mesh(files, announce) if self._shared(files) else self._on_many(files, announce)
            )
        return self._arranged

    def _on_one_mesh(self, files: Sequence[Converted], announce: Announce) -> Arrangement:
        """Points, or the axes of the grid that they are, times cases."""
        points, (names, units) = files[0].points()[:: self.config.stride], (files[0].coordinates, files[0].units)
        structure = found_structure(points, names)
        if structure is None or structure.share < 1:
            axes: tuple[Axis, ...] = (Axis("node", points, names, units),)
            place = np.arange(len(points))
            text = f"a mesh of {len(points):,} points × {len(files):,} cases"
        else:
            axes = tuple(
                Axis(
                    names[own[0]] if len(own) == 1 else "node",
                    there,
                    tuple(names[k] for k in own),
                    tuple(units[k] for k in own),
                )
                for own, there in zip(structure.columns, structure.points, strict=True)
            )
            place = structure.flat
            sizes = " × ".join(f"{n:,}" for n in (*structure.shape, len(files)))
            text = f"{structure.text.partition(' (')[0]} × {len(files):,} cases ({sizes})"
        values = np.empty((len(points), len(files), len(self.config.outputs)))
        for case, file in enumerate(files):
            announce("reading converted files", case, len(files))
            values[place, case] = file.read()[:: self.config.stride]
        values = values.reshape(*(axis.size for axis in axes), len(files), len(self.config.outputs))
        observed = np.asarray(np.isfinite(values).all(axis=-1))
        data = ProductData(
            (*axes, self.candidates), values, tuple(self.config.outputs), files[0].output_units, observed
        )
        return ByCase(data, text)

    def _on_many(self, files: Sequence[Converted], announce: Announce) -> Arrangement:
        """All points of all cases in one table."""
        parts = list(self._rows_of(range(len(files)), announce))
        x, y = (np.concatenate(tables) for tables in zip(*parts, strict=True))
        units = (*files[0].units, *self._simulations.units)
        data = ProductData(
            (Axis("point", x, self._inputs, units),), y, tuple(self.config.outputs), files[0].output_units
        )
        case = np.repeat(np.arange(len(files)), [len(part[0]) for part in parts])
        return ByMesh(data, case, self.candidates)

    @cached_property
    def _directory(self) -> Path:
        if self.config.cache:
            return Path(self.config.cache).absolute()
        # It is removed together with this object.
        self._temporary = tempfile.TemporaryDirectory(prefix="binn-snapshots-")
        return Path(self._temporary.name)


def _listed(named: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name} [{unit}]" if unit else name for name, unit in named)
