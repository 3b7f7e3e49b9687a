"""Active learning on the problems of `solver_problems.py`, all from the same first cases and judged by the same."""

from __future__ import annotations

from functools import cache

from binn_cli import build
from binn_cli.datasets.product import ProductData
from binn_cli.datasets.simulator.design import design
from binn_cli.results.record import Step
from tests.studies.loop import Memory, settings_of
from tests.studies.solver_problems import OUTPUTS, RANGES


def words_of(problem: str) -> tuple[str, ...]:
    """What the command line says of a problem."""
    return (
        "dataset=simulator",
        f"dataset.callable=tests.studies.solver_problems:{problem}",
        f"dataset.parameters={RANGES[problem]}",
        f"dataset.outputs=[{OUTPUTS[problem]}]",
    )


@cache
def judged(problem: str, seed: int, cases: int, store: str) -> ProductData:
    """Cases at random by which all that learn a problem with this seed are judged."""
    words = (
        *words_of(problem),
        "task=regress",
        f"dataset.test_cases={cases}",
        f"seed={seed}",
        f"dataset.store={store}",
    )
    return build.dataset(settings_of(*words)).evaluation()["test"]


def learned(problem: str, seed: int, cases: int, store: str, *words: str) -> tuple[list[Step], ProductData]:
    """The steps of active learning from the same 2 D + 2 cases, whatever it may choose from, scored by the same cases.

    Args:
        problem: one of `RANGES`.
        seed: of the first cases, of those that judge, and of the run.
        cases: how many cases judge.
        store: directory of what is computed.
        words: of the command line.
    """
    settings = settings_of("task=active_learn", *words_of(problem), f"seed={seed}", f"dataset.store={store}", *words)
    dataset, memory, test = build.dataset(settings), Memory(), judged(problem, seed, cases, store)
    first = design("sobol", dataset.space, dataset.constraints, 2 * len(dataset.space) + 2, seed, "first cases")
    dataset.begin_with = lambda count: dataset.admitted(first)
    dataset.evaluation = lambda announce: {"test": test}
    build.task(settings).run(dataset, build.model(settings), memory)
    return list(memory.record.steps), test
