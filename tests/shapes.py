"""Shapes of arrays that functions take and give are checked against their annotations while tests run."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import jax
import jaxtyping
import numpy as np
from beartype import beartype
from beartype.vale import Is

PACKAGE = "binn_cli"
KINDS = {"Float": jaxtyping.Real, "Int": jaxtyping.Integer, "Bool": jaxtyping.Bool}
"""What an annotation stands for here; whole numbers may stand for others, as for type checkers."""

Anything = jax.Array | np.ndarray
Nothing = Annotated[object, Is[lambda value: not isinstance(value, Anything) or value.size == 0]]
"""None, numbers, what JAX puts in the places of arrays, all of which is for mypy; and empty arrays, which stand for
what is not there."""


_asked: list[str] = []


def check_shapes() -> None:
    """Have every module of the package that is imported from now on checked."""
    _asked.append(PACKAGE)
    jaxtyping.install_import_hook(PACKAGE, f"{__name__}.shapes_checked")


def are_checked() -> bool:
    """Whether they are in this process; functions that are cannot be sent to processes of other launchers."""
    return bool(_asked)


@contextmanager
def unchecked() -> Iterator[None]:
    """Let what is wrong reach the function itself, whose own refusal is tested; or let it be as fast as it is."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def shapes_checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with the shapes of its arrays checked, and nothing else.

    Other types would tell less at run time than they cost: tests hand over doubles, and to ask whether something fits a
    protocol reads all its properties.
    """
    hints = {name: shape for name, hint in function.__annotations__.items() if (shape := shape_of(hint)) is not None}
    if not hints:
        return function
    function.__annotations__ = hints
    return typing.cast(Callable[..., Any], beartype(function))


def shape_of(hint: Any) -> Any:
    """What is checked of an annotation: the shape of an array, or of one that may be missing; None for all others.

    In containers the letters of a shape stand for one array at a time: the axes of a product have each their own n.
    """
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        parts = [part for part in typing.get_args(hint) if part is not type(None)]
        shapes = [shape_of(part) for part in parts]
        return None if not shapes or any(shape is None for shape in shapes) else typing.Union[tuple(shapes)]  # noqa: UP007
    if not (isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray)):
        return None
    kind, letters = hint.__name__.partition("[")[0], str(hint.dim_str)
    # Sums such as D+2 can only be looked at once D is known, and single numbers come in many kinds.
    if kind not in KINDS or not letters.strip() or re.search(r"[\w)]\s*[-+*/]", letters):
        return None
    return typing.Union[KINDS[kind][Anything, letters], Nothing]  # noqa: UP007
