"""Our kernels, units and threads in the words of GPBoost, and its messages where ours go."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gpboost
import numpy as np
from jaxtyping import Float

from binn_cli.errors import DataError
from binn_cli.models.cores import available_cores

KERNELS: dict[str, dict[str, Any]] = {
    "rbf": {"cov_function": "gaussian"},
    "matern52": {"cov_function": "matern", "cov_fct_shape": 2.5},
}
"""What GPBoost calls a kernel; with `_ard` it has one length for each input."""
RANGE = {"rbf": np.sqrt(2.0), "matern52": 1.0}
"""GPBoost's range over our length: its Gaussian kernel is exp(−d²/ρ²), ours exp(−d²/(2 l²))."""
PREDICTING = 2
"""Neighbours of a point that is predicted, over those of a training point."""


class Messages(logging.Logger):
    """What GPBoost would print: into our log, and its warnings into a list."""

    def __init__(self) -> None:
        super().__init__("gpboost")
        self.warnings: list[str] = []

    def _log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        said = " ".join(str(msg).split()).removeprefix("[GPBoost] ")
        if not said:
            return
        logging.getLogger("binn").debug("GPBoost: %s", said)
        if said.startswith("[Warning] "):
            # The first sentence says what happened, the rest what the library's options are.
            self.warnings.append(said.removeprefix("[Warning] ").removeprefix("GPModel: ").partition(". ")[0])


@contextlib.contextmanager
def listening() -> Iterator[Messages]:
    """GPBoost's messages while something of it runs; what it refuses is an error of ours.

    Raises:
        DataError: with what GPBoost says.
    """
    heard = Messages()
    gpboost.register_logger(heard)
    try:
        yield heard
    except gpboost.basic.GPBoostError as error:
        said = " ".join(str(error).split())
        raise DataError(f"model=gp_vecchia: GPBoost cannot learn these points: {said}") from error


def process_of(
    kind: str, x: Float[np.ndarray, "n D"], copies: int, neighbours: int, *, separate: bool
) -> gpboost.GPModel:
    """A process of GPBoost over n points, the same for each of some outputs.

    Args:
        kind: name of our kernel.
        x: the points.
        copies: outputs, each a realisation of its own.
        neighbours: points that each depends on; with as few points as that the process is the exact one.
        separate: whether every input has a length of its own.
    """
    words = dict(KERNELS[kind])
    if separate:
        words["cov_function"] += "_ard"
    if len(x) > neighbours + 1:
        words |= {"gp_approx": "vecchia", "num_neighbors": neighbours}
    return gpboost.GPModel(
        gp_coords=np.tile(x, (copies, 1)),
        cluster_ids=np.repeat(np.arange(copies), len(x)),
        likelihood="gaussian",
        num_parallel_threads=available_cores(),
        **words,
    )


def parameters(kind: str, theta: Float[np.ndarray, " P"]) -> Float[np.ndarray, " P"]:
    """GPBoost's noise variance, signal variance and ranges of our logarithms of lengths, signal and noise."""
    values = np.exp(theta)
    return np.array([values[-1], values[-2], *(RANGE[kind] * values[:-2])])


def theta_of(kind: str, found: Float[np.ndarray, " P"]) -> Float[np.ndarray, " P"]:
    """The inverse of `parameters`."""
    return np.log([*(found[2:] / RANGE[kind]), found[1], found[0]])


@dataclass(frozen=True)
class Process:
    """A process conditioned on the outputs of a group.

    Attributes:
        model: GPBoost's, over points in units of their lengths, so that neighbours are those of highest correlation.
        values: its noise variance, signal variance and range.
        lengths: (D,) length scales.
        y: (n, l) the outputs.
    """

    model: gpboost.GPModel = field(repr=False)
    values: Float[np.ndarray, " 3"]
    lengths: Float[np.ndarray, " D"]
    y: Float[np.ndarray, "n l"]

    def at(self, new: Float[np.ndarray, "m D"]) -> tuple[Float[np.ndarray, "m l"], Float[np.ndarray, " m"]]:
        """Mean of the outputs at m points, and the variance that they share."""
        count = self.y.shape[1]
        with listening():
            said = self.model.predict(
                y=self.y.T.ravel(),
                cov_pars=self.values,
                gp_coords_pred=np.tile(new / self.lengths, (count, 1)),
                cluster_ids_pred=np.repeat(np.arange(count), len(new)),
                predict_var=True,
                predict_response=False,
            )
        return said["mu"].reshape(count, -1).T, said["var"][: len(new)]

    def log_evidence(self) -> float:
        """Of all points, in scaled units."""
        with listening():
            return -float(self.model.neg_log_likelihood(cov_pars=self.values, y=self.y.T.ravel()))


def conditioned_process(
    kind: str, theta: Float[np.ndarray, " P"], x: Float[np.ndarray, "n D"], y: Float[np.ndarray, "n l"], neighbours: int
) -> Process:
    """The process with given hyperparameters, after the outputs of a group."""
    lengths = np.exp(theta[:-2])
    noise, signal, *_ = parameters(kind, theta)
    with listening():
        model = process_of(kind, x / lengths, y.shape[1], neighbours, separate=False)
        if len(x) > neighbours + 1:
            model.set_prediction_data(num_neighbors_pred=min(PREDICTING * neighbours, len(x)))
    return Process(model, np.array([noise, signal, RANGE[kind]]), lengths, y)
