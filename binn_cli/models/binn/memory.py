"""What a surrogate keeps of its data, from which it learns on when more come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.tucker.cases import Cases


@dataclass(frozen=True)
class Rows:
    """The rows of a table, in original units.

    Attributes:
        inputs: (n, D).
        outputs: (n, L).
    """

    inputs: Float[np.ndarray, "n D"]
    outputs: Float[np.ndarray, "n L"]

    def tree(self) -> dict[str, Any]:
        """Names and arrays, for `/surrogate`."""
        return {"kind": "rows", "inputs": self.inputs, "outputs": self.outputs}


@dataclass(frozen=True)
class PastCases:
    """The cases of product data, compressed.

    Attributes:
        cases: the cases.
        chosen_at: numbers of cases at which lengths and ranks were chosen, the latest last.
    """

    cases: Cases
    chosen_at: tuple[int, ...]

    def tree(self) -> dict[str, Any]:
        """Names and arrays, for `/surrogate`."""
        return {"kind": "cases", "chosen_at": np.asarray(self.chosen_at), **self.cases.tree()}


@dataclass(frozen=True)
class Nothing:
    """Nothing is kept: the rows were too many. The posterior of the weights is then the prior of what comes."""

    def tree(self) -> dict[str, Any]:
        """That nothing is kept, for `/surrogate`."""
        return {"kind": "nothing"}


Memory = Rows | PastCases | Nothing


def memory_from_tree(tree: Mapping[str, Any]) -> Memory:
    """The memory that `tree` described."""
    kind = str(tree["kind"])
    if kind == "rows":
        return Rows(np.asarray(tree["inputs"]), np.asarray(tree["outputs"]))
    if kind == "cases":
        return PastCases(Cases.from_tree(tree), tuple(int(c) for c in np.atleast_1d(tree["chosen_at"])))
    return Nothing()
