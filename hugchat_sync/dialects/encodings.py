"""How values are packed into JSON: superjson, and the devalue tables of SvelteKit's page data."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ProtocolError
from .wire import read_json


def superjson(value: Any) -> Any:
    """Return the plain value of a superjson document, with ``undefined`` as a missing key.

    Dates stay ISO-8601 text.

    :raises ProtocolError: *value* is not such a document.
    """
    if not isinstance(value, dict) or "json" not in value:
        raise ProtocolError("the reply is not superjson", field="json")
    meta = value.get("meta")
    marks = meta.get("values") if isinstance(meta, dict) else None
    if isinstance(marks, dict):
        for path, mark in marks.items():
            if mark == ["undefined"]:
                _drop(value["json"], _path(path))
    return value["json"]


def _path(text: str) -> list[str]:
    """Return the steps of a superjson path; a dot inside a key has a backslash."""
    steps = text.replace("\\.", "\0").split(".")
    return [step.replace("\0", ".") for step in steps]


def _drop(root: Any, steps: list[str]) -> None:
    for step in steps[:-1]:
        if isinstance(root, list) and step.isdigit() and int(step) < len(root):
            root = root[int(step)]
        else:
            root = root.get(step) if isinstance(root, dict) else None
    if isinstance(root, dict):
        root.pop(steps[-1], None)


_SPECIAL = {-3: math.nan, -4: math.inf, -5: -math.inf, -6: -0.0}


def devalue(table: list[Any]) -> Any:
    """Return the value of a devalue table (the data of a SvelteKit node).

    ``undefined`` and array holes become ``None``; dates stay text.

    :raises ProtocolError: an index points outside the table, or the value cannot be built.
    """
    built: dict[int, Any] = {}

    def value_at(index: Any) -> Any:
        if not isinstance(index, int) or index >= len(table) or index < -6:
            raise ProtocolError("a devalue index points nowhere", field=str(index)[:40])
        if index < 0:
            return _SPECIAL.get(index)
        if index not in built:
            _build(index, table[index], built, value_at)
        return built[index]

    try:
        return value_at(0)
    except (RecursionError, TypeError) as error:  # endless, or with keys that can be none
        raise ProtocolError("a devalue table cannot be read", field="data") from error


def _build(index: int, node: Any, built: dict[int, Any], value_at: Any) -> None:
    """Put the value of one row into *built* before its parts, so that cycles end."""
    if isinstance(node, dict):
        mapping: dict[str, Any] = {}
        built[index] = mapping
        mapping.update((key, value_at(at)) for key, at in node.items())
    elif isinstance(node, list) and node and isinstance(node[0], str):
        built[index] = _typed(node, value_at)
    elif isinstance(node, list):
        items: list[Any] = []
        built[index] = items
        items.extend(value_at(at) for at in node)
    else:
        built[index] = node


def _typed(node: list[Any], value_at: Any) -> Any:
    name, *rest = node
    if name in ("Date", "BigInt", "RegExp"):
        return rest[0] if rest else None
    if name == "Set":
        return [value_at(at) for at in rest]
    if name == "Map":
        return {value_at(key): value_at(at) for key, at in zip(rest[::2], rest[1::2])}
    if name == "null":
        return {key: value_at(at) for key, at in zip(rest[::2], rest[1::2])}
    if name == "Object":
        return rest[0] if rest else None
    return value_at(rest[0]) if rest and isinstance(rest[0], int) else None


def sveltekit_nodes(body: bytes, url: str = "") -> list[Any]:
    """Return the nodes of a ``__data.json`` body: a value, ``None`` if skipped, or an error node.

    An error node stays the dict ``{"type": "error", ...}``. Of a body of several lines (promises
    that were streamed) the first is read.

    :raises ProtocolError: the body is something else.
    """
    page = read_json(body.split(b"\n", 1)[0], url)
    if not isinstance(page, dict) or not isinstance(page.get("nodes"), list):
        raise ProtocolError("the reply holds no page data", field="nodes", url=url)
    return [_node(node) for node in page["nodes"]]


def _node(node: Any) -> Any:
    if not isinstance(node, dict) or node.get("type") == "skip":
        return None
    if node.get("type") != "data":
        return node
    table = node.get("data")
    if not isinstance(table, list) or not table:
        raise ProtocolError("a node of the page data holds no table", field="data")
    return devalue(table)
