"""Ten to a few dozen cases in four parameters, each with a field: error and coverage, against POD with a Gaussian
process for every coefficient."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from binn_cli import build
from binn_cli.datasets.product import ProductData
from tests.studies.closed_fields import HEAT_RANGES, SURFACES, heat_cases, heat_data
from tests.studies.kept import KeptRows, Row
from tests.studies.loop import settings_of
from tests.studies.outside import pod_gp
from tests.studies.page import Study, lacking, table

KEPT = Path("outputs") / "few_cases.jsonl"
MODELS = ("binn", "POD + GP")
TESTED, TEST_SEED = 10, 977


def taken(data: ProductData, cases: Sequence[int]) -> ProductData:
    """Some of the cases."""
    *fields, last = data.axes
    return ProductData((*fields, last.taken(np.asarray(cases))), data.values[..., list(cases), :], data.outputs)


def predicted(model: str, learned: ProductData, asked: ProductData, domain: np.ndarray | None, seed: int) -> Row:
    """For every output and case that is asked for: relative RMSE, coverage, and spread over error.

    An output of a case counts over the standard deviation of its field there.
    """
    began, processor = time.perf_counter(), time.process_time()
    if model == "binn":
        settings = settings_of("dataset=sine", "model=binn", f"seed={seed}")
        found = build.model(settings).fit(learned, domain=domain).predict(asked.axes)
        mean, std = found.mean, found.total_std
    else:
        flat = [data.values.reshape(-1, *data.values.shape[-2:]) for data in (learned, asked)]
        said = [
            pod_gp(learned.axes[-1].points, flat[0][..., i].T, asked.axes[-1].points, seed)
            for i in range(flat[0].shape[-1])
        ]
        mean = np.stack([one.mean.T for one in said], axis=-1).reshape(asked.values.shape)
        std = np.stack([one.std.T for one in said], axis=-1).reshape(asked.values.shape)
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    fields = tuple(range(asked.values.ndim - 2))
    error = np.sqrt(np.mean((mean - asked.values) ** 2, axis=fields))
    spread = np.std(asked.values, axis=fields)
    inside = np.mean(np.abs(mean - asked.values) <= 1.96 * std, axis=fields)
    return {
        "rel_rmse": (error / spread).tolist(),
        "rmse": error.tolist(),
        "coverage": inside.tolist(),
        "honesty": (np.sqrt(np.mean(std**2, axis=fields)) / np.maximum(error, 1e-300)).tolist(),
        "seconds": seconds,
        "processor": processor,
    }


def left_out(kept: KeptRows, name: str, model: str) -> list[Row]:
    """Every case of a surface, predicted from all others."""
    data, found = SURFACES[name].data(), []
    for case in range(data.axes[-1].size):
        others = [i for i in range(data.axes[-1].size) if i != case]
        row = kept.row(
            {"surface": name, "case": case, "model": model},
            lambda o=others, c=case: predicted(model, taken(data, o), taken(data, [c]), None, 0),
        )
        if row is not None:
            found.append(row)
    return found


def heated(kept: KeptRows, count: int, seed: int, model: str) -> Row | None:
    """Ten new cases of the heated plate from so many random ones."""
    domain = np.concatenate([[(0.0, 1.0)] * 3, HEAT_RANGES])
    return kept.row(
        {"heat": count, "seed": seed, "model": model},
        lambda: predicted(
            model, heat_data(heat_cases(count, seed)), heat_data(heat_cases(TESTED, TEST_SEED)), domain, seed
        ),
    )


def study(
    surfaces: Sequence[str] = tuple(SURFACES),
    counts: Sequence[int] = (12, 20, 35),
    seeds: Sequence[int] = (1, 2, 3),
    models: Sequence[str] = MODELS,
    path: Path = KEPT,
    asks: bool = True,
) -> Study:
    """Leave one condition out of every surface, and learn the heated plate from random cases."""
    kept, parts = KeptRows(path, asks), [TEXT]
    rows = []
    for name in surfaces:
        outputs = SURFACES[name].data().outputs
        for model in models:
            found = left_out(kept, name, model)
            if not found:
                continue
            error = np.array([row["rel_rmse"][0] for row in found])
            coverage = np.array([row["coverage"][0] for row in found])
            honesty = np.array([row["honesty"][0] for row in found])
            for i, output in enumerate(outputs):
                rows.append(
                    (
                        name, output, model, str(len(found)),
                        f"{np.median(error[:, i]):.3g}", f"{error[:, i].max():.3g}",
                        f"{coverage[:, i].mean():.3f}", f"{coverage[:, i].min():.3f}",
                        f"{np.median(honesty[:, i]):.2f}",
                    )
                )  # fmt: skip
    headings = (
        "surface",
        "output",
        "model",
        "cases",
        "median error",
        "largest",
        "mean coverage",
        "least",
        "spread over error",
    )
    both = [f"{name} by {model}" for name in surfaces for model in models]
    absent = lacking("", both, {f"{name} by {model}" for name, _, model, *_ in rows})
    parts += ["## One condition left out, of ten", table(headings, rows) if rows else "", absent]
    plate, points = [], {}
    for count in counts:
        for model in models:
            found = [row for seed in seeds if (row := heated(kept, count, seed, model)) is not None]
            if not found:
                continue
            errors = [float(np.sqrt(np.mean(np.square(row["rmse"])))) for row in found]
            coverage = [float(np.mean(row["coverage"])) for row in found]
            points[model, count] = errors
            plate.append(
                (
                    str(count), str(len(found)), model, f"{np.exp(np.mean(np.log(errors))):.2e}", f"{max(errors):.2e}",
                    f"{np.mean(coverage):.3f}", f"{min(coverage):.3f}",
                    f"{np.mean([row['seconds'] for row in found]):.1f}",
                )
            )  # fmt: skip
    headings = ("cases", "draws", "model", "RMSE", "largest", "mean coverage", "least", "seconds")
    sizes = [f"{count} cases by {model}" for count in counts for model in models]
    absent = lacking("", sizes, {f"{count} cases by {model}" for count, _, model, *_ in plate})
    parts += ["## A heated plate from random cases", table(headings, plate) if plate else "", absent]
    text = "\n\n".join(part for part in parts if part)
    return Study("Few cases of fields", text, _figure(points, counts, models), kept.rests_on)


TEXT = """Two surfaces of 2,400 points have fields in closed form for ten flight conditions (altitude, Reynolds
number, Mach number, angle of attack): each is predicted from the nine others. Errors are over the standard deviation
of the field. The heated plate is `dataset=heat` by its series, on 21 x 21 points and nine times, with two more
parameters (the radius of the sources, and the last time), from random cases and for ten others; its RMSE has the unit
of the solution, a geometric mean over draws of the cases. POD + GP is what one would write with scikit-learn: the
singular vectors of the centred fields, and a Gaussian process with one length for each parameter, noise and three
restarts for every coefficient."""


def _figure(points: dict[tuple[str, int], list[float]], counts: Sequence[int], models: Sequence[str]) -> Figure:
    figure, ax = plt.subplots(figsize=(5.0, 3.4), layout="constrained")
    for model, color in zip(models, ("C1", "C0"), strict=False):
        for count in counts:
            own = points.get((model, count), [])
            ax.loglog([count] * len(own), own, "o", color=color, label=model if count == counts[0] else None)
    ax.set(xlabel="random cases in four parameters", ylabel="RMSE of ten new cases", title="heated plate")
    ax.legend()
    return figure
