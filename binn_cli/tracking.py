"""MLflow hears of every run when it has ended; what it keeps is a copy, and the results file stays the record."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from binn_cli.errors import MissingExtraError
from binn_cli.results.fate import COMPLETE, FAILED, RESULTS, fate_of
from binn_cli.results.head import flattened
from binn_cli.results.provenance import DATA_IDENTITY
from binn_cli.results.record import RunRecord
from binn_cli.sweeps.current import current

NOT_PARAMETERS = ("output.", "verbose")
LONGEST_VALUE = 500
"""Letters of a parameter's value that every store of MLflow's takes."""
TAGS = ("program_version", "git_commit", "git_dirty", "code_digest", DATA_IDENTITY, "side_by_side", "argv")


class MlflowTracking(Callback):
    """Hydra's callback: one run of MLflow's for each run, with parameters, scores by step, times and files."""

    def __init__(self, tracking_uri: str, experiment: str, artifacts: Sequence[str]) -> None:
        """The values of conf/hydra/callbacks/mlflow.yaml."""
        self.tracking_uri, self.experiment, self.artifacts = tracking_uri, experiment, tuple(artifacts)

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse to begin what could not be told of."""
        if find_spec("mlflow") is None:
            # What a callback raises is a warning for Hydra.
            current().refusal = MissingExtraError("mlflow", "hydra/callbacks=mlflow")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """As for a single run."""
        self.on_run_start(config)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Tell of the run, wherever its launcher has put it; a failure to do so harms nothing."""
        path = job_return.return_value if job_return.status.name == "COMPLETED" else None
        if not isinstance(path, str) or not Path(path).is_file():
            return
        try:
            self._log(Path(path))
        except Exception as error:
            said = " ".join(str(error).split())[:200]
            print(
                f"MLflow could not be told of {path} ({type(error).__name__}: {said}); it is kept all the same",
                file=sys.stderr,
            )

    def _log(self, path: Path) -> None:
        if "://" not in self.tracking_uri or self.tracking_uri.startswith("file:"):
            # MLflow 3 writes to directories only where somebody says that this is meant, as the configuration does.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.tracking import MlflowClient

        from binn_cli.results.store import read

        record, fate = read(path, arrays=False), fate_of(path.parent)
        client = MlflowClient(tracking_uri=self.tracking_uri)
        found = client.get_experiment_by_name(self.experiment)
        experiment = client.create_experiment(self.experiment) if found is None else found.experiment_id
        began, ended = (_milliseconds(record.provenance.get(name)) for name in ("start_time", "end_time"))
        run = client.create_run(experiment, start_time=began, run_name=path.parent.name).info.run_id
        parameters = [Param(name, value) for name, value in _parameters(record)]
        tags = [RunTag(name, value) for name, value in _tags(record, fate.status, path)]
        metrics = [Metric(name, value, ended, step) for name, value, step in _metrics(record)]
        for first in range(0, max(len(parameters), 1), 100):  # as many as a request may have
            client.log_batch(run, params=parameters[first : first + 100])
        for first in range(0, max(len(metrics), 1), 1000):
            client.log_batch(run, metrics=metrics[first : first + 1000])
        client.log_batch(run, tags=tags)
        for file in sorted({file for pattern in self.artifacts for file in path.parent.glob(pattern)}):
            client.log_artifact(run, str(file))
        status = {COMPLETE: "FINISHED", FAILED: "FAILED"}.get(fate.status, "KILLED")
        client.set_terminated(run, status, ended)


def _milliseconds(time: object) -> int:
    return int(datetime.fromisoformat(str(time)).timestamp() * 1000) if time else int(datetime.now().timestamp() * 1000)


def _parameters(record: RunRecord) -> Iterator[tuple[str, str]]:
    for name, value in flattened(record.header.config).items():
        if not name.startswith(NOT_PARAMETERS):
            yield _named(name), str(value)[:LONGEST_VALUE]


def _tags(record: RunRecord, fate: str, path: Path) -> Iterator[tuple[str, str]]:
    header = record.header
    known = {"config_id": header.config_id, "note": header.note, "reason": record.reason or "", "fate": fate}
    known |= {RESULTS: str(path.absolute()), "mlflow.note.content": record.reason or header.note}
    known |= {name: str(record.provenance[name]) for name in TAGS if name in record.provenance}
    for name, value in known.items():
        if value:
            yield name, value


def _metrics(record: RunRecord) -> Iterator[tuple[str, float, int]]:
    """Name, value and step of every score, and the seconds of every phase."""
    several = len(record.outputs) > 1
    for number, step in enumerate(record.steps):
        for split, scores in step.metrics.items():
            for metric, values in scores.items():
                for output, value in zip(record.outputs, values, strict=True):
                    yield _named("/".join([split, metric, *([output] if several else [])])), float(value), number
        yield "n_train", float(step.n_train), number
        for phase, seconds in step.timings.items():
            yield f"seconds/{phase}", float(seconds), number


def _named(name: str) -> str:
    """A name that MLflow takes."""
    return re.sub(r"[^\w\-. /]", "_", name, flags=re.ASCII)
