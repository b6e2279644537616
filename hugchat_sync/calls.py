"""A request described, and how to read its reply: what passes between dialects and transport."""

from __future__ import annotations

from typing import Any, Callable, Generic, Iterable, Iterator, Mapping, TypeVar

from .errors import HugChatError
from .values import Value, field, with_fields

T = TypeVar("T")
E = TypeVar("E")


@with_fields
class Reply(Value):
    """A complete reply; the keys of ``headers`` are lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  # cookies among them
    body: bytes = field(repr=False)
    url: str = ""
    base_url: str = ""  # of the server, as the caller spelt it

    @property
    def content_type(self) -> str:
        """The media type without its parameters, lower case; ``""`` when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")


@with_fields
class Part(Value):
    """A part of a multipart body; without a filename it is a plain field."""

    content: str | bytes
    filename: str | None = None
    mime: str | None = None


def no_error(reply: Reply) -> HugChatError | None:
    """Find no fault with a reply: whoever reads it wants the bad ones as well."""
    return None


@with_fields
class Request(Value):
    """What is common to both kinds of call.

    :param path: relative to the base URL, for example ``"/conversation"``.
    :param error: makes the error of a reply that is not what was asked for, ``None`` where it is:
        only a dialect knows how errors are spelt. It is given every complete reply, and whatever
        comes in the place of a stream.
    :param json: the body as a JSON value.
    :param parts: the body as multipart parts, in order.
    :param form: the body as a urlencoded form, in order.
    :param body: the body as bytes; its type belongs into ``headers``.
    :param repeatable: sending it twice does no more than sending it once.
    """

    method: str
    path: str
    error: Callable[[Reply], HugChatError | None]
    json: Any = None
    parts: tuple[tuple[str, Part], ...] = ()
    form: tuple[tuple[str, str], ...] | None = None
    body: bytes | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False


@with_fields
class Call(Generic[T], Value):
    """One request, and how to read its complete reply."""

    request: Request
    read: Callable[[Reply], T]


@with_fields
class StreamCall(Generic[E], Value):
    """One request, and how to read a reply that comes piece by piece.

    :param read: bytes as they arrive → what they mean, that of one piece together; raises when the
        stream says so.
    :param closes_at_answer: the server never ends this reply: close it at the final answer.
    :param stays_for_title: unless a title has come: the server keeps one only while it is read.
    :param keep_alives: the server shows signs of life while it is busy.
    """

    request: Request
    read: Callable[[Iterable[bytes]], Iterator[list[E]]]
    closes_at_answer: bool = False
    stays_for_title: bool = False
    keep_alives: bool = True
