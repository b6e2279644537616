"""Settings, user, models and what else belongs to no conversation.

Source: chat-ui c100c162, measured 2026-08 (a05 to a28, j01 to j08, p21 to p23).
"""

from __future__ import annotations

import json
from typing import Any, Mapping

from flask import Response, g

from .app import ApiError, json_body, json_reply, nothing, route, site
from .documents import SEARCH_SERVER, SEARCH_TOOL
from .wire import Undefined, superjson, write_model

_DEFAULTS: Mapping[str, Any] = json.loads("""
{"welcomeModalSeen": false, "welcomeModalSeenAt": null, "activeModel": "",
 "streamingMode": "smooth", "directPaste": false, "hapticsEnabled": true,
 "hidePromptExamples": {}, "shareConversationsWithModelAuthors": true, "customPrompts": {},
 "customPromptsEnabled": {}, "multimodalOverrides": {}, "toolsOverrides": {},
 "artifactsOverrides": {}, "providerOverrides": {}, "reasoningEffortOverrides": {},
 "reasoningOverrides": {}}
""")
_MAPS_OF_TEXT = ("customPrompts", "providerOverrides", "reasoningEffortOverrides")


@route("GET", "/documents/<path:name>")
def _document(name: str) -> Response:
    """Return the page that an answer links to."""
    read = getattr(site().responder, "document", None)
    text = None if read is None else read(name)
    if text is None:
        raise ApiError(404, "Document not found")
    return Response(text, content_type="text/plain; charset=utf-8")


@route("GET", "/api/v2/feature-flags")
def _feature_flags() -> Response:
    flags = {"enableAssistants": False, "isAdmin": False, "transcriptionEnabled": False}
    return json_reply(superjson({**flags, "loginEnabled": site().token is not None}))


@route("GET", "/api/v2/user")
def _user() -> Response:
    if not g.signed_in:
        return json_reply(superjson(None))
    names = {"id": g.owner[:24], "username": "local", "email": "local@localhost"}
    return json_reply(
        superjson({**names, "avatarUrl": "", "isAdmin": False, "isEarlyAccess": False})
    )


@route("GET", "/api/v2/user/settings")
def _settings() -> Response:
    """Return the settings with all their defaults; an unknown model is put right (j08)."""
    values = {**_DEFAULTS, **(site().storage.get("settings", g.owner) or {})}
    if site().model(values["activeModel"]) is None:
        values["activeModel"] = site().models()[0].id
    return json_reply(superjson({"billingOrganization": Undefined(), **values}))


@route("POST", "/api/v2/user/settings")
def _store_settings() -> Response:
    """Replace all settings: what is not sent goes back to its default."""
    body = json_body()
    stored = {key: body.get(key, default) for key, default in _DEFAULTS.items()}
    if not all(_fits(key, value) for key, value in stored.items()):
        raise ApiError(500)
    if isinstance(body.get("billingOrganization"), str):
        stored["billingOrganization"] = body["billingOrganization"]
    site().storage.put("settings", g.owner, stored)
    return nothing()


def _fits(key: str, value: object) -> bool:
    if isinstance(_DEFAULTS[key], dict):
        kind = str if key in _MAPS_OF_TEXT else bool
        return isinstance(value, dict) and all(isinstance(one, kind) for one in value.values())
    if key == "streamingMode":
        return value in ("raw", "smooth")
    return isinstance(value, type(_DEFAULTS[key]))


@route("GET", "/api/v2/models")
def _models() -> Response:
    reply = json_reply(superjson([write_model(model) for model in site().models()]))
    reply.headers["Cache-Control"] = "private, max-age=60"
    return reply


@route("POST", "/api/transcribe")
def _transcribe() -> Response:
    """Refuse: nobody listens here, as the feature flags say."""
    raise ApiError(503, "Transcription is not configured")


@route("GET", "/api/mcp/servers")
def _tool_servers() -> Response:
    """Return the tool servers of this site: the search of its documents (a13)."""
    server = {"id": f"base-{SEARCH_SERVER}", "name": SEARCH_SERVER, "url": _search_url()}
    return json_reply([{**server, "type": "base", "isLocked": False}])


@route("POST", "/api/mcp/health")
def _tool_health() -> Response:
    """Say whether a tool server answers; only the site's own one can be asked (a28)."""
    if json_body().get("url") != _search_url():
        failure = {"ready": False, "error": "Connection failed", "authRequired": False}
        return json_reply(failure, 503)
    query = {"properties": {"query": {"type": "string"}}, "required": ["query"]}
    tool = {"name": SEARCH_TOOL, "description": "Searches the documents of this server"}
    listed = [{**tool, "inputSchema": {"type": "object", **query}}]
    return json_reply({"ready": True, "tools": listed, "authRequired": False})


def _search_url() -> str:
    return f"{site().url}/mcp/documents"
