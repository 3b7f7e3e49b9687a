"""Equations that users state: solved against exact solutions, or refused with the term that cannot be used."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from binn_cli.config.schema import EquationConfig, GalerkinConfig
from binn_cli.datasets.equation.dataset import Equation
from binn_cli.errors import BinnError, ConfigError
from binn_cli.models.galerkin.model import Galerkin

STEADY = {"time": "", "parameters": [], "initial": []}
SQUARE = [["x", 0, 1], ["y", 0, 1]]
SINES = "sin(pi*x)*sin(pi*y)"
STATED = {
    "a rod, as it stands": {},
    "reaction": {
        **STEADY,
        "variables": SQUARE,
        "operator": ["-d(u,x,x) - d(u,y,y) + (1 + x)*u"],
        "source": [f"(2*pi**2 + 1 + x)*{SINES}"],
        "exact": SINES,
    },
    "flux": {
        **STEADY,
        "variables": [*SQUARE, ["k", 1, 3]],
        "parameters": ["k"],
        "operator": ["-d((1 + x)*d(u,x), x)", "-k*d(u,y,y)"],
        "source": [f"(1 + x)*pi**2*{SINES} - pi*cos(pi*x)*sin(pi*y)", f"k*pi**2*{SINES}"],
        "exact": SINES,
    },
    "flow and diffusion": {
        **STEADY,
        "variables": [["x", 0, 1], ["c", 1, 5]],
        "parameters": ["c"],
        "operator": ["-d(u,x,x) + c*d(u,x)"],
        "source": ["1"],
        "exact": "x/c - (exp(c*x) - 1)/(c*(exp(c) - 1))",
    },
    "a free end": {
        **STEADY,
        "variables": [["x", 0, 1], ["k", 1, 2]],
        "parameters": ["k"],
        "operator": ["-d(u,x,x)/k"],
        "source": ["1"],
        "boundary": [["x", "zero", "free"]],
        "exact": "k*(x - x**2/2)",
    },
    "a pulse": {
        "variables": [["x", 0, 1], ["t", 0, 0.2]],
        "parameters": [],
        "operator": ["d(u,t)", "d(u,x)"],
        "initial": ["exp(-100*(x - 0.4)**2)"],
        "boundary": [["x", "inflow", "free"]],
        "exact": "exp(-100*(x - t - 0.4)**2)",
    },
}


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1, user_api="blas"):
        yield


def solution(**settings):
    problem = Equation(EquationConfig(**settings), 0).problem()
    solver = Galerkin(GalerkinConfig())
    return solver.attempt(problem, solver.resolution(problem)).solution


@pytest.mark.parametrize("name", list(STATED))
def test_what_is_stated_is_solved(name: str):
    truth = Equation(EquationConfig(**STATED[name]), 0).truth(500, 1)
    found = solution(**STATED[name])([axis.points for axis in truth.axes])
    np.testing.assert_allclose(found, truth.values[:, 0], atol=3e-4 if name == "a pulse" else 1e-8)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"operator": ["-exp(x*k)*d(u,x,x)"]},
            r"the term .* is not separable: its factor 'exp\(x \* k\)' depends on x",
        ),
        ({"operator": ["d(u,t)", "-(x + k)*d(u,x,x)"]}, r"its factor 'x \+ k' depends on x and k at once"),
        ({"source": ["1", "sqrt(x + t)"]}, r"dataset.source: the term 'sqrt\(x \+ t\)' is not separable"),
        ({"operator": ["d(u,t)", "u*u"]}, r"the term 'u \* u' must have u .* once: it is not linear"),
        ({"operator": ["d(u,t)", "x"]}, "the term 'x' has no u; see dataset.source"),
        ({"operator": ["d(u,t,t)"]}, "differentiates along t, time, which takes one derivative"),
        ({"operator": ["-(1 + x)*d(u,x,x)"]}, "has a factor that depends on x in front of a second derivative"),
        ({"operator": ["-d(u,x,t)"]}, r"which is none of u, d\(u,x\)"),
        ({"operator": ["-d(u,xx)"]}, """names 'xx', which is unknown; did you mean "x"?"""),
        ({"operator": ["__import__('os').getpid()*u"]}, "that is not allowed"),
        ({"operator": ["d(u,t"]}, "cannot be read"),
        ({"variables": [["x", 0, 1], ["t", 0, 1], ["k", -1, 1]]}, "runs backwards in t"),
        ({**STATED["a free end"], "boundary": [["x", "free", "free"]]}, "has no unique solution: its operator has"),
        (
            {**STATED["a free end"], "variables": [["x", 0, 1], ["k", -1, 1]]},
            r"""the coefficient "1/\(k\)" is not positive for all k from -1 to 1""",
        ),
    ],
)
def test_what_cannot_be_solved_says_which_term(changes: dict, sentence: str):
    with pytest.raises(BinnError, match=sentence):
        solution(**changes)


def test_without_an_exact_solution_there_is_no_truth_and_nothing_to_learn_from():
    dataset = Equation(EquationConfig(exact=""), 0)
    assert dataset.truth(10, 0) is None
    with pytest.raises(ConfigError, match="dataset.exact: state the exact solution, or take task=solve"):
        dataset.training()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"time": "s"}, 'dataset.time: "s" is no coordinate; there are x, t, k'),
        ({"operator": []}, "dataset.operator: must have a term"),
        ({"boundary": [["k", "zero", "zero"]]}, 'dataset.boundary: "k" is no coordinate of space'),
        ({"boundary": [["x", "zero"]]}, r"dataset.boundary: must be a list of items such as \[x, zero, free\]"),
        ({"variables": [["x", 1, 0]]}, "dataset.variables: x: must be"),
    ],
)
def test_settings_are_checked(changes: dict, sentence: str):
    with pytest.raises(ConfigError, match=sentence):
        EquationConfig(**changes)
