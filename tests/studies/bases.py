"""Which basis is best where: error, coverage and time of every basis on the three data sets, through the public
model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from binn_cli.config.schema import BASES, BinnConfig, HeatConfig, PoissonConfig, SineConfig
from binn_cli.datasets.dataset import Dataset
from binn_cli.datasets.heat import Heat
from binn_cli.datasets.poisson import Poisson
from binn_cli.datasets.product import ProductData
from binn_cli.datasets.sine import Sine, sine
from binn_cli.metrics import score
from binn_cli.models.binn.surrogate import Binn
from binn_cli.tasks.evaluation import domain_of
from binn_cli.views.plots.style import COLOURS, GREY, LINES, MARKERS
from tests.studies.page import Study, table


@dataclass(frozen=True)
class Trial:
    """One basis with one number of centres on one problem.

    Attributes:
        problem, basis, centers: what was tried; `auto` is the program's own choice.
        rmse, coverage: by split; coverage of the 95 % interval.
        seconds: of the fit, compilation left out.
    """

    problem: str
    basis: str
    centers: str
    rmse: Mapping[str, float]
    coverage: Mapping[str, float]
    seconds: float


@dataclass(frozen=True)
class Problem:
    """A data set, the numbers of centres to try, and the splits to judge on.

    Attributes:
        datasets: the same data set for one or more seeds, over which the scores are averaged.
        centers: each a number, a list with one an input, or auto, with a label.
    """

    name: str
    datasets: Sequence[Dataset]
    centers: Mapping[str, object]


def trial(problem: Problem, basis: str, label: str) -> Trial:
    """Fit on every seed's training split and score every other one."""
    scores: list[dict[str, tuple[float, float]]] = []
    seconds = []
    for dataset in problem.datasets:
        data = dataset.training()
        domain = domain_of(dataset, data) if dataset.name != "sine" else None
        model = Binn(BinnConfig(basis=basis, centers=problem.centers[label]))
        model.fit(data, domain=domain)  # compiles
        fitted = model.fit(data, domain=domain)
        seconds.append(fitted.report.fit_seconds)
        found = {name: score(split.values, fitted.predict(split.axes)) for name, split in _splits(dataset).items()}
        scores.append({name: (float(s["rmse"][0]), float(s["coverage_95"][0])) for name, s in found.items()})
    rmse = {name: float(np.sqrt(np.mean([s[name][0] ** 2 for s in scores]))) for name in scores[0]}
    coverage = {name: float(np.mean([s[name][1] for s in scores])) for name in scores[0]}
    return Trial(problem.name, basis, label, rmse, coverage, float(np.median(seconds)))


def _splits(dataset: Dataset) -> Mapping[str, ProductData]:
    """The data set's own splits; for noisy data also `function`, the same points without noise."""
    splits = dict(dataset.evaluation())
    if isinstance(dataset, Sine):
        splits["function"] = replace(splits["test"], values=sine(splits["test"].axes[0].points))
    return splits


def problems(seeds: int = 5) -> list[Problem]:
    """The data sets at their default sizes."""

    def counts(numbers: Sequence[int], *rest: int, inputs: int = 1) -> dict[str, object]:
        stated: dict[str, object] = {str(n): [n] * inputs + list(rest) if inputs > 1 else n for n in numbers}
        return {**stated, "auto": "auto"}

    line, cube, plane = (
        counts((10, 20, 40)),
        counts((8, 12, 16, 24), 2, inputs=3),
        counts((13, 26, 51), 10, 8, 2, inputs=2),
    )
    return [
        Problem("sine, N = 60", [Sine(SineConfig(n_test=1000), s) for s in range(seeds)], line),
        Problem("sine, N = 10,240", [Sine(SineConfig(n_train=10_240, n_test=1000), s) for s in range(seeds)], line),
        Problem("poisson, 28 cases", [Poisson(PoissonConfig(), 0)], cube),
        Problem("heat, 55 cases", [Heat(HeatConfig(source_centers=_sources()), 0)], plane),
    ]


def _sources() -> list[list[float]]:
    line = np.linspace(0.1, 0.9, 4)
    return [[float(x), float(y)] for x in line for y in line]


def judged(found: Trial) -> str:
    """The split whose error decides: off the grid where there is one, the noise-free function where the data are
    noisy."""
    return next(name for name in ("offgrid", "function", "test") if name in found.rmse)


def covered(found: Trial) -> str:
    """The split whose coverage matters: observations, with their noise, where the data are noisy."""
    return "offgrid" if "offgrid" in found.rmse else "test"


def best(trials: Sequence[Trial]) -> Trial:
    """The trial of the smallest error on the split that decides."""
    return min(trials, key=lambda t: t.rmse[judged(t)])


def study(chosen: Sequence[Problem] | None = None) -> Study:
    """Every basis, a few numbers of centres, every problem."""
    chosen = problems() if chosen is None else chosen
    trials = [trial(problem, basis, label) for problem in chosen for basis in BASES for label in problem.centers]
    winners, sections = [], []
    for problem in chosen:
        own = [t for t in trials if t.problem == problem.name]
        tops = [best([t for t in own if t.basis == basis]) for basis in BASES]
        first = best(tops)
        settings = f"{first.centers} centres, RMSE {first.rmse[judged(first)]:.2e}"
        winners.append(f"- {problem.name}: **{first.basis}** ({settings}), ahead of {_runners(tops)}")
        tables = f"The best number of centres for each basis:\n\n{_table(tops)}\n\nAll:\n\n{_table(own)}"
        sections.append(f"## {problem.name}\n\n{tables}")
    text = """
Every basis with the program's defaults but for the number of centres (`model.centers`): in each spatial input of
poisson and heat the stated number, with 2 for p, and 10, 8, 2 for t, k and P; `auto` is the program's own choice for
every input. `model.padding` is auto: hat, bspline and chidenn have no more nodes beyond the ends than they need. The
smallest error off the grid decides; sine has no grid, there it is the error against the noise-free function at random
points (`function`, root mean square over {seeds} seeds), and coverage is that of noisy observations (`test`). Coverage
is that of 95 % intervals, seconds those of a fit, compilation left out.

{winners}

- Why: neighbouring weights are independent in the prior. Gaussians that overlap by several spacings make a smooth
function of them all the same, so more centres than the data need do no harm, and what lies between the nodes is
inferred from them. A compact basis as fine as the data, or finer, falls back to zero between nodes, or is free there
where the functions beyond the ends are not determined: few centres, or noisy data and many points, are where it is at
its best.

{sections}
""".format(winners="\n".join(winners), sections="\n\n".join(sections), seeds=len(chosen[0].datasets))
    return Study("Which basis is best where", text, _figure(chosen, trials))


def _runners(tops: Sequence[Trial]) -> str:
    rest = sorted(tops, key=lambda t: t.rmse[judged(t)])[1:]
    return ", ".join(f"{t.basis} {t.rmse[judged(t)]:.2e}" for t in rest)


def _table(trials: Sequence[Trial]) -> str:
    splits = list(trials[0].rmse)
    headings = ["basis", "centres", *(f"RMSE {s}" for s in splits), *(f"coverage {s}" for s in splits), "seconds"]
    rows = [
        [
            t.basis,
            t.centers,
            *(f"{t.rmse[s]:.2e}" for s in splits),
            *(f"{t.coverage[s]:.3f}" for s in splits),
            f"{t.seconds:.3f}",
        ]
        for t in trials
    ]
    return table(headings, rows)


def _figure(chosen: Sequence[Problem], trials: Sequence[Trial]) -> Figure:
    figure = Figure(figsize=(3.3 * len(chosen), 6.2), layout="constrained")
    for column, problem in enumerate(chosen):
        error, coverage = (figure.add_subplot(2, len(chosen), row * len(chosen) + column + 1) for row in (0, 1))
        labels = list(problem.centers)
        for i, basis in enumerate(BASES):
            own = [t for t in trials if (t.problem, t.basis) == (problem.name, basis)]
            style = {"color": COLOURS[i], "marker": MARKERS[i], "linestyle": LINES[i], "label": basis}
            error.semilogy(range(len(labels)), [t.rmse[judged(t)] for t in own], **style)
            coverage.plot(range(len(labels)), [t.coverage[covered(t)] for t in own], **style)
        error.set(title=f"{problem.name}: {judged(own[0])}", ylabel="RMSE" if column == 0 else "")
        coverage.axhline(0.95, color=GREY, linewidth=0.8)
        coverage.set(ylim=(-0.03, 1.05), ylabel="share inside the 95 % interval" if column == 0 else "")
        for ax in (error, coverage):
            _ticks(ax, labels)
    figure.axes[0].legend()
    return figure


def _ticks(ax: Axes, labels: Sequence[str]) -> None:
    ax.set_xticks(range(len(labels)), labels)
    ax.set_xlabel("centres")
