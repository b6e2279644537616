"""Formats on the wire: lines, JSON, server-sent events; halves of characters.

Knows bytes and values; no route, no field, no era.
"""

from __future__ import annotations

import json
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


class Halves:
    """Joins characters whose two UTF-16 halves came in two pieces of text.

    JSON may carry them apart as two escapes; in Python such halves do not join
    by themselves and cannot be encoded.
    """

    def __init__(self) -> None:
        self._held = ""

    def join(self, text: str) -> str:
        """Return *text* with its halves joined; a first half at the end waits for the next call."""
        if not self._held and is_whole(text):
            return text
        text = self._held + text
        self._held = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return whole_characters(text)

    @property
    def waiting(self) -> bool:
        """Whether a first half waits for its second."""
        return bool(self._held)

    def rest(self) -> str:
        """Return what still waits at the end: ``"\ufffd"`` for a lone half, else ``""``."""
        held, self._held = self._held, ""
        return "\ufffd" if held else ""


def is_whole(text: str) -> bool:
    """Return whether *text* holds no half of a character."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def whole_characters(text: str) -> str:
    """Return *text* with halves joined and lone ones replaced by U+FFFD: it can be encoded."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


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
