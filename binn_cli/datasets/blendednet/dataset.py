"""The data set `blendednet`: surface pressure and friction of blended wing bodies (the paper's Table 2 and Fig. 5)."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
from jaxtyping import Int

from binn_cli.config.schema import BlendedNetConfig
from binn_cli.datasets.blendednet.archive import is_synthetic, opened
from binn_cli.datasets.blendednet.cache import Cache
from binn_cli.datasets.blendednet.embedded import embedded_archive
from binn_cli.datasets.blendednet.inputs import Inputs
from binn_cli.datasets.blendednet.layout import Layout, Pool, Request, Scattered, laid_out
from binn_cli.datasets.blendednet.selection import Case, Half, Keys
from binn_cli.datasets.blendednet.spool import spooled
from binn_cli.datasets.dataset import Announce, SurfaceCase, silent
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.random_streams import stream
from binn_cli.datasets.rows import RowChunks, TableRows
from binn_cli.errors import ConfigError

_TRAINING = Keys("dataset.folder", "dataset.geometries", "dataset.cases")
_TEST = Keys("dataset.test_folder", "dataset.test_geometries", "dataset.test_cases")
_BETWEEN = Keys("dataset.folder", "dataset.geometries", "dataset.interpolation_cases")


class BlendedNet:
    """Cases of an archive; see `Layout` for the axes.

    Where all selected cases share a mesh, a candidate is a case and the axes are `point` and `case`. Otherwise there is
    one axis, `point`, on which the inputs of its case stand behind those of each point, and a candidate is a point.
    """

    name = "blendednet"
    size_parameter = "train_cases"

    def __init__(self, config: BlendedNetConfig, seed: int) -> None:
        """Reads the tables and checks the selection; the fields are read when they are asked for.

        Raises:
            ConfigError: if the archive or something of the selection is not there.
            DataError: if the archive cannot be used.
        """
        self.config = config
        self.seed = seed
        self.initial_cases = config.initial_cases
        self._archive = opened(embedded_archive() if config.root is None else Path(config.root))
        self.note = "synthetic" if is_synthetic(self._archive) else ""
        self._inputs = Inputs.chosen(config.inputs)
        self._pool = self._selected()
        for case in (*self._pool.training, *self._pool.judged):
            self._inputs.of_case(case)
        self._layout: Layout | None = None
        self._converted = False

    def identity(self) -> dict[str, str]:
        """A digest over the stamps of the selected files: their size, and their checksum in a zip or time of change in
        a folder."""
        members = sorted(case.member for case in (*self._pool.training, *self._pool.judged))
        stamps = [[member, self._archive.stamp(member)] for member in members]
        return {"dataset.root": f"sha256:{hashlib.sha256(json.dumps(stamps).encode()).hexdigest()}"}

    @property
    def candidates(self) -> Axis:
        """The cases with a flight condition each or, where meshes differ, the points of all cases."""
        return self._read(silent).candidates

    @property
    def held_out(self) -> tuple[int, ...]:
        """The candidates of the test splits."""
        return self._read(silent).held_out

    @property
    def order(self) -> Int[np.ndarray, " n"]:
        """All other candidates, in random order."""
        return self._read(silent).order

    def label(self, cases: Sequence[int] | np.ndarray, announce: Announce = silent) -> ProductData:
        """The fields of the given candidates."""
        return self._read(announce).label(np.asarray(cases, dtype=int))

    def training(self, announce: Announce = silent) -> ProductData:
        """The first `train_cases` of the training pool, in random order; all of them where it is null."""
        wanted = self.config.train_cases
        return self._read(announce).training(len(self._pool.training) if wanted is None else wanted)

    def rows(self) -> RowChunks | None:
        """The points of the training cases in a table on the disk, or None where they are to be in memory."""
        if not self.config.stream:
            return None
        self._convert(silent)
        cases = [self._pool.training[row] for row in self._pool.order[: self.config.train_cases]]
        return spooled(
            cases, self._cache, self._inputs, self.config.outputs, self.config.stride, self._directory, silent
        )

    def evaluation_rows(self) -> Mapping[str, RowChunks]:
        """The points of the judged cases, which are in memory."""
        return {name: TableRows(data) for name, data in self.evaluation().items()}

    def remarks(self) -> tuple[str, ...]:
        """Nothing: the table is written before it is read, and never again."""
        return ()

    def evaluation(self, announce: Announce = silent) -> Mapping[str, ProductData]:
        """`test` and, where `interpolation_cases` are named, `interpolation`."""
        if self.config.stream:
            # Nothing of the training cases, which may be larger than memory.
            self._convert(announce)
            return Scattered(self._pool.judged_alone, self._cache, self._request, announce).evaluation()
        return self._read(announce).evaluation()

    def surface(self, announce: Announce = silent) -> SurfaceCase:
        """The first test case on its whole mesh, whatever the stride."""
        self._convert(announce)
        case = self._pool.splits["test"][0]
        mesh = self._cache.mesh(case)
        points = self._cache.coordinates(case, self._inputs.of_points)
        axis = self._inputs.point_axis(points)
        values = self._cache.values(case, self.config.outputs)
        data = ProductData((axis, self._inputs.case_axis([case])), values[:, None], tuple(self.config.outputs))
        return SurfaceCase(case.row.name, mesh.points.astype(np.float64), mesh.triangles, data)

    @cached_property
    def _directory(self) -> Path:
        if self.config.cache:
            return Path(self.config.cache).absolute()
        # It is removed together with this object.
        self._temporary = tempfile.TemporaryDirectory(prefix="binn-blendednet-")
        return Path(self._temporary.name)

    @cached_property
    def _cache(self) -> Cache:
        return Cache(self._directory, self._archive)

    @property
    def _request(self) -> Request:
        return Request(self._inputs, tuple(self.config.outputs), self.config.stride, self.seed)

    def _selected(self) -> Pool:
        config = self.config
        halves = {folder: Half(self._archive, folder) for folder in dict.fromkeys((config.folder, config.test_folder))}
        test = halves[config.test_folder].selected(config.test_geometries, config.test_cases, _TEST)
        between: list[Case] = []
        if config.interpolation_cases:
            between = halves[config.folder].selected(config.geometries, config.interpolation_cases, _BETWEEN)
        held = {case.member for case in (*test, *between)}
        training = [
            case
            for case in halves[config.folder].selected(config.geometries, config.cases, _TRAINING)
            if case.member not in held
        ]
        between = [case for case in between if case.member not in {case.member for case in test}]
        if len(training) < (config.train_cases or 1):
            wanted = "no case is" if config.train_cases is None else f"only {len(training)} cases are"
            raise ConfigError(
                "dataset.train_cases",
                f"{wanted} left for training beside {len(held)} held-out ones; choose more cases or hold fewer out",
            )
        splits = {"test": tuple(test)} | ({"interpolation": tuple(between)} if between else {})
        return Pool(tuple(training), splits, stream(self.seed, "blendednet order").permutation(len(training)))

    def _read(self, announce: Announce) -> Layout:
        if self._layout is None:
            self._convert(announce)
            self._layout = laid_out(self._pool, self._cache, self._request, announce)
        return self._layout

    def _convert(self, announce: Announce) -> None:
        """Fill the cache, one geometry after the other, once."""
        if self._converted:
            return
        cases = sorted((*self._pool.training, *self._pool.judged), key=lambda case: (case.folder, case.row.geometry))
        done = 0
        for _, group in groupby(cases, key=lambda case: (case.folder, case.row.geometry)):
            same = list(group)
            announce("converting cases", done, len(cases))
            self._cache.convert(same, self.config.outputs)
            done += len(same)
        self._converted = True
