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


class LineSplitter:
    """Cuts the pieces of a body into lines: bytes, never text.

    U+2028 and its kin are ordinary characters inside JSON.

    :param longest: bytes of a line; a longer one is refused.
    """

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self.pending: list[bytes] = []  # a list: joining once is linear, ``+=`` is not
        self._longest = longest
        self._size = 0

    def take(self, chunk: bytes) -> bytes | None:
        """Return the lines that *chunk* completes, joined, without the last line feed; or ``None``.

        :raises ProtocolError: a line is too long; once what was complete has been taken.
        """
        if self._size > self._longest:
            raise ProtocolError(f"a line is longer than {self._longest} bytes")
        complete, feed, last = chunk.rpartition(b"\n")
        if feed and self.pending:
            complete = self.flush() + complete
        if last:
            self.pending.append(last)
            self._size += len(last)
            if self._size > self._longest and not feed:
                raise ProtocolError(f"a line is longer than {self._longest} bytes")
        return complete if feed else None

    def objects(self, chunk: bytes | None) -> tuple[list[dict[str, Any]], ProtocolError | None]:
        """Return the JSON objects of the lines that *chunk* completes, and what ended them early.

        Blank lines are passed over. An unfinished last line that is no JSON is left out: the
        connection was cut there.

        :param chunk: ``None`` when the body is over.
        :returns: the error of a finished line that is not a JSON object, or of a body that is an
            HTML page; ``line`` shows its beginning.
        :raises ProtocolError: a line is too long.
        """
        joined, finished = self.take(chunk or b""), chunk is not None
        if joined is None and not finished:
            joined = self.flush()
        found: list[dict[str, Any]] = []
        try:
            for line in joined.split(b"\n") if joined else ():
                found.extend(_object_of(line, finished))
        except ProtocolError as error:
            return found, error
        return found, None

    def flush(self) -> bytes:
        """Return the line that has begun, and begin another."""
        found = b"".join(self.pending)
        self.pending.clear()
        self._size = 0
        return found


def lines(chunks: Iterable[bytes], longest: int = LONGEST_LINE) -> Iterator[tuple[bytes, bool]]:
    """Yield, for each piece, the lines that it completes, joined, without the last line feed.

    The second value is whether that line feed was seen: it lacks at the end of a body that was cut.

    :raises ProtocolError: a line is longer than *longest* bytes.
    """
    splitter = LineSplitter(longest)
    for chunk in chunks:
        joined = splitter.take(chunk)
        if joined is not None:
            yield joined, True
    if splitter.take(b"") is None and splitter.pending:
        yield splitter.flush(), False


def _object_of(line: bytes, finished: bool) -> list[dict[str, Any]]:
    """Return the object in a line; none for a blank line, and for one that was cut."""
    if not line or line.isspace():
        return []
    sentence = "a line of the answer is not a JSON object"
    try:
        value = _decode(line.decode("utf-8"))
        if isinstance(value, dict):
            return [value]
    except _NOT_JSON:
        kind = _kind(line)
        if not finished and kind != _PAGE:
            return []
        sentence = f"expected an answer of JSON lines, got {kind}"
    # raised out here: the error below has the whole line, in which a cookie may be echoed
    raise ProtocolError(sentence, line=_shown(line))


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


def sse_frames(chunks: Iterable[bytes]) -> Iterator[list[tuple[str, str, str]]]:
    """Yield, for each piece, the ``(event, data, id)`` of the server-sent events that it completes.

    Comments are passed over. A frame that the end of the body cut short is left out.

    :raises ProtocolError: a frame is no text, or longer than a line may be.
    """
    from sseclient import SSEClient  # here: only two eras speak it

    for frames in _whole_frames(chunks):
        found: list[tuple[str, str, str]] = []
        trouble = None
        try:
            for frame in SSEClient(iter(frames)).events():
                found.append((frame.event, frame.data, frame.id or ""))
        except UnicodeDecodeError as error:
            shown = _shown(error.object)
            trouble = ProtocolError("expected server-sent events, got noise", line=shown)
        if found:
            yield found
        if trouble is not None:
            raise trouble


def _whole_frames(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    frame: list[bytes] = []
    size = 0
    for joined, finished in lines(chunks):
        if not finished:
            return  # sseclient would hand out the cut frame as a good one
        whole: list[bytes] = []
        for line in joined.split(b"\n"):
            frame.append(line)
            size = size + len(line) if len(frame) > 1 else len(line)
            if size > LONGEST_LINE:
                if whole:
                    yield whole
                raise ProtocolError(f"an event is longer than {LONGEST_LINE} bytes")
            if not line.strip(b"\r"):
                whole.append(b"\n".join(frame) + b"\n")
                frame.clear()
        if whole:
            yield whole


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
        if isinstance(root, list) and step.isdecimal() and int(step) < len(root):
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
    name, *arguments = node
    if name in ("Date", "BigInt", "RegExp"):
        return arguments[0] if arguments else None
    if name == "Set":
        return [value_at(at) for at in arguments]
    if name == "Map":
        return {value_at(key): value_at(at) for key, at in zip(arguments[::2], arguments[1::2])}
    if name == "null":
        return {key: value_at(at) for key, at in zip(arguments[::2], arguments[1::2])}
    if name == "Object":
        return arguments[0] if arguments else None
    return value_at(arguments[0]) if arguments and isinstance(arguments[0], int) else None


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
