"""A fitted surrogate out of a results file, whatever its model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from binn_cli.build import fitted
from binn_cli.cli import main
from binn_cli.datasets.product import Axis
from binn_cli.errors import BinnError
from binn_cli.results.store import read


@pytest.mark.parametrize("model", ["binn", "gp", "mlp"])
def test_a_run_is_predicted_with_again(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        main(
            ["run", "dataset=sine", "task=regress", f"model={model}", "budget=smoke", "output.figures=false", "seed=2"]
        )
        == 0
    )
    record = read(Path(capsys.readouterr().out.splitlines()[-1]))
    kept = record.predictions
    assert kept is not None
    found = fitted(record).predict([Axis("point", kept.inputs, kept.input_names)])
    np.testing.assert_allclose(found.mean, kept.mean, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.total_std, kept.std_total, rtol=1e-3)


def test_a_run_without_a_fit_is_said(tmp_path: Path) -> None:
    from tests.tasks.fakes import new_recorder

    with pytest.raises(BinnError, match="it ended before its first fit"):
        fitted(new_recorder(tmp_path, "regress").record)
