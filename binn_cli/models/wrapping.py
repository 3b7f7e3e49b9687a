"""What a model that stands around another one has from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Wrapping:
    """A model around another one, whose fitted surrogates stand around those of the other.

    Attributes:
        inner: the other model.
    """

    inner: Any

    @property
    def name(self) -> str:
        """That of the model inside."""
        return str(self.inner.name)

    @property
    def compiles(self) -> bool:
        """Whether the first fit of the model inside also compiles."""
        return bool(getattr(self.inner, "compiles", True))

    @property
    def learns_incomplete(self) -> bool:
        """Whether the model inside learns from products with gaps."""
        return bool(getattr(self.inner, "learns_incomplete", False))

    def remembers(self, fitted: Any) -> bool:
        """Whether `update` gives what a fit to all data would give."""
        return (
            hasattr(self.inner, "remembers") and hasattr(fitted, "inner") and bool(self.inner.remembers(fitted.inner))
        )
