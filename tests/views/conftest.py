"""Synthetic runs of every task, as the tasks record them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from binn_cli.datasets.dataset import SurfaceCase
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.metrics import score
from binn_cli.models.surrogate import Prediction
from binn_cli.results.cautions import cautions
from binn_cli.results.record import Header, Predictions, RunRecord, Step
from binn_cli.results.store import write
from binn_cli.results.surface import SurfacePrediction


def header(task: str, dataset: str) -> Header:
    return Header(task, dataset, "binn", "0123abcd", 7, f"task: {task}\n")


def scored(n: int, outputs: int, error: float, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n, outputs))
    variance = np.full(truth.shape, error**2 / 2)
    return score(truth, Prediction(truth + error * rng.normal(size=truth.shape), variance, variance))


def sine() -> RunRecord:
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-1, 1, 200))
    mean = np.sin(3 * x) + 0.3 * np.cos(9 * x)
    data = ProductData(
        (Axis("point", x[:, None], ("x",), ("m",)),), (mean + rng.normal(0, 0.2, 200))[:, None], ("y",), ("V",)
    )
    epistemic = (0.05 + 0.1 * x**2) ** 2
    prediction = Prediction(mean[:, None] + 0.02, epistemic[:, None], np.full((200, 1), 0.04))
    metrics = {"train": scored(60, 1, 0.19), "test": score(data.values, prediction)}
    timings = {"data": 0.01, "compile": 1.2, "fit": 0.034, "predict": 0.002}
    step = Step(60, {}, metrics, timings, 250_000_000)
    predictions = Predictions.of(data, prediction, 20_000)
    return RunRecord(header("regress", "sine"), "complete", steps=(step,), outputs=("y",), predictions=predictions)


def active(n_cases: int, names: tuple[str, ...], rounds: int = 20, outputs: tuple[str, ...] = ("u",)) -> RunRecord:
    rng = np.random.default_rng(1)
    low, high = np.array([1.0, 100.0])[: len(names)], np.array([4.0, 200.0])[: len(names)]
    chosen = low + (high - low) * rng.uniform(size=(rounds, len(names)))
    steps = []
    for i in range(rounds + 1):
        error = 1e-3 * 0.85**i * (1 + 0.1 * rng.normal())
        metrics = {
            s: scored(300, len(outputs), f * error, i)
            for s, f in (("train", 0.7), ("test", 1.0), ("offgrid", 1.3), ("offgrid_at_times", 1.1))
        }
        acquired = dict(zip(names, map(float, chosen[i]), strict=True)) if i < rounds else None
        timings = {"data": 0.4, "compile": 2.0 if i == 0 else 0.0, "fit": 3.1 + 0.1 * i, "acquire": 0.2, "predict": 0.1}
        steps.append(Step(33_813 * (35 + i), {"round": i}, metrics, timings, 900_000_000 + i, acquired))
    state = {
        "initial": low + (high - low) * rng.uniform(size=(n_cases, len(names))),
        "acquired": chosen,
        "held_out": low + (high - low) * rng.uniform(size=(10, len(names))),
        "case_coordinates": np.array(names),
    }
    axes = (
        Axis.of("x", np.linspace(0, 1, 40), "m"),
        Axis.of("y", np.linspace(0, 1, 40), "m"),
        Axis("case", chosen[:10], names),
    )
    truth = rng.normal(size=(40, 40, 10, len(outputs))) * 1e-2
    variance = np.full(truth.shape, 0.5e-6)
    data = ProductData(axes, truth, outputs, ("K",) * len(outputs))
    predictions = Predictions.of(
        data, Prediction(truth + 1.2e-3 * rng.normal(size=truth.shape), variance, variance), 20_000
    )
    task = header("active_learn", "heat" if len(names) == 2 else "poisson")
    return RunRecord(task, "complete", None, {}, tuple(steps), outputs, predictions, None, state)


def scaling() -> RunRecord:
    rng = np.random.default_rng(2)
    steps = []
    for size in (160, 1280, 10_240, 81_920, 655_360, 1_310_720):
        for repeat in range(3):
            coordinates = {"size": size, "repeat": repeat}
            if size == 1_310_720:
                steps.append(
                    Step(size, coordinates, {}, {"fit": np.nan}, warnings=(f"n_train = {size:,} was {SKIPPED}",))
                )
                continue
            fit = (2e-3 + 1e-6 * size) * np.exp(0.1 * rng.normal())
            scores = {"test": scored(2000, 1, 0.2 + 1 / np.sqrt(size), repeat)}
            steps.append(Step(size, coordinates, scores, {"compile": 1.1, "fit": fit}, 200_000_000 + 500 * size))
    state = {"reason_1310720": SKIPPED}
    return RunRecord(header("scaling", "sine"), "complete", steps=tuple(steps), outputs=("y",), state=state)


def doubtful() -> RunRecord:
    """A fit that broke down: no number of it is finite, and the recorder said so."""
    record = sine()
    scores = {name: np.array([np.nan]) for name in record.steps[0].metrics["test"]}
    step = replace(record.steps[0], metrics={"train": record.steps[0].metrics["train"], "test": scores})
    return replace(record, predictions=None, steps=(replace(step, warnings=cautions(step, ("y",))),))


SKIPPED = "skipped: needs 300 GB of memory"


def surface() -> RunRecord:
    """Two outputs on a ball, of data that are not real."""
    theta, phi = (
        a.ravel()
        for a in np.meshgrid(np.linspace(0.05, np.pi - 0.05, 20), np.linspace(0, 2 * np.pi, 40), indexing="ij")
    )
    points = np.column_stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
    corner = (np.arange(19)[:, None] * 40 + np.arange(39)).ravel()
    triangles = np.concatenate(
        [np.stack([corner, corner + 40, corner + 1], 1), np.stack([corner + 1, corner + 40, corner + 41], 1)]
    )
    axes = (
        Axis("point", points, ("x", "y", "z"), ("m",) * 3),
        Axis("case", np.array([[-8.5]]), ("alpha_deg",), ("deg",)),
    )
    truth = np.stack([points[:, 0], points[:, 1] * points[:, 2]], axis=1)[:, None]
    data = ProductData(axes, truth, ("cp", "cf_x"))
    prediction = Prediction(truth + 0.05 * points[:, 2, None, None], 0.01 + 0.01 * truth**2, np.full(truth.shape, 1e-3))
    step = Step(7200, {}, {"test": score(truth, prediction)}, {"fit": 1.5}, 300_000_000)
    named = replace(header("regress", "blendednet"), note="synthetic")
    return RunRecord(
        named,
        "complete",
        steps=(step,),
        outputs=data.outputs,
        predictions=Predictions.of(data, prediction, 500),
        surface=SurfacePrediction.of(SurfaceCase("case_130", points, triangles, data), prediction),
    )


RUNS = {
    "surface": surface,
    "regress": sine,
    "active_learn": lambda: active(35, ("k", "P")),
    "active_line": lambda: active(8, ("p",), outputs=("u", "flux")),
    "scaling": scaling,
    "doubtful": doubtful,
    "failed": lambda: RunRecord(header("regress", "heat"), "failed", "the [disk] is full"),
}


@pytest.fixture(scope="session")
def records() -> dict[str, RunRecord]:
    return {name: build() for name, build in RUNS.items()}


@pytest.fixture(scope="session")
def directories(tmp_path_factory: pytest.TempPathFactory, records: dict[str, RunRecord]) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("runs")
    for name, record in records.items():
        (root / name).mkdir()
        write(root / name / "results.h5", record)
    return {name: root / name for name in records}
