"""Solvers behind HTTP: a UM-Bridge server, which may be written in any language.

Seelinger et al., "UM-Bridge: Uncertainty quantification and modeling bridge", Journal of Open Source Software 8(83),
4748 (2023).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from binn_cli.datasets.simulator.by_callable import OUTPUT, save
from binn_cli.datasets.simulator.errors import CallFailed, SolverGone, SolverUnusable
from binn_cli.datasets.simulator.solvers import laid_out

ATTEMPTS, PAUSE_SECONDS = 5, 0.4
"""How often and after how long a server that does not answer is asked whether it is there."""


class UmbridgeRunner:
    """Evaluates a model of a server; its sizes are asked once, by whoever is first."""

    keeps_time = False

    def __init__(self, solver: Mapping[str, Any]) -> None:
        """`solver` is as `description.py` describes it, with `sizes` once they are known."""
        self._solver = solver
        self._model: Any = None
        self._sizes: Any = solver.get("sizes")

    def prepare(self) -> dict[str, Any]:
        """Find the model and, unless they are known, ask for the sizes of its inputs and outputs."""
        try:
            import umbridge
        except ModuleNotFoundError:
            raise SolverUnusable('dataset.umbridge needs the extra "umbridge": pip install "binn[umbridge]"') from None
        url, config = self._solver["url"], self._solver["config"]
        try:
            models = umbridge.supported_models(url)
            name = self._solver["model"] or (models[0] if len(models) == 1 else "")
            if name not in models:
                problem = f"has no model {name!r}" if name else "has several models"
                raise SolverUnusable(
                    f"the server at {url} {problem}; name one with dataset.umbridge_model: {', '.join(models)}"
                )
            self._model = umbridge.HTTPModel(url, name)
            if not self._model.supports_evaluate():
                raise SolverUnusable(f"the model {name!r} at {url} cannot be evaluated")
            if self._sizes is None:
                self._sizes = {
                    "inputs": self._model.get_input_sizes(config),
                    "outputs": self._model.get_output_sizes(config),
                }
        except SolverUnusable:
            raise
        except Exception as error:  # the client raises nearly anything
            if is_connection_error(error):
                raise SolverGone(
                    f"no UM-Bridge server answers at {url}; start it, or correct dataset.umbridge"
                ) from error
            raise SolverUnusable(
                f"{url} does not answer as a UM-Bridge server does ({type(error).__name__}: {error})"[:300]
            ) from error
        return {"model": name, "sizes": self._sizes}

    def run(self, directory: Path, case: Mapping[str, Any], timeout: float | None) -> None:
        """See `Runner`."""
        laid_out(directory, self._solver)
        values, place, inputs = list(case["parameters"].values()), 0, []
        for size in self._sizes["inputs"]:
            inputs.append([float(value) for value in values[place : place + size]])
            place += size
        try:
            outputs = self._model(inputs, self._solver["config"])
        except Exception as error:  # the client raises nearly anything
            if not is_connection_error(error):
                raise CallFailed(_reason(error)) from error
            if self._answers():
                raise CallFailed("the server closed the connection before it answered") from error
            raise SolverGone(
                f"the UM-Bridge server at {self._solver['url']} no longer answers; start it again, and binn resume "
                f"goes on with what is kept"
            ) from error
        if not isinstance(outputs, list) or [len(vector) for vector in outputs] != list(self._sizes["outputs"]):
            got = [len(vector) for vector in outputs] if isinstance(outputs, list) else type(outputs).__name__
            raise CallFailed(f"the server gave outputs of the sizes {got}, but had announced {self._sizes['outputs']}")
        import numpy as np

        try:
            arrays = {str(i): np.asarray(vector, dtype=np.float64) for i, vector in enumerate(outputs)}
        except (TypeError, ValueError):
            raise CallFailed("the server gave something else than numbers") from None
        save(directory / OUTPUT, arrays)

    def _answers(self) -> bool:
        """Whether the server is there, perhaps again after a moment."""
        import time

        import umbridge

        for _ in range(ATTEMPTS):
            try:
                umbridge.supported_models(self._solver["url"])
                return True
            except Exception:
                time.sleep(PAUSE_SECONDS)
        return False

    def stop(self) -> None:
        """Nothing: the process itself is ended."""


def is_connection_error(error: Exception) -> bool:
    """Whether nobody was there to answer."""
    import requests

    return isinstance(error, requests.ConnectionError | requests.Timeout)


def _reason(error: Exception) -> str:
    """Why an answer cannot be read; the package's server writes numbers as Python does, and nan is none in JSON."""
    if not isinstance(error, ValueError):  # which an error of JSON is
        return str(error)[:300]
    found = re.search(r"\b(nan|inf)\b", str(getattr(error, "doc", "")))
    if found:
        return f"the server answered with {found.group()}, which is no number"
    return "the server did not answer with JSON, mostly because the model raised an error"
