"""One run of 2024: its place in the tree, its lines, and what of it is stored.

It keeps the conversation as it was when the run began, with an empty answer, and writes it back
whole at its end: two runs at a time undo each other (2404, 2412 and 2507, g08 to g10).
"""

from __future__ import annotations

import threading
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Iterator
from uuid import uuid4

from .keeping import Conversation, now
from .listening import Asked
from .playing import Play

if TYPE_CHECKING:
    from .tree import TreeServer

_WEB_SEARCH_ID = "00000000000000000000000a"
_GROUP = 5  # UTF-16 units: the pieces in which April 2024 sent its text


class TreeRun:
    """A message and its answer in a conversation."""

    def __init__(
        self,
        server: TreeServer,
        found: Conversation,
        data: dict[str, Any],
        files: list[Any],
        play: Play,
    ) -> None:
        self._server = server
        self._version = server.version
        self._found = found
        self._play = play
        self._updates: list[dict[str, Any]] = []
        self._messages = deepcopy(found.messages)
        self._title = found.title
        self.placed = self._place(data, files)
        if self.placed:
            found.messages = deepcopy(self._messages)
        self._searches = self._wants_search(data)
        self.links = tuple(link for _, link in play.sources) if self._searches else ()

    # the tree --------------------------------------------------------------------------------

    def _place(self, data: dict[str, Any], files: list[Any]) -> bool:
        """Add the messages of this run; whether that could be done."""
        target = self._message(data["id"])
        if target is None:
            return False
        if data.get("is_retry") and target["from"] == "assistant":
            parent = self._message(target["ancestors"][-1])
        elif data.get("is_retry") and (target["from"] != "user" or not data.get("inputs")):
            return False
        else:
            over = target["ancestors"][-1] if data.get("is_retry") else target["id"]
            asked = {"from": "user", "content": data["inputs"], "files": files}
            parent = self._add(asked, self._message(over))
        assert parent is not None
        self.history = tuple(
            str((self._message(one) or {}).get("content")) for one in parent["ancestors"][1:]
        )
        self._answer = self._add({"from": "assistant", "content": ""}, parent)
        return True

    def _message(self, message_id: str) -> dict[str, Any] | None:
        return next((one for one in self._messages if one["id"] == message_id), None)

    def _add(self, message: dict[str, Any], parent: dict[str, Any] | None) -> dict[str, Any]:
        assert parent is not None
        made = {
            **message,
            "id": str(uuid4()),
            "createdAt": now(),
            "updatedAt": now(),
            "ancestors": [*parent["ancestors"], parent["id"]],
            "children": [],
        }
        parent["children"] = [*parent["children"], made["id"]]
        self._messages.append(made)
        return made

    # the lines -------------------------------------------------------------------------------

    def lines(self, asked: Asked, stopped: threading.Event) -> Iterator[dict[str, Any]]:
        """Yield the lines; whoever leaves ends the run, and what had come is stored."""
        said = ""
        try:
            for line in self._before():
                self._updates.append(line)
                yield line
            for index, piece in enumerate(self._pieces()):
                if index == 1 and self._play.hold is not None:
                    go_on = self._server.wait_for(self._play.hold, asked, stopped)
                    if not go_on:
                        break
                said += piece
                yield {"type": "stream", "token": self._padded(piece)}
            yield from self._after(said, stopped.is_set())
        finally:
            self._store(said, stopped)

    def _before(self) -> Iterator[dict[str, Any]]:
        yield {"type": "status", "status": "started"}
        if self._version >= "2412":
            yield {"type": "status", "status": "keepAlive"}
        if self._title == "New Chat" and not self._play.late:
            yield self._titled()
        if self._searches:
            yield from self._search()
        yield from map(dict, self._play.lines)

    def _titled(self) -> dict[str, Any]:
        self._title = self._found.title = self._play.title or "New Chat"
        if self._version == "2404":
            return {"type": "status", "status": "title", "message": self._title}
        return {"type": "title", "title": self._title}

    def _pieces(self) -> Iterator[str]:
        if self._version != "2404":
            yield from self._play.tokens
            return
        coded = "".join(self._play.tokens).encode("utf-16-le", "surrogatepass")
        for start in range(0, len(coded), 2 * _GROUP):
            yield coded[start : start + 2 * _GROUP].decode("utf-16-le", "surrogatepass")

    def _padded(self, piece: str) -> str:
        return piece if self._version == "2404" else piece.ljust(16, "\0")

    def _after(self, said: str, stopped: bool) -> Iterator[dict[str, Any]]:
        if self._play.error:
            failed = {"type": "status", "status": "error", "message": self._play.error}
            self._updates.append(failed)
            yield failed
            if self._version == "2404":
                yield {"type": "finalAnswer", "text": said}
            return
        final: dict[str, Any] = {"type": "finalAnswer", "text": said.rstrip()}
        if self._play.final is not None and not stopped:
            final["text"] = self._play.final
        if self._version != "2404":
            final["interrupted"] = stopped and self._version >= "2506"
        self._answer["interrupted"] = final.get("interrupted", False)
        self._answer["content"] = final["text"]
        if self._version != "2404":
            self._answer["interrupted"] = False
        self._updates.append(final)
        yield final
        if self._play.late and self._title == "New Chat":
            threading.Event().wait(self._play.late)
            yield self._titled()

    def _store(self, said: str, stopped: threading.Event) -> None:
        if self._version >= "2510" and not stopped.is_set() and not self._play.error:
            said = self._play.text  # whoever leaves does not end the run any more
        self._answer["content"] = self._answer["content"] or said.rstrip()
        self._answer["updates"] = self._updates
        self._answer["updatedAt"] = now()
        self._found.messages = self._messages
        self._found.title = self._title
        self._found.updated = now()

    # searching -------------------------------------------------------------------------------

    def _wants_search(self, data: dict[str, Any]) -> bool:
        tools = data.get("tools")
        if isinstance(tools, dict) and tools.get("websearch"):
            return True
        if isinstance(tools, list) and _WEB_SEARCH_ID in tools:
            return True
        # in June and August 2024 a model with tools searched by its tool only; from autumn 2025
        # on nothing searches
        if self._version in ("2406", "2408") or self._version >= "2510":
            return False
        return bool(data.get("web_search"))

    def _search(self) -> Iterator[dict[str, Any]]:
        key = "messageType" if self._version == "2404" else "subtype"
        if self._version in ("2406", "2408"):
            call = {"name": "websearch", "parameters": {"query": "the query"}}
            yield {"type": "tool", "subtype": "call", "uuid": "u1", "call": call}

        def news(kind: str, **more: Any) -> dict[str, Any]:
            return {"type": "webSearch", key: kind, **more}

        yield news("update", message="Searching SearXNG", args=["the query"])
        if self._play.search_error:
            reason = [self._play.search_error]
            yield news("error", message="An error occurred", args=reason)
        else:
            yield news("update", message="Browsing results")
            for _, link in self._play.sources:
                yield news("update", message="Browsing webpage", args=[link])
            sources = [self._source(*one) for one in self._play.sources]
            yield news("sources", message="sources", sources=sources)
        if self._version != "2404":
            yield news("finished")
        if self._version in ("2406", "2408"):
            result = {"outputs": [{"websearch": "passages"}], "call": call, "display": True}
            yield {"type": "tool", "subtype": "result", "uuid": "u1", "result": result}

    def _source(self, title: str, link: str) -> dict[str, Any]:
        found: dict[str, Any] = {"title": title, "link": link}
        if self._version == "2404":
            passages = [{"idx": 0, "text": "A whole passage."}]
            found.update(hostname=link.split("/")[2], context=passages)
        return found
