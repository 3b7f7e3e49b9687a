"""Cost and accuracy against the amount of data: every size in a fresh process, so that none inherits another's memory
or caches."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from binn_cli.config.schema import ScalingConfig
from binn_cli.datasets.dataset import Dataset, reading_of
from binn_cli.errors import BinnError
from binn_cli.models.surrogate import Surrogate
from binn_cli.results.record import Step
from binn_cli.results.recorder import Recorder

SKIPPED = "skipped:"
"""What a measuring process's error begins with when the model refuses a size, such as one that would not fit in
memory."""


TOO_LONG = "took longer than task.timeout"
"""What the reason of a size begins with that was ended by its time limit; larger ones are not tried."""


class SizeFailed(BinnError):
    """A size that could not be measured."""

    def __init__(self, reason: str, said: str | bytes | None) -> None:
        """`said` is what its process wrote on stdout before it failed, among it how many points the size has, if it
        came so far."""
        super().__init__(reason)
        self.n_train: int | None = _spoken(said).get("n_train")


class Scaling:
    """The `scaling` task: one step a size."""

    def __init__(self, config: ScalingConfig, resolved: Mapping[str, Any]) -> None:
        """`resolved` is the whole configuration, from which each process builds its own dataset and model."""
        self.config = config
        self.resolved = resolved

    def run(self, dataset: Dataset, model: Surrogate, recorder: Recorder) -> None:
        """Measure every size in their order; a size that fails is recorded with its reason and the others go on, but
        for those that are larger than one which took too long.

        Raises:
            BinnError: at the end, if any size failed other than by the model's own refusal or the time limit, or none
                was measured.
        """
        sizes = list(self.config.sizes)
        parameter = dataset.size_parameter if self.config.parameter is None else self.config.parameter
        recorder.plan(len(sizes))
        recorder.describe(reading_of(dataset, recorder.announce))
        state = dict(recorder.record.state or {})
        for size in sizes[len(recorder.record.steps) :]:
            recorder.announce(f"{parameter} = {size:,} in a process of its own, which also compiles", 0, 1)
            late = [one for one in sizes if str(state.get(f"reason_{one}", "")).startswith(TOO_LONG)]
            try:
                if late and size > min(late):
                    raise SizeFailed(f"{SKIPPED} {min(late):,} {TOO_LONG}", None)
                step, outputs = self._measured(parameter, size)
            except SizeFailed as error:
                step, outputs = _failed_step(parameter, size, error), None
                state[f"reason_{size}"] = str(error)
            recorder.step(step, outputs=outputs, state=state)
        # From the state, so that a resumed run still knows what failed before.
        reasons = [(size, str(state[f"reason_{size}"])) for size in sizes if f"reason_{size}" in state]
        expected = () if len(reasons) == len(sizes) else (SKIPPED, TOO_LONG)
        failures = [f"{size:,}: {reason}" for size, reason in reasons if not (expected and reason.startswith(expected))]
        if failures:
            raise BinnError(f"{len(failures)} of {len(sizes)} sizes failed ({'; '.join(failures)})")

    def _measured(self, parameter: str, size: int) -> tuple[Step, tuple[str, ...]]:
        """One size in a process of its own."""
        request = {**self.resolved, "dataset": {**self.resolved["dataset"], parameter: size}}
        # A persistent compilation cache would hide what compiling costs from every size but the first ever run.
        environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false"}
        command = [sys.executable, "-m", "binn_cli.measure", str(self.config.repeats)]
        try:
            done = subprocess.run(
                command,
                input=json.dumps(request),
                text=True,
                capture_output=True,
                timeout=self.config.timeout,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SizeFailed(f"{TOO_LONG} = {self.config.timeout:g} s", error.stdout) from None
        if done.returncode < 0:
            name = signal.Signals(-done.returncode).name
            raise SizeFailed(f"the process was stopped by {name}; perhaps there was not enough memory", done.stdout)
        if done.returncode != 0:
            said = [line for line in done.stderr.strip().splitlines() if line]
            raise SizeFailed(said[-1] if said else f"the process ended with status {done.returncode}", done.stdout)
        return _measured_step(size, _spoken(done.stdout))


def _spoken(said: str | bytes | None) -> dict[str, Any]:
    """What a measuring process said in all its JSON lines; other lines are chatter of libraries, or cut off."""
    text = said.decode(errors="replace") if isinstance(said, bytes) else said or ""
    known: dict[str, Any] = {}
    for line in text.splitlines():
        try:
            found = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(found, dict):
            known |= found
    return known


def _measured_step(size: int, answer: Mapping[str, Any]) -> tuple[Step, tuple[str, ...]]:
    metrics = {
        split: {name: np.array(v, dtype=float) for name, v in named.items()}
        for split, named in answer["metrics"].items()
    }
    diagnostics = {name: np.array(values, dtype=float) for name, values in answer["diagnostics"].items()}
    step = Step(
        n_train=answer["n_train"],
        coordinates={"size": size},
        metrics=metrics,
        timings=answer["timings"],
        peak_rss_bytes=answer["peak_rss_bytes"],
        diagnostics={**diagnostics, "fit_seconds": np.array(answer["fit_seconds"])},
    )
    return step, tuple(answer["outputs"])


def _failed_step(parameter: str, size: int, error: SizeFailed) -> Step:
    """A step without numbers; its points are those that its process counted, and 0 where it did not come so far and
    nobody knows."""
    known = size if parameter == "n_train" else 0
    reason = str(error)
    outcome = f"was {reason}" if reason.startswith(SKIPPED) else f"failed: {reason}"
    outcome = reason if reason.startswith(TOO_LONG) else outcome
    return Step(
        n_train=known if error.n_train is None else error.n_train,
        coordinates={"size": size},
        timings={"fit": float("nan")},
        warnings=(" ".join(f"{parameter} = {size:,} {outcome}".split()),),
    )
