"""Formats on the wire: lines, JSON, server-sent events, superjson and devalue.

Knows bytes and values; no route, no field, no era.
"""

from __future__ import annotations

import json
import math
from typing import Any, Iterable, Iterator

from ..errors import ProtocolError

LONGEST_LINE = 64 * 1024 * 1024  # bytes; an answer of that size is a mistake, not an answer
_SHOWN = 200  # characters of a bad line that an error carries
_PAGE = "an HTML page"
_NOT_JSON = (ValueError, RecursionError)  # of JSON, of UTF-8, and of a thousand brackets in a row

_decode = json.JSONDecoder(strict=False).decode
_decode_at = json.JSONDecoder(strict=False).raw_decode


def lines(chunks: Iterable[bytes], longest: int = LONGEST_LINE) -> Iterator[tuple[bytes, bool]]:
    """Yield each line without its line feed, and whether that was seen.

    Cuts bytes, never text: U+2028 and its kin are ordinary characters inside JSON.

    :raises ProtocolError: a line is longer than *longest* bytes.
    """
    pending: list[bytes] = []  # a list: joining once is linear, ``+=`` is not
    size = 0
    for chunk in chunks:
        parts = chunk.split(b"\n")
        last = parts.pop()
        if parts and pending:
            pending.append(parts[0])
            parts[0] = b"".join(pending)
            pending.clear()
            size = 0
        for line in parts:
            yield line, True
        if last:
            pending.append(last)
            size += len(last)
            if size > longest:
                raise ProtocolError(f"a line is longer than {longest} bytes")
    if pending:
        yield b"".join(pending), False


def objects(chunks: Iterable[bytes], longest: int = LONGEST_LINE) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a body that has one in a line; blank lines are passed over.

    An unfinished last line that is no JSON is left out: the connection was cut there.

    :raises ProtocolError: a finished line is not a JSON object, or the body is an HTML page;
        ``line`` shows its beginning.
    """
    for line, finished in lines(chunks, longest):
        if not line or line.isspace():
            continue
        try:
            text = line.decode("utf-8")
            try:
                value, end = _decode_at(text)  # half the price; knows no blanks around the value
            except _NOT_JSON:
                end = -1
            if end != len(text):
                value = _decode(text)
        except _NOT_JSON:
            kind = _kind(line)
            if not finished and kind != _PAGE:
                return
            # from None: the error below has the whole line
            raise ProtocolError(
                f"expected an answer of JSON lines, got {kind}", line=_shown(line)
            ) from None
        if not isinstance(value, dict):
            raise ProtocolError("a line of the answer is not a JSON object", line=_shown(line))
        yield value


def _shown(line: bytes) -> str:
    return line[:_SHOWN].decode("utf-8", "replace")


def read_json(body: bytes, url: str = "") -> Any:
    """Return the value of a JSON body.

    :raises ProtocolError: the body is something else, for example an HTML page.
    """
    try:
        return _decode(body.decode("utf-8"))
    except _NOT_JSON:
        problem = ProtocolError(
            f"expected JSON, got {_kind(body)}; is the base URL right?", line=_shown(body), url=url
        )
    # neither the frame nor the error below it may keep the body, in which a cookie may be echoed
    del body
    try:
        raise problem
    finally:
        del problem


def _kind(body: bytes) -> str:
    start = body[:_SHOWN].lstrip().lower()
    if not start:
        return "an empty body"
    return _PAGE if start.startswith((b"<!doctype", b"<html")) else "something else"


def sse_frames(chunks: Iterable[bytes]) -> Iterator[tuple[str, str, str]]:
    """Yield ``(event, data, id)`` of a body of server-sent events; comments are passed over.

    A frame that the end of the body cut short is left out.

    :raises ProtocolError: a frame is no text, or longer than a line may be.
    """
    from sseclient import SSEClient  # here: only two eras speak it

    try:
        for frame in SSEClient(_whole_frames(chunks)).events():
            yield frame.event, frame.data, frame.id or ""
    except UnicodeDecodeError as error:
        shown = _shown(error.object)
        raise ProtocolError("expected server-sent events, got noise", line=shown) from None


def _whole_frames(chunks: Iterable[bytes]) -> Iterator[bytes]:
    frame: list[bytes] = []
    size = 0
    for line, finished in lines(chunks):
        if not finished:
            return  # sseclient would hand out the cut frame as a good one
        frame.append(line)
        size = size + len(line) if len(frame) > 1 else len(line)
        if size > LONGEST_LINE:
            raise ProtocolError(f"an event is longer than {LONGEST_LINE} bytes")
        if not line.strip(b"\r"):
            yield b"\n".join(frame) + b"\n"
            frame.clear()


# how values are packed into JSON: superjson, and the devalue tables of page data ----------------


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
