"""Reading the fields of a reply: what is missing is named, never a bare ``KeyError``."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

from ..errors import ProtocolError
from .text import whole

T = TypeVar("T")
V = TypeVar("V")


def need(value: Any, name: str, kind: type[T]) -> T:
    """Return the field *name* of *value*.

    :raises ProtocolError: *value* is no object, or the field is missing or of another type.
    """
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        raise ProtocolError(f"the reply has no {name!r} as we know it", field=name)
    return found


def text_of(value: Any, name: str) -> str:
    """Return a text field, ``""`` when there is none; it can always be encoded."""
    found = value.get(name) if isinstance(value, dict) else None
    return whole(found) if isinstance(found, str) else ""


def kind_of(value: Any, name: str, kind: type[T], default: V) -> T | V:
    """Return a field of one type, or *default*."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, kind) else default


def dicts_of(value: Any, name: str) -> list[dict[str, Any]]:
    """Return the objects in a list field; ``[]`` when there is no such list."""
    found = value.get(name) if isinstance(value, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def texts_of(value: Any, name: str) -> tuple[str, ...]:
    """Return the texts in a list field; ``()`` when there is no such list."""
    found = value.get(name) if isinstance(value, dict) else None
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()


def listed(values: Any, name: str) -> list[Any]:
    """Return *values*, which must be a list.

    :raises ProtocolError: it is something else.
    """
    if not isinstance(values, list):
        raise ProtocolError(f"the reply has no list of {name}", field=name)
    return values


def each(values: Any, read: Callable[[Any], T], name: str) -> tuple[T, ...]:
    """Return what *read* makes of each item of a list.

    :raises ProtocolError: *values* is no list.
    """
    return tuple(read(value) for value in listed(values, name))
