"""Settings, user, models and what else belongs to no conversation.

Source: chat-ui c100c162, measured 2026-08 (a05 to a28, j01 to j10, p21 to p23).
"""

from __future__ import annotations

import json
from typing import Any, Mapping

from flask import Response, request

from ..app import ApiError, Site, json_reply, now
from ..documents import SEARCH_SERVER, SEARCH_TOOL
from .identity import identity
from .wire import Date, Undefined, superjson, told_model

_DEFAULTS: Mapping[str, Any] = json.loads("""
{"activeModel": "", "streamingMode": "smooth", "directPaste": false, "hapticsEnabled": true,
 "hidePromptExamples": {}, "shareConversationsWithModelAuthors": true, "customPrompts": {},
 "customPromptsEnabled": {}, "multimodalOverrides": {}, "toolsOverrides": {},
 "artifactsOverrides": {}, "providerOverrides": {}, "reasoningEffortOverrides": {},
 "reasoningOverrides": {}}
""")
_MAPS_OF_TEXT = ("customPrompts", "providerOverrides", "reasoningEffortOverrides")


def json_body() -> dict[str, Any]:
    """Return the body, a JSON object.

    :raises ApiError: 500, as the server's parsers throw; a POST without a content type has its
        body thrown away (b06, b07, b10).
    """
    typed = request.method != "POST" or bool(request.headers.get("Content-Type"))
    try:
        value = json.loads(request.get_data()) if typed else None
    except (ValueError, RecursionError) as error:
        raise ApiError(500) from error
    if not isinstance(value, dict):
        raise ApiError(500)
    return value


def nothing() -> Response:
    """Return an answer without body and without a type."""
    reply = Response(iter(()))
    del reply.headers["Content-Type"]
    return reply


class Account:
    """The routes that tell about the server and the session."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def document(self, name: str) -> Response:
        """Return the page that an answer links to."""
        read = getattr(self._site.responder, "document", None)
        text = None if read is None else read(name)
        if text is None:
            raise ApiError(404, "Document not found")
        return Response(text, content_type="text/plain; charset=utf-8")

    def feature_flags(self) -> Response:
        """Return what is switched on."""
        flags = {"enableAssistants": False, "isAdmin": False, "transcriptionEnabled": False}
        flags["loginEnabled"] = self._site.token is not None
        return json_reply(superjson(flags))

    def user(self) -> Response:
        """Return the user or ``null``."""
        if not identity().signed_in:
            return json_reply(superjson(None))
        user: dict[str, Any] = {
            "id": identity().owner[:24],
            "username": "local",
            "email": "local@localhost",
        }
        user = {**user, "avatarUrl": "", "isAdmin": False, "isEarlyAccess": False}
        return json_reply(superjson(user))

    def settings(self) -> Response:
        """Return the settings with all their defaults; an unknown model is put right (j08)."""
        values = {**_DEFAULTS, **self._site.storage.settings(identity().owner)}
        if self._site.model(values["activeModel"]) is None:
            values["activeModel"] = self._site.models()[0].id
        seen_at = values.pop("welcomeModalSeenAt", None)
        shown = {
            "welcomeModalSeen": seen_at is not None,
            "welcomeModalSeenAt": None if seen_at is None else Date(seen_at),
            "billingOrganization": Undefined(),
        }
        return json_reply(superjson({**shown, **values}))

    def store_settings(self) -> Response:
        """Replace all settings: what is not sent goes back to its default.

        Only the moment of the welcome survives.
        """
        body, owner = json_body(), identity().owner
        stored = {key: body.get(key, default) for key, default in _DEFAULTS.items()}
        if not all(_fits(key, value) for key, value in stored.items()):
            raise ApiError(500)
        if isinstance(body.get("billingOrganization"), str):
            stored["billingOrganization"] = body["billingOrganization"]
        before = self._site.storage.settings(owner).get("welcomeModalSeenAt")
        seen_at = now() if body.get("welcomeModalSeen") is True else before
        if seen_at:
            stored["welcomeModalSeenAt"] = seen_at
        self._site.storage.put_settings(owner, stored)
        return nothing()

    def models(self) -> Response:
        """Return the models."""
        reply = json_reply(superjson([told_model(model) for model in self._site.models()]))
        reply.headers["Cache-Control"] = "private, max-age=60"
        return reply

    def transcribe(self) -> Response:
        """Refuse: nobody listens here, as the feature flags say."""
        raise ApiError(503, "Transcription is not configured")

    def tool_servers(self) -> Response:
        """Return the tool servers of this site: the search of its documents (a13)."""
        url = f"{self._site.url}/mcp/documents"
        server = {"id": f"base-{SEARCH_SERVER}", "name": SEARCH_SERVER, "url": url}
        return json_reply([{**server, "type": "base", "isLocked": False}])

    def tool_health(self) -> Response:
        """Say whether a tool server answers; only the site's own one can be asked (a28)."""
        url = json_body().get("url")
        if not isinstance(url, str) or "://" not in url:
            return json_reply({"ready": False, "error": "Invalid URL"}, 400)
        if url != f"{self._site.url}/mcp/documents":
            failure = {"ready": False, "error": "Connection failed", "authRequired": False}
            return json_reply(failure, 503)
        query = {"properties": {"query": {"type": "string"}}, "required": ["query"]}
        tool: dict[str, Any] = {
            "name": SEARCH_TOOL,
            "description": "Searches the documents of this server",
        }
        tool = {**tool, "inputSchema": {"type": "object", **query}}
        return json_reply({"ready": True, "tools": [tool], "authRequired": False})


def _fits(key: str, value: object) -> bool:
    if isinstance(_DEFAULTS[key], dict):
        kind = str if key in _MAPS_OF_TEXT else bool
        return isinstance(value, dict) and all(isinstance(one, kind) for one in value.values())
    if key == "streamingMode":
        return value in ("raw", "smooth")
    return isinstance(value, type(_DEFAULTS[key]))
