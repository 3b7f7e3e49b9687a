"""Constraints on parameters, such as `k * P < 500`: arithmetic and comparisons, read but never run as Python."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from binn_cli.config.ranges import did_you_mean
from binn_cli.datasets.simulator.space import Space
from binn_cli.errors import ConfigError

KEY = "dataset.constraints"
LONGEST, LARGEST_POWER = 1000, 64.0
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "min": lambda *values: np.minimum.reduce(np.broadcast_arrays(*values)),
    "max": lambda *values: np.maximum.reduce(np.broadcast_arrays(*values)),
}
CONSTANTS = {"pi": math.pi, "e": math.e}
ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
ALLOWED = f"numbers, parameters, + - * / // % **, < <= > >= == !=, and, or, not, pi, e and {', '.join(FUNCTIONS)}"


@dataclass(frozen=True)
class Constraint:
    """An expression that must be true.

    Attributes:
        text: as the user wrote it.
        space: the parameters.
        tree: what was read.
        names: the parameter that each name in the tree stands for.
    """

    text: str
    space: Space
    tree: ast.expr
    names: dict[str, str]

    @classmethod
    def of(cls, text: str, space: Space) -> Constraint:
        """Read an expression; a parameter whose name is no plain word is written in braces, as in `{Cl/Cd} < 3`.

        Raises:
            ConfigError: if it is not an expression of the allowed kind, or names something unknown.
        """
        names = {name: name for name in space.names}
        plain = text
        for place, name in enumerate(space.names):
            if f"{{{name}}}" in plain:
                names[f"_parameter_{place}"] = name
                plain = plain.replace(f"{{{name}}}", f"_parameter_{place}")
        unknown = re.search(r"\{([^{}]*)\}", plain)
        if unknown:
            raise _unknown(text, unknown.group(1), space)
        try:
            if len(plain) > LONGEST:
                raise ConfigError(KEY, f"'{text[:60]}…' is too long: at most {LONGEST:,} characters can be read")
            tree = ast.parse(plain.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ConfigError(
                KEY, f"{text!r} cannot be read ({getattr(error, 'msg', None) or error}); such as 'k * P < 500'"
            ) from error
        constraint = cls(text, space, tree, names)
        constraint._require_allowed(tree)
        for part in _truths(tree):
            if not isinstance(part, ast.Compare):
                said = constraint._as_written(part)
                where = f"{text!r}" if part is tree else f"{text!r}: {said!r}"
                raise ConfigError(KEY, f"{where} is neither true nor false; compare it with something: '{said} > 0'")
        return constraint

    def _as_written(self, node: ast.AST) -> str:
        """A part of the expression, with the names of the parameters as the user wrote them."""
        said = _shown(node)
        for stand_in, name in self.names.items():
            said = said.replace(stand_in, f"{{{name}}}") if stand_in != name else said
        return said

    def holds(self, points: Float[np.ndarray, "n D"]) -> Bool[np.ndarray, " n"]:
        """For which cases it is true; where it has no value, as log(-1) > 0, it is not."""
        columns = {name: self._column(points, parameter) for name, parameter in self.names.items()}
        with np.errstate(all="ignore"):
            found = np.asarray(_value(self.tree, columns))
        return np.broadcast_to(found.astype(bool), (len(points),)).copy()

    def _column(self, points: Float[np.ndarray, "n D"], name: str) -> np.ndarray:
        place = self.space.names.index(name)
        parameter = self.space.parameters[place]
        column = points[:, place]
        return np.array([str(parameter.told(value)) for value in column]) if parameter.has_texts else column

    def _require_allowed(self, node: ast.AST) -> None:
        """Raise for anything but arithmetic, comparisons and the known names."""
        texts = {
            name for name, known in self.names.items() if self.space.parameters[self.space.names.index(known)].has_texts
        }
        match node:
            case ast.Constant(value=value) if isinstance(value, int | float | str) and not isinstance(value, bool):
                return
            case ast.Name(id=name):
                if name not in self.names and name not in CONSTANTS:
                    raise _unknown(self.text, name, self.space)
                return
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                parts: Sequence[ast.AST] = (left, right)
                if isinstance(op, ast.Pow) and not (isinstance(right, ast.Constant | ast.UnaryOp) and _is_small(right)):
                    raise ConfigError(
                        KEY, f"{self.text!r} has a power that is not a number of at most {LARGEST_POWER:g}"
                    )
            case ast.UnaryOp(op=ast.UAdd() | ast.USub() | ast.Not(), operand=operand):
                parts = (operand,)
            case ast.BoolOp(values=values):
                parts = values
            case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in COMPARISONS for op in ops):
                parts = (left, *others)
                if any(isinstance(part, ast.Name) and part.id in texts for part in parts):
                    parts = [part for part in parts if not _is_text(part)]
                    if not all(isinstance(op, ast.Eq | ast.NotEq) for op in ops) or not all(
                        isinstance(p, ast.Name) for p in parts
                    ):
                        raise ConfigError(
                            KEY, f"{self.text!r}: a choice of texts can only be compared with a text, by == or !="
                        )
                    return
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
                least = 2 if name in ("min", "max") else 1
                if len(arguments) < least or (least == 1 and len(arguments) > 1):
                    raise ConfigError(
                        KEY, f"{self.text!r}: {name} takes {'two or more values' if least == 2 else 'one value'}"
                    )
                parts = arguments
            case _:
                raise ConfigError(
                    KEY,
                    f"{self.text!r} has a part ({self._as_written(node)}) that is not allowed; allowed are {ALLOWED}",
                )
        for part in parts:
            if _is_text(part) or (isinstance(part, ast.Name) and part.id in texts):
                raise ConfigError(
                    KEY, f"{self.text!r}: a text can only be compared with a choice of texts, by == or !="
                )
            self._require_allowed(part)


def _truths(node: ast.expr) -> list[ast.expr]:
    """The parts of an expression that are combined by and, or, not."""
    if isinstance(node, ast.BoolOp):
        return [part for value in node.values for part in _truths(value)]
    return _truths(node.operand) if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) else [node]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_small(node: ast.AST) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return _is_small(node.operand)
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and abs(node.value) <= LARGEST_POWER


def _shown(node: ast.AST) -> str:
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError):
        return type(node).__name__


def _unknown(text: str, name: str, space: Space) -> ConfigError:
    known = ", ".join(space.names)
    return ConfigError(
        KEY,
        f"{text!r} names {name!r}, which is no parameter{did_you_mean(name, space.names)}; the parameters are {known}",
    )


def _value(node: ast.AST, columns: dict[str, np.ndarray]) -> Any:
    """The value of a tree that `_require_allowed` has passed."""
    match node:
        case ast.Constant(value=constant):
            return constant if isinstance(constant, str) else float(constant)  # type: ignore[arg-type]
        case ast.Name(id=name):
            return columns[name] if name in columns else CONSTANTS[name]
        case ast.BinOp(left=left, op=op, right=right):
            return ARITHMETIC[type(op)](np.asarray(_value(left, columns)), np.asarray(_value(right, columns)))
        case ast.UnaryOp(op=op, operand=operand):
            array = np.asarray(_value(operand, columns))
            return ~array.astype(bool) if isinstance(op, ast.Not) else -array if isinstance(op, ast.USub) else array
        case ast.BoolOp(op=op, values=values):
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            found = _value(values[0], columns)
            for other in values[1:]:
                found = combine(found, _value(other, columns))
            return found
        case ast.Compare(left=left, ops=ops, comparators=others):
            found, before = True, _value(left, columns)
            for comparison, other in zip(ops, others, strict=True):
                after = _value(other, columns)
                found, before = np.logical_and(found, COMPARISONS[type(comparison)](before, after)), after
            return found
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name](*[_value(argument, columns) for argument in arguments])
    raise AssertionError(ast.dump(node))


@dataclass(frozen=True)
class Constraints:
    """All of them; every case of a data set fulfils each."""

    each: tuple[Constraint, ...]

    @classmethod
    def of(cls, texts: Sequence[str], space: Space) -> Constraints:
        """Read them.

        Raises:
            ConfigError: if one cannot be used.
        """
        return cls(tuple(Constraint.of(text, space) for text in texts))

    def hold(self, points: Float[np.ndarray, "n D"]) -> Bool[np.ndarray, " n"]:
        """Which cases fulfil all of them."""
        found = np.ones(len(points), dtype=bool)
        for constraint in self.each:
            found &= constraint.holds(points)
        return found

    def broken(self, point: Float[np.ndarray, " D"]) -> str:
        """The first that a case does not fulfil, empty where there is none."""
        return next((constraint.text for constraint in self.each if not constraint.holds(point[None])[0]), "")
