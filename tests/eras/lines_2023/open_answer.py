"""One answer of October 2023: it lives as long as its connection.

Source: chat-ui a3b58941c, measured (lc01 to lc17, ld01 to ld32, lf01 to lf19, lg01 to lg38).
"""

from __future__ import annotations

import math
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import Any, Iterator
from urllib.parse import urlsplit

from hugchat_sync.local.app import Site
from hugchat_sync.local.http import Environment, client_gone
from hugchat_sync.local.responder import Failure, Final, Pause, Step, Text, ToolCall, ToolResult
from hugchat_sync.local.storage import Conversation, StoredMessage, now
from hugchat_sync.local.wire import compact, join_halves

from .steps import SearchFailure, SearchSource, SearchStep, SearchTurn
from .stops import Stops

_SLICE = 0.02
_LONGEST_WRITE = 1.0
_SILENT_STATUS = 503
_SEARCH_FAILED = "An error occurred with the web search"


class OpenAnswers:
    """The answers whose connection is open.

    The real server writes as soon as a client closes. So that this one is not late, whoever asks
    for a conversation first waits for the answers there whose client has gone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: list[OpenAnswer] = []

    @contextmanager
    def one(self, answer: OpenAnswer) -> Iterator[None]:
        """Keep the answer for the length of the block."""
        with self._lock:
            self._answers.append(answer)
        try:
            yield
        finally:
            with self._lock:
                self._answers.remove(answer)

    def settle(self, conversation_id: str | None = None) -> None:
        """Wait for the last writes of answers that were left, in one conversation or in all."""
        with self._lock:
            answers = list(self._answers)
        for answer in answers:
            if conversation_id in (None, answer.conversation_id):
                answer.settle()


class OpenAnswer:
    """Makes the lines of one answer and writes the conversation when the connection ends.

    It writes the conversation as it knew it when the request came: what others changed meanwhile
    is lost, as on the real server (lg03 to lg10, lg29 to lg31).
    """

    def __init__(
        self,
        site: Site,
        conversation: Conversation,
        turn: SearchTurn,
        response_id: str,
        stops: Stops,
        open_answers: OpenAnswers,
        environ: Environment,
    ) -> None:
        self._site = site
        self._conversation = conversation
        self._turn = turn
        self._response_id = response_id
        self._stops = stops
        self._open = open_answers
        self._environ = environ
        self._began = time.monotonic()
        self._updates: list[dict[str, Any]] = []
        self._raw = ""
        self._message: StoredMessage | None = None
        self._sources: list[dict[str, str]] = []
        self._query = ""
        self._search_began = now()
        self._written = threading.Event()

    def pieces(self) -> Iterator[bytes]:
        """Yield the lines; then nothing, until the client leaves."""
        broken = False
        with self._open.one(self):
            try:
                for step in self._steps():
                    if isinstance(step, Failure):
                        broken = step.status != _SILENT_STATUS
                        break
                    for update in self._take(step):
                        yield compact(update).encode() + b"\n"
                if not broken:
                    self._wait(math.inf)
            finally:
                if not broken and not self._site.closing.is_set():
                    self._write()
                self._written.set()
        if broken:
            self._cut()

    @property
    def conversation_id(self) -> str:
        """The conversation it belongs to."""
        return self._conversation.id

    def settle(self) -> None:
        """Wait for the last write if the client has gone."""
        if client_gone(self._environ):
            self._written.wait(_LONGEST_WRITE)

    def _steps(self) -> Iterator[Step]:
        """Yield the responder's steps as long as somebody listens."""
        yield _Started()
        for step in self._site.responder.answer(self._turn):
            if self._left():
                return
            yield step

    def _left(self) -> bool:
        return self._site.closing.is_set() or client_gone(self._environ)

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._left():
            left = end - time.monotonic()
            if left <= 0:
                return
            self._site.closing.wait(min(left, _SLICE))

    def _take(self, step: Step) -> Iterator[dict[str, Any]]:
        if isinstance(step, _Started):
            yield self._noted({"type": "status", "status": "started"})
        elif isinstance(step, Pause):
            self._wait(step.seconds)
        elif isinstance(step, Text):
            yield from self._token(step.token)
        elif isinstance(step, Final):
            yield from self._final(step)
        elif isinstance(step, (ToolCall, ToolResult)):
            for one in _as_search(step) if self._turn.web_search else ():
                yield from self._take(one)
        elif isinstance(step, SearchStep):
            yield self._noted(self._search_step(step))
        elif isinstance(step, SearchSource):
            yield self._noted(self._source(step))
        elif isinstance(step, SearchFailure):
            yield self._noted(_search_failure(step))
        # Tools, files and routers came later; this era has no words for them.

    def _noted(self, update: dict[str, Any]) -> dict[str, Any]:
        self._updates.append(update)
        return update

    def _token(self, token: str) -> Iterator[dict[str, Any]]:
        if not token:
            return
        self._raw += token
        if self._message is None:
            self._message = self._new_message()
            self._conversation.messages.append(self._message)
        # What is stored of an answer that was left has its first blank stripped (lg12).
        self._message["content"] = join_halves(self._raw).lstrip()
        yield {"type": "stream", "token": token}
        if self._stops.hits(self._conversation.id, self._began):
            # A stop does not stop: from now on every token is followed by a final answer (lg18).
            yield self._noted({"type": "finalAnswer", "text": self._message["content"]})

    def _new_message(self) -> StoredMessage:
        moment = now()
        return {
            "from": "assistant",
            "content": "",
            "webSearch": self._search(),
            "updates": self._updates,
            "id": self._response_id,
            "createdAt": moment,
            "updatedAt": moment,
        }

    def _final(self, step: Final) -> Iterator[dict[str, Any]]:
        text = join_halves(self._raw if step.text is None else step.text).rstrip()
        if not text:
            # No final answer then, and silence for ever (ld07).
            return
        # An answer of one event takes the place of the user's message (ld05).
        target = self._message or self._conversation.messages[-1]
        target["content"] = text
        self._write()
        yield self._noted({"type": "finalAnswer", "text": text})

    def _search(self) -> dict[str, Any] | None:
        if not self._turn.web_search:
            return None
        return {
            "prompt": self._turn.prompt,
            "searchQuery": self._query,
            "results": list(self._sources),
            "context": " ".join(source["title"] for source in self._sources),
            "contextSources": list(self._sources),
            "createdAt": self._search_began,
            "updatedAt": now(),
        }

    def _search_step(self, step: SearchStep) -> dict[str, Any]:
        update: dict[str, Any] = {
            "type": "webSearch",
            "messageType": "update",
            "message": step.message,
        }
        if step.args:
            self._query = self._query or step.args[0]
            update["args"] = list(step.args)
        return update

    def _source(self, step: SearchSource) -> dict[str, Any]:
        """Return a line with all sources so far: they come cumulated."""
        self._sources.append({"title": step.title, "link": step.link, "hostname": step.hostname})
        return {
            "type": "webSearch",
            "messageType": "sources",
            "message": "sources",
            "sources": list(self._sources),
        }

    def _write(self) -> None:
        self._conversation.updated_at = now()
        self._site.storage.save(self._conversation)

    def _cut(self) -> None:
        """Break the connection: no line ever tells why (ld11 to ld21)."""
        connection: socket.socket = self._environ["hugchat_sync.socket"]
        # The client may have gone first.
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError("the model failed")


class _Started(Pause):
    """The first line, before the responder is asked."""

    def __init__(self) -> None:
        super().__init__(0.0)


def _as_search(step: ToolCall | ToolResult) -> Iterator[Any]:
    """Yield what the search of today's documents does in the steps of that time."""
    if isinstance(step, ToolCall):
        yield SearchStep("Searching the documents", (str(step.parameters["query"]),))
        return
    found = step.structured["results"] if isinstance(step.structured, dict) else []
    if not found:
        yield SearchFailure("No results found for this search query")
    for one in found:
        yield SearchStep("Browsing webpage", (one["url"],))
    for one in found:
        yield SearchSource(one["title"], one["url"], urlsplit(one["url"]).hostname or "")


def _search_failure(step: SearchFailure) -> dict[str, Any]:
    """Return the error line: its reason is JSON text inside JSON text (lf04)."""
    return {
        "type": "webSearch",
        "messageType": "error",
        "message": _SEARCH_FAILED,
        "args": [compact(step.reason)],
    }
