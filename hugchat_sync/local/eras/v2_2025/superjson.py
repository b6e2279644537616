"""JSON with type marks, as the ``/api/v2`` routes of today's server write it.

Source: chat-ui c100c162, measured 2026-08 (b12, c29, a14).
"""

from __future__ import annotations

from typing import Any, Iterator, Mapping


class Date(str):
    """ISO text that stands for a moment."""

    __slots__ = ()


class ObjectId(str):
    """24 hex digits that stand for a database id."""

    __slots__ = ()


class Undefined:
    """A value that is not there, written as ``null`` with a mark."""

    __slots__ = ()


def superjson(value: object, equalities: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    """Return the object whose JSON text is the superjson form of the value.

    :param equalities: paths of objects that occur twice, by the path of their first place.
    """
    marks = dict(_marks(value, ()))
    result: dict[str, Any] = {"json": _plain(value)}
    if "" in marks:
        result["meta"] = {"values": marks[""], "v": 1}
    elif marks or equalities:
        meta: dict[str, Any] = {"values": marks}
        if equalities:
            meta["referentialEqualities"] = dict(equalities)
        result["meta"] = {**meta, "v": 1}
    return result


def _plain(value: object) -> Any:
    if isinstance(value, Undefined):
        return None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _marks(value: object, path: tuple[str, ...]) -> Iterator[tuple[str, list[Any]]]:
    where = ".".join(path)
    if isinstance(value, Undefined):
        yield where, ["undefined"]
    elif isinstance(value, Date):
        yield where, ["Date"]
    elif isinstance(value, ObjectId):
        yield where, [["custom", "ObjectId"]]
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _marks(item, (*path, str(key).replace(".", "\\.")))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _marks(item, (*path, str(index)))
