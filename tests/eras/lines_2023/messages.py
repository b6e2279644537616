"""Sending a message and asking for a stop.

Source: chat-ui a3b58941c, measured (lc01 to lc43, le01 to le16, lg19 to lg25, lg32, lm17, ln01).
"""

from __future__ import annotations

import re
import time
from typing import Any, Callable, Mapping
from uuid import uuid4

from flask import Response, request

from hugchat_sync.local.app import Site
from hugchat_sync.local.documents import SEARCH_SERVER
from hugchat_sync.local.http import client_gone
from hugchat_sync.local.responder import EarlierMessage
from hugchat_sync.local.storage import Conversation, StoredMessage, now

from .conversations import own_conversation
from .open_answer import OpenAnswer, OpenAnswers
from .replies import ApiError, empty_reply, json_body, page_reply, wants_page
from .steps import SearchTurn
from .stops import Stops
from .titles import with_emoji

_UNTITLED = "Untitled"
_SLICE = 0.02
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class MessageRoutes:
    """The routes that begin answers and ask for their end."""

    def __init__(self, site: Site, open_answers: OpenAnswers) -> None:
        self._site = site
        self._open = open_answers
        self._stops = Stops()

    def routes(self) -> list[tuple[str, str, Callable[..., Response]]]:
        """Return the routes."""
        one = "/conversation/<conversation_id>"
        return [
            ("POST", one, self.send),
            ("POST", one + "/stop-generating", self.stop),
        ]

    def send(self, conversation_id: str) -> Response:
        """Take a message, title the conversation, and open the answer."""
        if "text/html" in request.headers.get("Accept", "") and wants_page(False):
            reply = page_reply("HuggingChat", "POST method not allowed", 405)
            reply.headers["Allow"] = "GET"
            return reply
        conversation = own_conversation(self._site, conversation_id)
        if self._site.too_fast():
            raise ApiError(429, "You are sending too many messages. Try again later.")
        if self._site.model(conversation.model) is None:
            raise ApiError(410, "Model not available anymore")
        asked = _checked(json_body())
        conversation.messages = _with_prompt(conversation.messages, asked)
        turn = self._turn(conversation, asked)
        self._title(conversation, turn)
        conversation.updated_at = now()
        self._site.storage.save(conversation)
        answer = OpenAnswer(
            self._site,
            conversation,
            turn,
            asked.get("response_id") or str(uuid4()),
            self._stops,
            self._open,
            request.environ,
        )
        reply = Response(answer.pieces(), 200)
        del reply.headers["Content-Type"]
        return reply

    def _turn(self, conversation: Conversation, asked: Mapping[str, Any]) -> SearchTurn:
        *earlier, last = conversation.messages
        return SearchTurn(
            prompt=last["content"],
            history=tuple(EarlierMessage(one["from"], one["content"]) for one in earlier),
            system_prompt=conversation.preprompt,
            model=conversation.model,
            base_url=self._site.url,
            tools=(SEARCH_SERVER,) if asked.get("web_search") else (),
            web_search=asked.get("web_search", False),
        )

    def _title(self, conversation: Conversation, turn: SearchTurn) -> None:
        """Set the title, silently and before the first byte, if it is still the first one."""
        if not conversation.title.startswith(_UNTITLED):
            return
        title = self._site.title(turn)
        if title is None:
            return
        end = time.monotonic() + title.seconds
        while time.monotonic() < end and not client_gone(request.environ):
            if self._site.closing.wait(min(_SLICE, max(end - time.monotonic(), 0.0))):
                return
        conversation.title = with_emoji(title.text)

    def stop(self, conversation_id: str) -> Response:
        """Note that the answer is to be stopped."""
        self._stops.ask(own_conversation(self._site, conversation_id).id)
        return empty_reply()


def _checked(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body as the server's schema lets it pass.

    :raises ApiError: 500.
    """
    inputs = body.get("inputs")
    if not isinstance(inputs, str) or not inputs.strip():
        raise ApiError(500)
    for key in ("id", "response_id"):
        if key in body and not _UUID.fullmatch(str(body[key])):
            raise ApiError(500)
    for key in ("is_retry", "web_search"):
        if not isinstance(body.get(key, False), bool):
            raise ApiError(500)
    return {**body, "inputs": inputs.strip()}


def _with_prompt(messages: list[StoredMessage], asked: Mapping[str, Any]) -> list[StoredMessage]:
    """Return the messages with the prompt at their end.

    A retry takes the place of the message with its id and drops what follows, whoever wrote it;
    an unknown id appends (lc05 to lc12).
    """
    moment = now()
    message_id = asked.get("id")
    if asked.get("is_retry") and message_id:
        places = [place for place, one in enumerate(messages) if one["id"] == message_id]
        kept = messages[: places[0]] if places else messages
        retried = {
            "content": asked["inputs"],
            "from": "user",
            "id": message_id,
            "updatedAt": moment,
        }
        return [*kept, retried]
    prompt = {
        "content": asked["inputs"],
        "from": "user",
        "id": message_id or str(uuid4()),
        "createdAt": moment,
        "updatedAt": moment,
    }
    return [*messages, prompt]
