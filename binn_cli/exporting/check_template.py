"""Checks the evaluator against what binn itself says at some points: python test_evaluator.py, or pytest."""

from pathlib import Path

import numpy as np
from evaluator import Surrogate

HERE = Path(__file__).parent


def test_evaluator():
    """Mean and both standard deviations, to the share of each output's range that `check.npz` states."""
    with np.load(HERE / "check.npz", allow_pickle=False) as check:
        found = Surrogate(HERE / "weights.npz").predict(check["points"])
        for name, values in zip(("mean", "std_epistemic", "std_total"), found, strict=True):
            off = np.abs(values - check[name]).max(axis=0) / check["size"]
            assert (off <= check["tolerance"]).all(), f"{name} is off by {off} of the size of the outputs"
    return found


if __name__ == "__main__":
    test_evaluator()
    print("the evaluator says what binn says")
