"""A ``repr`` that never raises, also of an object whose making failed."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, Callable, TypeVar

S = TypeVar("S")


def safe_repr(shown: Callable[[S], str]) -> Callable[[S], str]:
    """Return *shown* as a ``__repr__`` that tells the class where an attribute is not there yet."""

    @wraps(shown)
    def shown_if_made(value: S) -> str:
        try:
            return shown(value)
        except AttributeError:
            return f"<{type(value).__name__}, not completely made>"

    return shown_if_made


class Shown:
    """The base of plain values: shows the fields that are there, as a dataclass shows all."""

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # in the class itself: dataclass makes one of its own where it only inherits one
        cls.__repr__ = _fields_shown  # type: ignore[method-assign]


def _fields_shown(value: Any) -> str:
    known = fields(value) if is_dataclass(value) else ()
    names = [field.name for field in known if field.repr and hasattr(value, field.name)]
    shown = ", ".join(f"{name}={getattr(value, name)!r}" for name in names)
    return f"{type(value).__qualname__}({shown})"
