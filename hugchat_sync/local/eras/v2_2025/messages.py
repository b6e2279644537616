"""Sending a message, stopping its answer, answering a tool's question.

Source: chat-ui c100c162, measured 2026-08 (c01 to c33, d01 to d17, g01 to g16, u01 to u08, x10 to
x13). The checks come in the order of the real server.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.datastructures import FileStorage

from hugchat_sync.local.eras.v2_2025.attachments import attached, hash_name, listed, take_files
from hugchat_sync.local.eras.v2_2025.bodies import json_body, optional_json_body
from hugchat_sync.local.eras.v2_2025.identity import identity
from hugchat_sync.local.eras.v2_2025.placing import placed
from hugchat_sync.local.eras.v2_2025.record import Record
from hugchat_sync.local.eras.v2_2025.run import Run
from hugchat_sync.local.eras.v2_2025.runs import Runs
from hugchat_sync.local.eras.v2_2025.sharing import share_conversation
from hugchat_sync.local.eras.v2_2025.turns import prompt_text, turn_for, wire_request
from hugchat_sync.local.httpd import client_gone
from hugchat_sync.local.identifiers import is_object_id, new_uuid
from hugchat_sync.local.models import find_model, served_models
from hugchat_sync.local.rates import Rates
from hugchat_sync.local.replies import (
    ApiError,
    empty_reply,
    is_form,
    json_reply,
    page_reply,
    wants_page,
)
from hugchat_sync.local.routing import add_routes
from hugchat_sync.local.site import Site
from hugchat_sync.local.steps import FileMade, Route
from hugchat_sync.local.tables.conversations import Conversation, StoredMessage
from hugchat_sync.local.tables.files import StoredFile

_NOT_FOUND = "Conversation not found"
_TOO_FAST = "You are sending too many messages. Try again later."


class MessageRoutes:
    """The routes that begin, stop and feed runs."""

    def __init__(self, site: Site, runs: Runs) -> None:
        self._site = site
        self._store = site.store
        self._runs = runs
        self._rates = Rates(site.limits.get("messages_per_minute"))

    def add_to(self, routes: Blueprint) -> None:
        """Register the routes."""
        one = "/conversation/<conversation_id>"
        add_routes(
            routes,
            (
                ("POST", one, self.send),
                ("POST", one + "/stop-generating", self.stop),
                ("POST", one + "/elicitation", self.answer_question),
                ("GET", one + "/message/<message_id>/prompt", self.prompt),
            ),
        )

    def _own(self, conversation_id: str) -> Conversation:
        if not is_object_id(conversation_id):
            raise ApiError(500)
        found = self._store.conversations.get(conversation_id)
        if found is None or found.owner != identity().owner:
            raise ApiError(404, _NOT_FOUND)
        return found

    def send(self, conversation_id: str) -> Response:
        """Take a message and stream its answer."""
        if wants_page(without_accept=False):
            reply = page_reply("HuggingChat", "POST method not allowed.", 405)
            reply.headers["Allow"] = "GET"
            return reply
        conversation = self._own(conversation_id)
        self._check_limits(conversation)
        asked = wire_request(self._form_field(), self._site.limits)
        parts = [part for part in request.files.getlist("files") if isinstance(part, FileStorage)]
        files = take_files(parts, self._site, conversation.id)
        message = placed(conversation, asked, listed(files))
        message["generationId"] = asked.get("generationId") or new_uuid()
        for file in files:
            self._store.files.put(conversation.id, file)
        if client_gone(request.environ):
            # Whoever leaves before the answer's head leaves nothing behind (w11).
            return empty_reply()
        self._store.conversations.save(conversation)
        run = self._run(conversation, message, asked, files)
        self._runs.start(run)
        return Response(run.outlet.pieces(), 200, content_type="application/jsonl")

    def _check_limits(self, conversation: Conversation) -> None:
        if not self._rates.allow(identity().owner, request.remote_addr or ""):
            raise ApiError(429, _TOO_FAST)
        limit = self._site.limits.get("messages")
        if limit is not None and len(conversation.messages) > limit:
            raise ApiError(
                429,
                f"This conversation has more than {limit} messages. Start a new one to continue",
            )
        if find_model(self._site.era, conversation.model) is None:
            raise ApiError(410, "Model not available anymore")

    def _form_field(self) -> Any:
        if not is_form() or request.mimetype == "text/plain":
            raise ApiError(500)
        text = request.form.get("data")
        if text is None:
            raise ApiError(400, "Invalid request")
        try:
            return json.loads(text)
        except ValueError as error:
            raise ApiError(500) from error

    def _run(
        self,
        conversation: Conversation,
        message: StoredMessage,
        asked: dict[str, Any],
        files: list[StoredFile],
    ) -> Run:
        def keep(made: FileMade) -> str:
            sha = hash_name(made.content)
            stored = StoredFile(sha, made.name, made.mime, made.content)
            self._store.files.put(conversation.id, stored)
            return sha

        environ = request.environ
        base_url = f"{request.host_url.rstrip('/')}{self._site.base_path}"
        return Run(
            self._site.responder,
            turn_for(conversation, message, asked, attached(files), base_url, self._site.era),
            Record(self._store, conversation, message),
            self._runs.questions,
            self._site.closing,
            conversation_id=conversation.id,
            generation_id=message["generationId"],
            wants_title=conversation.title == "New Chat",
            stop_after=self._runs.stop_waiting_for(conversation.id),
            keep_file=keep,
            route=self._route(conversation.model),
            gone=lambda: client_gone(environ),
        )

    def _route(self, model_id: str) -> Route | None:
        """Return what the router says before it lets a model answer (c25)."""
        model = find_model(self._site.era, model_id)
        if model is None or not model.is_router:
            return None
        return Route("default", served_models(self._site.era)[1].id)

    def stop(self, conversation_id: str) -> Response:
        """Stop the run of a conversation; also one that has not begun yet."""
        self._runs.stop(self._own(conversation_id).id, optional_json_body())
        return empty_reply()

    def answer_question(self, conversation_id: str) -> Response:
        """Take the user's answer to a tool."""
        conversation = self._own(conversation_id)
        self._runs.questions.answer(conversation.id, json_body())
        return json_reply({"ok": True, "resume": False}, chunked=False)

    def prompt(self, conversation_id: str, message_id: str) -> Response:
        """Return what the model was asked, for the curious."""
        if len(conversation_id) == 7:
            conversation = share_conversation(self._site, conversation_id)
        else:
            conversation = self._own(conversation_id)
        message = conversation.message(message_id)
        if message is None:
            raise ApiError(404, "Message not found")
        return json_reply(prompt_text(conversation, message))
