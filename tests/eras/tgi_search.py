"""The web search of September 2023: a request of its own, whose reply never ends."""

from __future__ import annotations

import json
import threading
from typing import Any, Iterator

from .keeping import KeepingServer, new_id
from .listening import Asked, Told
from .playing import Play


class TgiSearch(KeepingServer):
    """The searching part of a server; ``found`` has the links of each search."""

    def __init__(self, *plays: Play, messages_per_minute: int | None = None) -> None:
        super().__init__(*plays, messages_per_minute=messages_per_minute)
        self.found: dict[str, tuple[str, ...]] = {}

    def search(self, asked: Asked, conversation_id: str) -> Told:
        """Search; the growing objects have nothing between them, and the reply never ends."""
        self.mine(asked, conversation_id)
        self.count_message()
        if not asked.query.get("prompt", [""])[0]:
            return self.failed()
        return Told(200, self._searching(asked, self.next_play()), "application/json")

    def _searching(self, asked: Asked, play: Play) -> Iterator[bytes]:
        told: list[dict[str, Any]] = []

        def grown(*more: dict[str, Any]) -> bytes:
            told.extend(more)
            text = json.dumps({"messages": told}, ensure_ascii=False, separators=(",", ":"))
            return text.encode()

        yield grown({"type": "update", "message": "Generating search query"})
        query = asked.query["prompt"][0]
        yield grown({"type": "update", "message": "Searching Google", "args": [query]})
        end = {"type": "result", "id": new_id()}
        if play.search_error:
            reason = json.dumps(play.search_error)
            message = "An error occurred with the web search"
            trouble = {"type": "error", "message": message, "args": [reason]}
            yield grown(trouble, {"type": "sources", "sources": []}, end)
        else:
            pages = [
                {"type": "update", "message": "Browsing webpage", "args": [link]}
                for _, link in play.sources
            ]
            sources = [
                {"title": title, "link": link, "hostname": link.split("/")[2]}
                for title, link in play.sources
            ]
            # several objects may share a piece
            yield grown({"type": "update", "message": "Browsing results"}) + grown(*pages)
            yield grown({"type": "sources", "sources": sources}, end)
            self.found[end["id"]] = tuple(link for _, link in play.sources)
        self.wait_for(threading.Event(), asked, self.closing)
