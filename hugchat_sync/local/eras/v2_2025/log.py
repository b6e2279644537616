"""Attaching to a run again, and the feed of what is running.

Source: chat-ui c100c162, measured 2026-08 (l03 to l15, l24, l25, w14, w16).
"""

from __future__ import annotations

import time
from typing import Iterator

from flask import Blueprint, Response, request

from hugchat_sync.local.eras.v2_2025.identity import identity
from hugchat_sync.local.httpd import client_gone
from hugchat_sync.local.identifiers import is_object_id
from hugchat_sync.local.jsontext import compact
from hugchat_sync.local.replies import ApiError
from hugchat_sync.local.routing import add_routes
from hugchat_sync.local.site import Site

_POLL = 0.25
_LONGEST = 300.0
_FEED_TICK = 2.0


def _frame(event: str, data: object, number: int | None = None) -> bytes:
    numbered = "" if number is None else f"id: {number}\n"
    return f"{numbered}event: {event}\ndata: {compact(data)}\n\n".encode()


def _event_stream(pieces: Iterator[bytes]) -> Response:
    headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
    return Response(pieces, 200, headers, content_type="text/event-stream")


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None


class LogRoutes:
    """The event streams."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._generations = site.store.generations

    def add_to(self, routes: Blueprint) -> None:
        """Register the routes."""
        add_routes(routes, [("GET", "/conversation/<conversation_id>/stream", self.attach)])
        add_routes(routes, [("GET", "/api/v2/generations/live", self.live)])

    def attach(self, conversation_id: str) -> Response:
        """Replay a run from a sequence number on, and follow it to its end."""
        if not is_object_id(conversation_id):
            raise ApiError(500)
        found = self._site.store.conversations.get(conversation_id)
        if found is None or found.owner != identity().owner:
            raise ApiError(404, "Conversation not found")
        known = _number(request.headers.get("Last-Event-ID"))
        if known is None:
            known = _number(request.args.get("fromSeq")) or 0
        return _event_stream(
            self._followed(found.id, request.args.get("generationId"), known, request.environ)
        )

    def _followed(
        self,
        conversation_id: str,
        generation_id: str | None,
        known: int,
        environ: dict[str, object],
    ) -> Iterator[bytes]:
        until = time.monotonic() + _LONGEST
        while time.monotonic() < until and not self._site.closing.is_set():
            # The state is read before the events: an end that is seen has all its events.
            run = self._generations.get(conversation_id, generation_id)
            if run is None:
                yield _frame("end", {"status": "gone"})
                return
            generation_id = run.id
            events = self._generations.events_after(run.id, known)
            for number, update in events:
                known = number
                yield _frame("update", update, number)
            if run.status != "running":
                yield _frame("end", {"status": run.status})
                return
            if not events:
                yield b": heartbeat\n\n"
            if client_gone(environ):
                return
            self._site.closing.wait(_POLL)

    def live(self) -> Response:
        """Tell every two seconds what runs and what ended; end when idle."""
        return _event_stream(self._feed(identity().owner))

    def _feed(self, owner: str) -> Iterator[bytes]:
        before: set[str] = set()
        quiet = 0
        until = time.monotonic() + _LONGEST
        while time.monotonic() < until and not self._site.closing.is_set():
            running = {run.conversation for run in self._generations.with_status("running", owner)}
            ended = before - running
            yield _frame("sync", {"running": self._named(running), "ended": self._ended(ended)})
            quiet = 0 if running or ended else quiet + 1
            if quiet == 2:
                yield _frame("idle", {})
                return
            before = running
            self._site.closing.wait(_FEED_TICK)

    def _title(self, conversation_id: str) -> str:
        found = self._site.store.conversations.get(conversation_id)
        return "" if found is None else found.title

    def _named(self, conversations: set[str]) -> list[dict[str, str]]:
        return [{"conversationId": one, "title": self._title(one)} for one in sorted(conversations)]

    def _ended(self, conversations: set[str]) -> list[dict[str, str]]:
        result = []
        for one in sorted(conversations):
            run = self._generations.get(one, None)
            status = "gone" if run is None else run.status
            result.append({"conversationId": one, "status": status, "title": self._title(one)})
        return result
