"""Page data: a value flattened into a table of values that refer to each other by number.

Source: chat-ui a3b58941c, measured (lb28, lb29, lc02): what is equal and simple is written once.
"""

from __future__ import annotations

from typing import Any, Mapping


class Date(str):
    """ISO text that stands for a moment."""

    __slots__ = ()


class Undefined:
    """A value that is not there."""

    __slots__ = ()


class _Table:
    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._places: dict[object, int] = {}

    def place(self, value: object) -> int:
        """Return the number of the value, written at the end if it is new."""
        if isinstance(value, Undefined):
            return -1
        key = self._key(value)
        if key in self._places:
            return self._places[key]
        place = len(self.rows)
        self._places[key] = place
        self.rows.append(None)
        self.rows[place] = self._row(value)
        return place

    @staticmethod
    def _key(value: object) -> object:
        """Return what makes the value the same as another: objects are only like themselves."""
        if isinstance(value, (Mapping, list, tuple, Date)):
            return ("object", id(value))
        return (type(value).__name__, value)

    def _row(self, value: object) -> Any:
        if isinstance(value, Date):
            return ["Date", str(value)]
        if isinstance(value, Mapping):
            return {key: self.place(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.place(item) for item in value]
        return value


def flattened(value: object) -> list[Any]:
    """Return the table of a value; its first row is the value itself.

    >>> flattened({"a": "x", "b": ["x", None]})
    [{'a': 1, 'b': 2}, 'x', [1, 3], None]
    """
    table = _Table()
    table.place(value)
    return table.rows
