"""The task `sensitivity`: Sobol indices of the inputs of a surrogate, in total and over the field."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from binn_cli.config.schema import SensitivityConfig
from binn_cli.models.binn.sums_of_products import sums_of_products
from binn_cli.models.deviations import Deviations, deviations_of
from binn_cli.results.answers import Answer
from binn_cli.results.provenance import peak_rss_bytes
from binn_cli.results.record import Step
from binn_cli.results.recorder import Recorder
from binn_cli.tasks.evaluation import Timer
from binn_cli.tasks.questions.distributions import Joint, joint_of
from binn_cli.tasks.questions.sensitivity.closed_form import parts_in_closed_form
from binn_cli.tasks.questions.sensitivity.indices import (
    Parts,
    averaged,
    grid_of,
    nodes_of,
    parts_from_samples,
    parts_on_grid,
)
from binn_cli.tasks.questions.sensitivity.inputs import inputs_in_question
from binn_cli.tasks.questions.sensitivity.intervals import BLOCKS, Known, known_indices
from binn_cli.tasks.questions.source import Group, Source, grid_groups

NODES, FIELD_NODES = {1: 64, 2: 40, 3: 24, 4: 11}, {1: 24, 2: 12, 3: 7}
"""Gauss points along each input, by the number of inputs, without and with a field."""
FEWER_NODES, FEWER_FIELD_NODES = {1: 24, 2: 14, 3: 10, 4: 5}, {1: 12, 2: 7, 3: 5}
"""The same for every draw."""
FEWER_POINTS = 256
"""Sampled points for every draw."""
DRAWN_AT = 20_000
"""Points of the field and of the inputs at which draws are evaluated at most."""
UNEXPRESSED = 1e-3
"""Noise over the spread of the output up to which it may as well be what the surrogate cannot express."""
PATIENCE, PROBED = 60.0, 2048
"""Seconds that sampling may take, and points by which its time is foreseen."""


class Sensitivity:
    """One step: indices of the mean, and of draws around it."""

    def __init__(self, config: SensitivityConfig, max_points: int) -> None:
        """`max_points` does not matter."""
        del max_points
        self.config = config

    def ask(self, source: Source, recorder: Recorder) -> None:
        """Compute and record.

        Raises:
            ConfigError: if an input or a distribution does not fit the surrogate.
        """
        config = self.config
        names, rest = inputs_in_question(config, source)
        joint = joint_of(source, "task.distributions", names, config.distributions)
        recorder.describe(f"{source.name} ({source.model}), asked how much {', '.join(names)} matter")
        recorder.plan(1)
        with Timer() as timer:
            field = grid_groups(source, rest, config.field_points)
            asked = _Asked(source, joint, field, config)
            recorder.announce("indices of the mean", 0, 2)
            parts, blocks = asked.of_mean()
            recorder.announce(f"indices of {config.draws} draws", 1, 2)
            squares = asked.squared_error()
            found = _Found.of(parts, blocks, asked.of_draws(), squares, tuple(range(len(field))))
        outputs = source.scope.outputs
        constant = np.atleast_1d(np.isnan(found.total["total"][0]).all(axis=0))
        said = [
            *joint.remarks(),
            *(
                f"{name} does not vary: it has no indices"
                for name, is_so in zip(outputs, constant, strict=True)
                if is_so
            ),
        ]
        if not constant.all() and not squares.any():
            said.append(f"model={source.model} states no error of its own, so that the intervals leave it out")
        step = Step(
            n_train=source.trained,
            timings={"fit": timer.seconds},
            peak_rss_bytes=peak_rss_bytes(),
            warnings=tuple(said),
            notes=(asked.note,),
        )
        answer = found.answer(names, outputs, field)
        recorder.step(step, outputs=outputs, answers={"sensitivity": answer})


@dataclass
class _Asked:
    """The surrogate as a function of probabilities of the inputs in question, at the points of the field."""

    source: Source
    joint: Joint
    field: list[Group]
    config: SensitivityConfig
    note: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the field, and the number of outputs."""
        return (*(len(group.points) for group in self.field), len(self.source.scope.outputs))

    def __call__(self, probability: np.ndarray) -> np.ndarray:
        """(n, *field, L)"""
        return self.source.mean([Group(self.joint.names, self.joint.at(probability)), *self.field])

    def of_mean(self) -> tuple[Parts, list[Parts]]:
        """Parts of the variance of the mean; where they are sampled also those from blocks of the sample."""
        sums = None if self.field else sums_of_products(self.source.surrogate)
        if sums is not None:
            columns = [self.source.scope.inputs.index(name) for name in self.joint.names]
            if (parts := parts_in_closed_form(sums, columns, self.joint)) is not None:
                self.note = "in closed form, the mean of the surrogate being a sum of products"
                return parts, []
        rule = self._rule(NODES, FIELD_NODES)
        if rule is not None:
            nodes, weights = rule
            self.note = f"by Gauss quadrature, {' x '.join(str(len(w)) for w in weights)} points of the inputs"
            return parts_on_grid(self(grid_of(nodes)), weights), []
        points = self._affordable()
        self.note = f"by sampling, {points:,} Sobol points"
        whole, *blocks = parts_from_samples(self, len(self.joint.names), points, [self.config.seed, 91], blocks=BLOCKS)
        return whole, blocks

    def of_draws(self) -> tuple[list[Parts], Parts]:
        """Parts of each draw, and of the mean at the same points."""
        source, config = self.source, self.config
        drawn = deviations_of(source.surrogate, source.scope, config.draws, config.seed)
        rule = self._rule(FEWER_NODES, FEWER_FIELD_NODES)
        if rule is not None:
            nodes, weights = rule
            unit = grid_of(nodes)
            mean = self(unit)
            away = self._away(drawn, unit)
            return [parts_on_grid(mean + one, weights) for one in away], parts_on_grid(mean, weights)
        # All draws at once, along a dimension of the values behind those of the field.
        count = len(self.joint.names)

        def every(unit: np.ndarray) -> np.ndarray:
            mean = self(unit)
            return np.concatenate([mean[..., None], np.moveaxis(self._away(drawn, unit), 0, -1) + mean[..., None]], -1)

        (parts,) = parts_from_samples(every, count, self._fewer(), [config.seed, 92], pairs=count <= 8)
        each = [_at(parts, s) for s in range(parts.variance.shape[-1])]
        return each[1:], each[0]

    def squared_error(self) -> np.ndarray:
        """What the surrogate says of its own squared error (*field, L), on average over the inputs."""
        rows = int(np.clip(DRAWN_AT // max(1, int(np.prod(self.shape[:-1]))), 16, 512))
        unit = np.random.default_rng([self.config.seed, 93]).random((rows, len(self.joint.names)))
        mean, own, noise = self.source.variances([Group(self.joint.names, self.joint.at(unit)), *self.field])
        most = UNEXPRESSED**2 * np.var(mean, axis=0)
        # A surrogate that knows nothing of its error says nothing here either.
        known = own.mean(axis=0)
        return np.where(known > 0, known + np.minimum(noise.mean(axis=0), most), 0.0)

    def _away(self, drawn: Deviations, unit: np.ndarray) -> np.ndarray:
        """Differences of draws from the mean (S, n, *field, L)."""
        table = self.source.table([Group(self.joint.names, self.joint.at(unit)), *self.field])
        found = drawn(table)
        return found.reshape(len(found), len(unit), *self.shape)

    def _rule(
        self, plain: dict[int, int], with_field: dict[int, int]
    ) -> tuple[list[np.ndarray], list[np.ndarray]] | None:
        """Nodes and weights of every input, where the inputs are few enough."""
        known = with_field if self.field else plain
        count = known.get(len(self.joint.names))
        if count is None:
            return None
        rules = [nodes_of(marginal.levels, count) for marginal in self.joint.marginals]
        return [x for x, _ in rules], [w for _, w in rules]

    def _fewer(self) -> int:
        size = int(np.prod(self.shape[:-1])) * (len(self.joint.names) + 2)
        return 2 ** int(np.log2(np.clip(2 * DRAWN_AT // size, 32, FEWER_POINTS)))

    def _affordable(self) -> int:
        """As many points as were asked for, or as can be sampled within the patience of a user."""
        d = len(self.joint.names)
        wanted = 2 ** int(np.log2(self.config.points))
        probe = max(2, PROBED // max(1, int(np.prod(self.shape[:-1]))))
        self(np.full((2, d), 0.5))
        began = time.perf_counter()
        self(np.random.default_rng(0).random((probe, d)))
        per_point = (time.perf_counter() - began) / probe * (2 * d + 2)
        return max(64, min(wanted, 2 ** int(np.log2(max(PATIENCE / per_point, 64.0)))))


def _at(parts: Parts, draw: int) -> Parts:
    return Parts(*(getattr(parts, name)[..., draw] for name in ("variance", "first", "total", "second", "mean")))


@dataclass(frozen=True)
class _Found:
    """Indices in total and over the field, with standard deviations and intervals.

    Attributes:
        total, field: by name value, standard deviation and 95 % interval (last dimension).
        variance: (L,) mean variance over the field.
        share: (*field, L) variance over the field.
    """

    total: dict[str, Known]
    field: dict[str, Known]
    variance: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(
        cls,
        mean: Parts,
        blocks: list[Parts],
        draws: tuple[list[Parts], Parts],
        squares: np.ndarray,
        axes: tuple[int, ...],
    ) -> _Found:
        """Draws say how far indices are from those of the mean, both at the same points; blocks of a sample how far
        those of the mean are from what all points would give; the squared error of the surrogate what draws miss."""
        every, at_same = draws
        whole = [[one.over(axes) for one in parts] for parts in (every, blocks)]
        total = known_indices(mean.over(axes), whole[0], at_same.over(axes), whole[1], averaged(squares, axes))
        field = known_indices(mean, every, at_same, blocks, squares) if axes else {}
        return cls(total, field, mean.over(axes).variance, mean.variance)

    def answer(self, names: Sequence[str], outputs: Sequence[str], field: Sequence[Group]) -> Answer:
        """The group `sensitivity`."""
        labels = {name: np.array(list(values), dtype=object) for name, values in
                  {"input": names, "output": outputs, "other": names, "bound": ("low", "high")}.items()}  # fmt: skip
        groups = {}
        if self.field:
            dimensions = [_dimension(group.names[0]) for group in field]
            scales = {key: labels[key] for key in ("input", "output", "bound")}
            scales |= {key: group.points[:, 0] for key, group in zip(dimensions, field, strict=True)}
            chosen = {name: values for name, values in self.field.items() if name != "second_order"}
            arrays = _arrays(chosen, tuple(dimensions))
            arrays["variance"] = (self.spread, (*dimensions, "output"))
            groups["fields"] = Answer(scales, arrays)
        arrays = _arrays(self.total, ())
        arrays["variance"] = (self.variance, ("output",))
        return Answer(labels, arrays, groups)


def _arrays(values: dict[str, Known], field: tuple[str, ...]) -> dict[str, tuple[np.ndarray, tuple[str, ...]]]:
    arrays = {}
    for name, (value, std, interval) in values.items():
        along = ("input", *(("other",) if name == "second_order" else ()), *field, "output")
        arrays[name], arrays[f"{name}_std"] = (value, along), (std, along)
        arrays[f"{name}_interval_95"] = (interval, (*along, "bound"))
    return arrays


def _dimension(name: str) -> str:
    plain = name.replace("/", "\N{DIVISION SLASH}")
    return f"{plain} (input)" if plain in ("input", "output", "other", "bound", "variance") else plain
