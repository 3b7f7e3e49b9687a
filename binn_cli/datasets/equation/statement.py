"""From the text of an equation to sums of products of one-dimensional forms.

    Σ terms = source,  with terms such as  d(u,t),  -k * d(u,x,x),  -d(a(x) * d(u,x), x),  c * d(u,x)  and  q(x) * u.

Second derivatives are integrated by parts, so that `free` ends have no flux.
"""

from __future__ import annotations

import ast

from binn_cli.config.schema import EquationConfig
from binn_cli.datasets.equation.expressions import Formulas, names_in, parts_of, terms_of
from binn_cli.datasets.problem import (
    DERIVATIVE,
    MASS,
    PARAMETER,
    SPACE,
    STIFFNESS,
    TIME,
    ZERO,
    Factor,
    Form,
    Load,
    Problem,
    Term,
    Variable,
)
from binn_cli.errors import ConfigError

CROWDED = 3.0
"""How much finer time is resolved at its start, where a solution may change suddenly."""


def stated(config: EquationConfig) -> Problem:
    """The problem that a configuration states.

    Raises:
        ConfigError: if a formula cannot be used; the sentence says which.
    """
    variables = tuple(_variable(config, name) for name in config.ranges)
    names = tuple(config.ranges)
    terms = [term for text in config.operator for term in _terms(config, variables, text)]
    return Problem(
        variables=variables,
        operator=tuple(terms),
        source=tuple(_loads(Formulas("dataset.source", names), config.source)),
        output=config.unknown,
        initial=tuple(_loads(Formulas("dataset.initial", names), config.initial)),
        points=config.points,
    )


def _variable(config: EquationConfig, name: str) -> Variable:
    low, high = config.ranges[name]
    if name in config.parameters:
        return Variable(name, low, high, PARAMETER)
    if name == config.time:
        return Variable(name, low, high, TIME, fine_at_low=CROWDED)
    return Variable(name, low, high, SPACE, config.ends.get(name, (ZERO, ZERO)))


def _loads(formulas: Formulas, texts: list[str]) -> list[Load]:
    found = []
    for text in texts:
        for sign, node in terms_of(formulas.read(text)):
            number, factors = formulas.factors(parts_of(node), ast.unparse(node))
            found.append(Load(factors, sign * number))
    return found


def _terms(config: EquationConfig, variables: tuple[Variable, ...], text: str) -> list[Term]:
    formulas = Formulas("dataset.operator", tuple(config.ranges), (config.unknown, "d"))
    return [_term(config, variables, formulas, sign, node) for sign, node in terms_of(formulas.read(text))]


def _term(
    config: EquationConfig, variables: tuple[Variable, ...], formulas: Formulas, sign: float, node: ast.expr
) -> Term:
    text, unknown = ast.unparse(node), config.unknown
    parts = parts_of(node)
    inner = [part for part, _ in parts if unknown in names_in(part)]
    if len(inner) != 1 or any(power < 0 for part, power in parts if part is inner[0]):
        problem = f"the term {text!r} must have {unknown} or a derivative of it as a factor, once: it is not linear"
        raise ConfigError(formulas.key, problem if inner else f"the term {text!r} has no {unknown}; see dataset.source")
    weights = [(part, power) for part, power in parts if part is not inner[0]]
    along, order, inside = _derivative(formulas, inner[0], unknown, text)
    number, factors = formulas.factors(weights + inside, text)
    kinds = {variable.name: variable.kind for variable in variables}
    forms = {name: MASS.weighted(factor) for name, factor in factors.items()}
    if order == 0:
        return Term(forms, sign * number)
    if kinds[along] == PARAMETER or (kinds[along] == TIME and order > 1):
        what = "a parameter" if kinds[along] == PARAMETER else "time, which takes one derivative"
        raise ConfigError(formulas.key, f"the term {text!r} differentiates along {along}, {what}")
    weight = factors.get(along)
    if order == 1:
        return Term({**forms, along: _weighted(DERIVATIVE, weight)}, sign * number)
    outside = any(along in names_in(part) for part, _ in weights)
    if outside:
        problem = (
            f"the term {text!r} has a factor that depends on {along} in front of a second derivative along {along}; "
            f"write it as d(a*d({unknown},{along}),{along}), and what that adds as a term of its own"
        )
        raise ConfigError(formulas.key, problem)
    return Term({**forms, along: _weighted(STIFFNESS, weight)}, -sign * number)


def _weighted(form: Form, weight: Factor | None) -> Form:
    return form if weight is None else form.weighted(weight)


def _derivative(
    formulas: Formulas, node: ast.expr, unknown: str, text: str
) -> tuple[str, int, list[tuple[ast.expr, int]]]:
    """Along which coordinate, how often, and the weights inside: u, d(u,x), d(u,x,x) or d(a*d(u,x),x)."""
    match node:
        case ast.Name(id=name) if name == unknown:
            return "", 0, []
        case ast.Call(func=ast.Name(id="d"), args=[ast.Name(id=name), *rest]) if name == unknown and rest:
            along = [part.id if isinstance(part, ast.Name) else "" for part in rest]
            if len(set(along)) == 1 and along[0] in formulas.names and len(along) <= 2:
                return along[0], len(along), []
        case ast.Call(func=ast.Name(id="d"), args=[flux, ast.Name(id=along)]) if along in formulas.names:
            parts = parts_of(flux)
            inner = [part for part, _ in parts if unknown in names_in(part)]
            if len(inner) == 1:
                below, order, inside = _derivative(formulas, inner[0], unknown, text)
                if (below, order, inside) == (along, 1, []):
                    return along, 2, [(part, power) for part, power in parts if part is not inner[0]]
    problem = (
        f"the term {text!r} has {ast.unparse(node)!r}, which is none of {unknown}, d({unknown},x), d({unknown},x,x) "
        f"and d(a*d({unknown},x),x), with coordinates {', '.join(formulas.names)}"
    )
    raise ConfigError(formulas.key, problem)
