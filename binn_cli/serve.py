"""The verb `serve`: the surrogate of a run as a UM-Bridge model, which clients in many languages can ask.

Seelinger et al., "UM-Bridge: Uncertainty quantification and modeling bridge", Journal of Open Source Software 8(83),
4748 (2023).
"""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from binn_cli.compiled_code import prepare_jax
from binn_cli.errors import BinnError, MissingExtraError
from binn_cli.learned import Learned
from binn_cli.models.gradient import has_gradient
from binn_cli.restoring import restored, results_of

MODEL = "surrogate"
"""Its name for clients."""
MEAN, STD = 0, 1
"""The places of the two outputs, each a number for every output of the surrogate."""


def serve(run: Path, port: int, host: str) -> int:
    """Answer requests until Ctrl-C.

    Args:
        run: directory of a run, or its results file.
        port: where to listen.
        host: the address of this machine on which to listen; 127.0.0.1 for this machine alone.

    Returns:
        The exit status.

    Raises:
        BinnError: if the run has no surrogate, or somebody listens there already.
        MissingExtraError: if `umbridge` is not installed.
    """
    prepare_jax()
    umbridge = _package()
    learned = restored(results_of(run))
    _require_free(host, port)
    inputs, outputs = ", ".join(learned.inputs), ", ".join(learned.outputs)
    print(f'model "{MODEL}" at http://{host}:{port}: one vector of inputs ({inputs})', file=sys.stderr)
    print(f"outputs: mean and standard deviation of {outputs}; Ctrl-C ends it", file=sys.stderr, flush=True)
    logging.getLogger("aiohttp.server").addFilter(_told_in_a_line)
    with _listening_on(umbridge, host):
        umbridge.serve_models([model_of(umbridge, learned)], port)
    return 0


def model_of(umbridge: Any, learned: Learned) -> Any:
    """The surrogate as a model of the package: one input vector; the means of all outputs, and their standard
    deviations."""

    slopes = has_gradient(learned.surrogate, learned.model.name)

    class Surrogate(umbridge.Model):  # type: ignore[misc]
        def get_input_sizes(self, config: Mapping[str, Any]) -> list[int]:
            return [len(learned.inputs)]

        def get_output_sizes(self, config: Mapping[str, Any]) -> list[int]:
            return [len(learned.outputs)] * 2

        def __call__(self, parameters: Sequence[Sequence[float]], config: Mapping[str, Any]) -> list[list[float]]:
            found = learned.predict(_point(parameters))
            return [found["mean"].values[0].tolist(), found["std_total"].values[0].tolist()]

        def gradient(
            self, out_wrt: int, in_wrt: int, parameters: Any, sens: Any, config: Mapping[str, Any]
        ) -> list[float]:
            return (np.asarray(sens, dtype=float) @ self._slopes(out_wrt, parameters)).tolist()  # type: ignore[no-any-return]

        def apply_jacobian(
            self, out_wrt: int, in_wrt: int, parameters: Any, vec: Sequence[float], config: Mapping[str, Any]
        ) -> list[float]:
            return (self._slopes(out_wrt, parameters) @ np.asarray(vec, dtype=float)).tolist()  # type: ignore[no-any-return]

        def _slopes(self, out_wrt: int, parameters: Any) -> np.ndarray:
            if out_wrt != MEAN:
                raise BinnError(f"derivatives are those of the mean, output {MEAN}; there are none of output {out_wrt}")
            return np.asarray(learned.gradient(_point(parameters)).values[0])

        def supports_evaluate(self) -> bool:
            return True

        def supports_gradient(self) -> bool:
            return slopes

        def supports_apply_jacobian(self) -> bool:
            return slopes

    return Surrogate(MODEL)


def _told_in_a_line(record: logging.LogRecord) -> bool:
    """Say what was wrong with a request, in place of the traceback of the server's library; the client is told too."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return True
    print(f"a request could not be answered: {error or type(error).__name__}", file=sys.stderr, flush=True)
    return False


def _point(parameters: Sequence[Sequence[float]]) -> np.ndarray:
    try:
        return np.asarray([parameters[0]], dtype=float)
    except (TypeError, ValueError):
        raise BinnError(f"inputs must be numbers, not {parameters[0]}") from None


def _package() -> Any:
    try:
        import umbridge
        import umbridge.um
    except ModuleNotFoundError as error:
        raise MissingExtraError("umbridge", "binn serve") from error
    return umbridge


def _require_free(host: str, port: int) -> None:
    try:
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except OSError as error:
        raise BinnError(
            f"{host}:{port} cannot be listened on ({error.strerror}); choose another with --port"
        ) from error


@contextmanager
def _listening_on(umbridge: Any, host: str) -> Iterator[None]:
    """The package's server listens on all interfaces unless it is told where."""
    web = umbridge.um.web
    before = web.run_app
    web.run_app = partial(before, host=host, print=None)
    try:
        yield
    finally:
        web.run_app = before
