"""Formulas of coordinates as text, such as `exp(-x**2) * k`: read, split into factors, but never run as Python."""

from __future__ import annotations

import ast
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.config.ranges import did_you_mean
from binn_cli.datasets.problem import Factor
from binn_cli.datasets.simulator.constraints import ARITHMETIC, CONSTANTS, FUNCTIONS
from binn_cli.errors import ConfigError

OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
LONGEST = 2000


@dataclass(frozen=True)
class Formulas:
    """What formulas of one setting are read with.

    Attributes:
        key: the setting, for errors.
        names: the coordinates.
        also: further names that may be called or named, such as the unknown.
    """

    key: str
    names: tuple[str, ...]
    also: tuple[str, ...] = ()

    def read(self, text: object) -> ast.expr:
        """The tree of a formula.

        Raises:
            ConfigError: if it is none, or names something unknown.
        """
        plain = str(text)
        try:
            if len(plain) > LONGEST:
                raise ValueError("it is too long")
            tree = ast.parse(plain.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            problem = f"{plain!r} cannot be read ({getattr(error, 'msg', None) or error}); such as '-k * d(u, x, x)'"
            raise ConfigError(self.key, problem) from error
        self._require(tree, plain)
        return tree

    def _require(self, node: ast.AST, text: str) -> None:
        match node:
            case ast.Constant(value=value) if isinstance(value, int | float) and not isinstance(value, bool):
                return
            case ast.Name(id=name):
                known = (*self.names, *self.also)
                if name not in (*known, *CONSTANTS):
                    hint = did_you_mean(name, known)
                    raise ConfigError(
                        self.key, f"{text!r} names {name!r}, which is unknown{hint}; there are {', '.join(known)}"
                    )
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, OPERATORS):
                self._require(left, text)
                self._require(right, text)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                self._require(operand, text)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS or name == "d":
                for part in arguments:
                    self._require(part, text)
            case _:
                allowed = f"numbers, {', '.join(self.names)}, + - * / **, pi, {', '.join(FUNCTIONS)}, and d(u, x)"
                raise ConfigError(self.key, f"{text!r} has a part ({ast.unparse(node)}) that is not allowed: {allowed}")

    def factors(self, nodes: list[tuple[ast.expr, int]], text: str) -> tuple[float, dict[str, Factor]]:
        """A number and functions of one coordinate each, whose product a product is.

        Raises:
            ConfigError: if a factor depends on several coordinates.
        """
        number, found = 1.0, dict[str, list[tuple[ast.expr, int]]]()
        for node, power in nodes:
            on = [name for name in self.names if name in names_in(node)]
            if len(on) > 1:
                problem = (
                    f"the term {text!r} is not separable: its factor {ast.unparse(node)!r} depends on "
                    f"{' and '.join(on)} at once; write it as terms whose factors depend on one coordinate each, such "
                    f"as x*d(u,y) and y*d(u,y) for (x + y)*d(u,y)"
                )
                raise ConfigError(self.key, problem)
            if on:
                found.setdefault(on[0], []).append((node, power))
            else:
                number *= float(valued(node, {})) ** power
        return number, {name: _factor(name, parts) for name, parts in found.items()}


def _factor(name: str, parts: list[tuple[ast.expr, int]]) -> Factor:
    text = " * ".join(ast.unparse(node) if power > 0 else f"1/({ast.unparse(node)})" for node, power in parts)

    def function(x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        found = np.ones(np.shape(x))
        with np.errstate(all="ignore"):
            for node, power in parts:
                found = found * np.asarray(valued(node, {name: x}), dtype=float) ** float(power)
        return found

    return Factor(text, function)


def names_in(node: ast.AST) -> set[str]:
    """Every name in a tree."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def terms_of(node: ast.expr, sign: float = 1.0) -> list[tuple[float, ast.expr]]:
    """The terms of a sum, with their signs."""
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return terms_of(left, sign) + terms_of(right, sign)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return terms_of(left, sign) + terms_of(right, -sign)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return terms_of(operand, -sign)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return terms_of(operand, sign)
    return [(sign, node)]


def parts_of(node: ast.expr, power: int = 1) -> list[tuple[ast.expr, int]]:
    """The factors of a product, each with the power 1 or -1."""
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return parts_of(left, power) + parts_of(right, power)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return parts_of(left, power) + parts_of(right, -power)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return [(ast.Constant(-1.0), 1), *parts_of(operand, power)]
    return [(node, power)]


def valued(node: ast.AST, columns: dict[str, np.ndarray]) -> np.ndarray | float:
    """The value of a formula that `Formulas.read` has passed."""
    match node:
        case ast.Constant(value=constant):
            return float(constant)  # type: ignore[arg-type]
        case ast.Name(id=name):
            return columns[name] if name in columns else CONSTANTS[name]
        case ast.BinOp(left=left, op=op, right=right):
            return ARITHMETIC[type(op)](valued(left, columns), valued(right, columns))
        case ast.UnaryOp(op=op, operand=operand):
            return -valued(operand, columns) if isinstance(op, ast.USub) else valued(operand, columns)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name](*[valued(argument, columns) for argument in arguments])
    raise AssertionError(ast.dump(node))
