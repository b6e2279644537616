"""Pages and their data.

Source: chat-ui a3b58941c, measured (la01 to la22, lb22 to lb36, le18, lh14, lh20).
"""

from __future__ import annotations

from html import escape
from typing import Callable

from flask import Response, request

from hugchat_sync.local.app import Site
from hugchat_sync.local.storage import is_object_id

from .identity import identity
from .page_data import page_data
from .replies import (
    ApiError,
    empty_reply,
    json_reply,
    page_reply,
    text_reply,
    wants_page,
)


class Pages:
    """The routes a browser asks for."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[tuple[str, str, Callable[..., Response]]]:
        """Return the routes."""
        return [
            ("GET", "", self.without_slash),
            ("GET", "/", self.home),
            ("GET", "/__data.json", self.home_data),
            ("GET", "/settings/__data.json", self.home_data),
            ("GET", "/r/<share_id>/__data.json", self.share_data),
            ("GET", "/r/<share_id>", self.share),
            ("GET", "/conversation", self.go_home),
            ("GET", "/conversation/<conversation_id>", self.conversation),
            ("PUT", "/conversation/<conversation_id>", self.refuse),
            ("GET", "/conversation/<conversation_id>/__data.json", self.conversation_data),
            ("GET", "/search/<search_id>", self.search),
        ]

    def without_slash(self) -> Response:
        """Lead to the start page."""
        return empty_reply(308, {"Location": f"{self._site.base_path}/"})

    def go_home(self) -> Response:
        """Lead home."""
        return empty_reply(302, {"Location": f"{self._site.base_path}/"})

    def _choose_model(self) -> bool:
        """Make the model of the query the active one; return whether there was one."""
        model = request.args.get("model")
        if self._site.model(model) is None:
            return False
        storage, owner = self._site.storage, identity().owner
        storage.put(
            "settings", owner, {**(storage.get("settings", owner) or {}), "activeModel": model}
        )
        return True

    def home(self) -> Response:
        """Show the list of conversations in the form that clients of that time scrape."""
        if self._choose_model():
            return self.go_home()
        return Response(self._list_page(), 200, content_type="text/html")

    def _list_page(self) -> str:
        base = self._site.base_path
        links = "".join(
            f'<a data-sveltekit-noscroll href="{base}/conversation/{one.id}" class="group">'
            f'<div class="flex-1 truncate">\n\t\t{escape(one.title)}</div></a>\n'
            for one in self._site.storage.conversations(identity().owner)
        )
        head = '<!doctype html>\n<html lang="en"><head><title>HuggingChat</title></head><body>\n'
        # Twice, for the narrow and the wide menu, as on the real page.
        return f"{head}<nav>{links}</nav>\n<nav>{links}</nav>\n</body></html>\n"

    def _data(self, conversation_id: str | None) -> Response:
        return self._page_data(page_data(self._site, conversation_id))

    @staticmethod
    def _page_data(value: object) -> Response:
        reply = json_reply(value, chunked=False)
        reply.set_data(reply.get_data() + b"\n")
        reply.headers["Cache-Control"] = "private, no-store"
        return reply

    def home_data(self) -> Response:
        """Return the layout's data."""
        if self._choose_model():
            location = f"{self._site.base_path}/"
            return self._page_data({"type": "redirect", "location": location})
        return self._data(None)

    def share_data(self, share_id: str) -> Response:
        """Return the layout's data and nothing about the share."""
        return self._data(None)

    def share(self, share_id: str) -> Response:
        """Lead to the conversation page of a share, known or not."""
        return empty_reply(302, {"Location": f"../conversation/{share_id}"})

    def conversation_data(self, conversation_id: str) -> Response:
        """Return the data of a conversation or a share; errors come inside a 200."""
        return self._data(conversation_id)

    def conversation(self, conversation_id: str) -> Response:
        """Show a page to browsers and refuse everybody else."""
        if not wants_page(without_accept=False):
            return self.refuse(conversation_id)
        found = None
        if is_object_id(conversation_id):
            found = self._site.storage.conversation(conversation_id)
        if found is None or found.owner != identity().owner:
            return page_reply("HuggingChat", "Conversation not found.", 404)
        return Response(self._list_page(), 200, content_type="text/html")

    def refuse(self, conversation_id: str) -> Response:
        """Refuse a method; the page does not count among the allowed ones (lb24, lb42)."""
        reply = text_reply(f"{request.method} method not allowed", 405)
        reply.headers["Allow"] = "POST, PATCH, DELETE"
        return reply

    def search(self, search_id: str) -> Response:
        """Refuse: stored searches belong to the era before."""
        raise ApiError(404 if is_object_id(search_id) else 500, self._unknown(search_id))

    @staticmethod
    def _unknown(search_id: str) -> str:
        return "Search query not found" if is_object_id(search_id) else ""
