"""One run of the winter of 2023: its lines, its title, and what of it is stored when."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Dict, Generator

from .keeping import Conversation, now
from .listening import Asked
from .playing import Play

if TYPE_CHECKING:
    from .lines import LinesServer

Lines = Generator[Dict[str, Any], None, None]


class LinesRun:
    """A question's answer; it writes the conversation as it knew it, at the end once more."""

    def __init__(
        self,
        server: LinesServer,
        found: Conversation,
        play: Play,
        asked: Asked,
        answer_id: str,
        searches: bool,
    ) -> None:
        self.asked = asked
        self.written = threading.Event()
        self._server = server
        self._version = server.version
        self._found = found
        self._play = play
        self._searches = searches
        self._messages = list(found.messages)
        self._title = found.title
        self._updates: list[dict[str, Any]] = []
        self._answer: dict[str, Any] = {
            "from": "assistant",
            "content": "",
            "updates": self._updates,
            "id": answer_id,
        }
        if self._version >= "2402":
            self._answer["interrupted"] = False
        self._titled_at = time.monotonic() + play.late if found.title == "New Chat" else None

    def lines(self) -> Lines:
        """Yield the lines; whoever leaves ends the run, and what had come is stored."""
        try:
            yield from self._run()
            if self._version < "2402":
                self._await_leaving()
        finally:
            self._write()

    def _run(self) -> Lines:
        yield {"type": "status", "status": "started"}
        if self._version < "2401":  # the answer waits for the title
            while not self._title_is_due() and not self._left():
                time.sleep(0.01)
        yield from self._title_line()
        if self._searches:
            yield from self._search()
        for line in self._play.lines:
            yield dict(line)
        said = ""
        for index, token in enumerate(self._play.tokens):
            while index == 1 and self._play.hold is not None and not self._play.hold.wait(0.01):
                if self._left():
                    self._answer.update({"interrupted": True} if self._version >= "2402" else {})
                    return
            # the models of that time began with a blank
            token = f" {token}" if index == 0 else token
            said += token
            self._put(said.lstrip())
            yield {"type": "stream", "token": token}
            yield from self._title_line()
        if self._play.error:
            yield {"type": "status", "status": "error", "message": self._play.error}
        text = said.rstrip() if self._play.final is None else f" {self._play.final}"
        self._put(text.strip() if self._play.final is not None else text)
        self._write()
        final = {"type": "finalAnswer", "text": text}
        self._updates.append(final)
        yield final
        while self._titled_at is not None and not self._left():
            time.sleep(0.01)
            yield from self._title_line()
            if self._version >= "2402":
                self._title = self._found.title  # a late one is told, never stored

    # titles ----------------------------------------------------------------------------------

    def _title_is_due(self) -> bool:
        return self._titled_at is None or time.monotonic() >= self._titled_at

    def _title_line(self) -> Lines:
        if self._titled_at is None or not self._title_is_due():
            return
        self._titled_at = None
        self._title = f"\U0001f4ac {self._play.title}" if self._play.title else "New Chat"
        line = {"type": "status", "status": "title", "message": self._title}
        self._updates.append(line)
        yield line

    # what is stored --------------------------------------------------------------------------

    def _put(self, text: str) -> None:
        if self._answer not in self._messages:
            self._messages.append(self._answer)
        self._answer["content"] = text

    def _write(self) -> None:
        self._found.messages = [dict(one) for one in self._messages]
        self._found.title = self._title
        self._found.updated = now()

    def _left(self) -> bool:
        return self.asked.gone or self._server.closing.is_set()

    def _await_leaving(self) -> None:
        """Wait until the reader goes: these servers never end a reply."""
        while not self._left():
            time.sleep(0.01)

    # searching -------------------------------------------------------------------------------

    def _search(self) -> Lines:
        def news(kind: str, **more: Any) -> dict[str, Any]:
            line = {"type": "webSearch", "messageType": kind, **more}
            self._updates.append(line)
            return line

        yield news("update", message="Searching Google", args=["the query"])
        if self._play.search_error:
            reason = [self._play.search_error]
            yield news("error", message="An error occurred with the web search", args=reason)
            return
        for _, link in self._play.sources:
            yield news("update", message="Browsing webpage", args=[link])
        sources = [
            {"title": title, "link": link, "hostname": link.split("/")[2]}
            for title, link in self._play.sources
        ]
        yield news("sources", message="sources", sources=sources)
