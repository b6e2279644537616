"""The flat form in which pages carried their data: a list, in which values name their places."""

from __future__ import annotations

import json
from typing import Any


class Date(str):
    """A moment, as ISO-8601 text."""


UNDEFINED = object()


def flattened(value: Any) -> list[Any]:
    """Return *value* as such a list; equal simple values have one place."""
    table: list[Any] = []
    places: dict[Any, int] = {}

    def put(item: Any) -> int:
        if item is UNDEFINED:
            return -1
        key = None if isinstance(item, (dict, list, tuple)) else (type(item), item)
        if key is not None and key in places:
            return places[key]
        place = len(table)
        table.append(None)
        if key is not None:
            places[key] = place
        if isinstance(item, Date):
            table[place] = ["Date", str(item)]
        elif isinstance(item, dict):
            table[place] = {name: put(inner) for name, inner in item.items()}
        elif isinstance(item, (list, tuple)):
            table[place] = [put(inner) for inner in item]
        else:
            table[place] = item
        return place

    put(value)
    return table


def page_data(*nodes: Any) -> str:
    """Return the answer of ``__data.json``: a node is its data, ``None``, or a raw node."""
    shaped = [
        node
        if node is None or (isinstance(node, dict) and node.get("type") in ("skip", "error"))
        else {"type": "data", "data": flattened(node), "uses": {"params": ["id"]}}
        for node in nodes
    ]
    text = json.dumps({"type": "data", "nodes": shaped}, separators=(",", ":"))
    return text.replace("/", "\\u002F") + "\n"
