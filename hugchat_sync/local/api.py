"""Settings, models, tool servers and conversations: what is asked for and told in JSON.

A field that no client reads is left out, and so are the marks of superjson, of which clients need
none here: dates are text.

Source: chat-ui c100c162, measured 2026-08 (a05 to a28, b01 to b17, d08 to d15, g26 to g41, h01 to
h27, i01 to i09, j01 to j08, p21 to p23).
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Mapping

from flask import Response, abort, g, request

from .app import app, json_body, json_reply, nothing, own_conversation, site
from .documents import SEARCH_SERVER, SEARCH_TOOL
from .storage import Conversation, is_object_id, new_object_id, now
from .wire import compact, plain_title

_ALL = "/api/v2/conversations"
_ONE = f"{_ALL}/<conversation_id>"
_PAGE_SIZE = 30
_LONGEST_TITLE = 100
_FOREIGN = (
    "You don't have access to this conversation. If someone gave you this link, ask them to use"
    " the 'share' feature instead."
)
_TOO_MANY = "You have reached the maximum number of conversations. Delete some to continue."
_DEFAULTS: Mapping[str, Any] = json.loads("""
{"activeModel": "", "streamingMode": "smooth", "directPaste": false, "hapticsEnabled": true,
 "hidePromptExamples": {}, "shareConversationsWithModelAuthors": true, "customPrompts": {},
 "customPromptsEnabled": {}, "multimodalOverrides": {}, "toolsOverrides": {},
 "artifactsOverrides": {}, "providerOverrides": {}, "reasoningEffortOverrides": {},
 "reasoningOverrides": {}, "billingOrganization": null, "welcomeModalSeenAt": null}
""")


def _superjson(value: object) -> Response:
    return json_reply({"json": value})


@app.get("/api/v2/feature-flags")
def _feature_flags() -> Response:
    return _superjson({"transcriptionEnabled": False, "loginEnabled": site().token is not None})


@app.get("/api/v2/user")
def _user() -> Response:
    user = {"id": g.owner[:24], "username": "local", "email": "local@localhost"}
    return _superjson(user if g.signed_in else None)


@app.get("/api/v2/user/settings")
def _settings() -> Response:
    """Return the settings with all their defaults; an unknown model is put right (j08)."""
    values = {**_DEFAULTS, **(site().storage.get("settings", g.owner) or {})}
    if site().model(values["activeModel"]) is None:
        values["activeModel"] = site().models()[0].id
    return _superjson({**values, "welcomeModalSeen": values["welcomeModalSeenAt"] is not None})


@app.post("/api/v2/user/settings")
def _store_settings() -> Response:
    """Replace all settings: what is not sent goes back to its default.

    Only the moment of the welcome survives.
    """
    body, before = json_body(), site().storage.get("settings", g.owner) or {}
    stored = {key: body.get(key, default) for key, default in _DEFAULTS.items()}
    for key, default in _DEFAULTS.items():
        if default is not None and not isinstance(stored[key], type(default)):
            abort(500)
    is_seen = body.get("welcomeModalSeen") is True
    stored["welcomeModalSeenAt"] = now() if is_seen else before.get("welcomeModalSeenAt")
    site().storage.put("settings", g.owner, stored)
    return nothing()


@app.get("/api/v2/models")
def _models() -> Response:
    listed = [
        {
            "id": model.id,
            "displayName": model.display_name or model.id,
            "description": model.description,
            "multimodal": model.multimodal,
            "supportsTools": model.supports_tools,
            "supportsReasoning": model.supports_reasoning,
            "isRouter": model.is_router,
        }
        for model in site().models()
    ]
    return _superjson(listed)


@app.post("/api/transcribe")
def _transcribe() -> Response:
    """Refuse: nobody listens here, as the feature flags say."""
    abort(503, "Transcription is not configured")


@app.get("/api/mcp/servers")
def _tool_servers() -> Response:
    """Return the tool servers of this site: the search of its documents (a13)."""
    return json_reply([{"id": "documents", "name": SEARCH_SERVER, "url": _search_url()}])


@app.post("/api/mcp/health")
def _tool_health() -> Response:
    """Say whether a tool server answers; only the site's own one can be asked (a28)."""
    if json_body().get("url") != _search_url():
        failure = {"ready": False, "error": "Connection failed", "authRequired": False}
        return json_reply(failure, 503)
    tool = {"name": SEARCH_TOOL, "description": "Searches the documents of this server"}
    return json_reply({"ready": True, "tools": [tool], "authRequired": False})


def _search_url() -> str:
    return f"{site().url}/mcp/documents"


@app.get("/documents/<path:name>")
def _document(name: str) -> Response:
    """Return the page that an answer links to."""
    read = getattr(site().responder, "document", None)
    text = None if read is None else read(name)
    if text is None:
        abort(404, "Document not found")
    return Response(text, content_type="text/plain; charset=utf-8")


# conversations ----------------------------------------------------------------------------------


@app.post("/conversation")
def _create() -> Response:
    """Make a conversation and tell all of it, so that no second request is needed."""
    body = json_body()
    model, preprompt = site().model(body.get("model")), body.get("preprompt", "")
    if model is None or not isinstance(preprompt, str):
        abort(400, "Invalid request")
    limit = site().limits.get("conversations")
    if limit is not None and len(site().storage.conversations(g.owner)) > limit:
        abort(429, _TOO_MANY)
    moment = now()
    made = Conversation(new_object_id(), g.owner, "New Chat", model.id, preprompt, moment, moment)
    made.add_message(None, "system", preprompt)
    site().storage.add(made)
    shown = compact({"json": _write_conversation(made)})
    return json_reply({"conversationId": made.id, "conversation": shown})


@app.get(_ALL)
def _list() -> Response:
    page = request.args.get("p", 0, type=int)
    if not 0 <= page < 1 << 32:
        abort(500)
    found = site().storage.conversations(g.owner, page * _PAGE_SIZE, _PAGE_SIZE + 1)
    listed = [
        {"id": one.id, "title": one.title, "model": one.model, "updatedAt": one.updated_at}
        for one in found[:_PAGE_SIZE]
    ]
    return _superjson({"conversations": listed, "hasMore": len(found) > _PAGE_SIZE})


@app.get(_ONE)
def _read(conversation_id: str) -> Response:
    """Return a conversation or a share."""
    if len(conversation_id) == 7:
        return _superjson(_write_conversation(_read_share(conversation_id)))
    if not is_object_id(conversation_id):
        abort(400, "Invalid conversation ID format")
    found = site().conversation(conversation_id)
    if found is None:
        abort(404, "Conversation not found.")
    if found.owner != g.owner:
        abort(403, _FOREIGN)
    return _superjson(_write_conversation(found))


def _write_conversation(conversation: Conversation) -> dict[str, Any]:
    messages = conversation.messages
    return {
        "id": conversation.id,
        "title": conversation.title,
        "model": conversation.model,
        "preprompt": conversation.preprompt,
        "updatedAt": conversation.updated_at,
        "rootMessageId": messages[0]["id"] if messages else None,
        "messages": messages,
    }


@app.patch(_ONE)
def _rename(conversation_id: str) -> Response:
    body = json_body()
    found = own_conversation(conversation_id, 400, "Invalid conversation ID")
    title = body.get("title", found.title)
    if not isinstance(title, str) or not 1 <= len(title) <= _LONGEST_TITLE:
        abort(400, "Title must be a string between 1 and 100 characters")
    site().storage.change(found.id, title=plain_title(title))
    return _superjson({"success": True})


@app.delete(_ONE)
def _delete(conversation_id: str) -> Response:
    found = own_conversation(conversation_id, 400, "Invalid conversation ID")
    site().storage.remove(found.id)
    return _superjson({"success": True})


@app.delete(_ALL)
def _delete_all() -> Response:
    """Delete everything of this session and tell how many there were."""
    doomed = [one.id for one in site().storage.conversations(g.owner)]
    site().storage.remove(*doomed)
    return _superjson(len(doomed))


@app.delete(f"{_ONE}/message/<message_id>")
def _delete_message(conversation_id: str, message_id: str) -> Response:
    """Delete a message and what follows it."""
    found = own_conversation(conversation_id, 400, "Invalid conversation ID")
    if found.message(message_id) is None:
        abort(404, "Message not found")
    found.messages = [
        one
        for one in found.messages
        if message_id != one["id"] and message_id not in one["ancestors"]
    ]
    for one in found.messages:
        one["children"] = [child for child in one["children"] if child != message_id]
    found.updated_at = now()
    site().storage.save(found)
    return _superjson({"success": True})


@app.post("/conversation/<conversation_id>/share")
def _share(conversation_id: str) -> Response:
    """Freeze the conversation under seven letters; unchanged content keeps them."""
    found = own_conversation(conversation_id)
    frozen = {**vars(found), "owner": "", "extra": {}}
    content = json.dumps({**frozen, "updated_at": ""}).encode()
    share_id = base64.urlsafe_b64encode(hashlib.sha256(content).digest())[:7].decode()
    if site().storage.get("share", share_id) is None:
        site().storage.put("share", share_id, {**frozen, "id": share_id})
        site().storage.copy_files(found.id, share_id)
    return json_reply({"shareId": share_id})


@app.post(f"{_ALL}/import-share")
def _import_share() -> Response:
    """Copy a share into this session; once."""
    share_id = json_body().get("shareId")
    if not share_id or not isinstance(share_id, str):
        abort(400, "shareId is required")
    storage = site().storage
    own = storage.conversations(g.owner)
    copy = next((one for one in own if one.extra.get("imported") == share_id), None)
    if copy is None:
        copy = _read_share(share_id)
        copy.id, copy.owner, copy.updated_at = new_object_id(), g.owner, now()
        copy.extra = {"imported": share_id}
        storage.add(copy)
        storage.copy_files(share_id, copy.id)
    return _superjson({"conversationId": copy.id})


def _read_share(share_id: str) -> Conversation:
    body = site().storage.get("share", share_id)
    if body is None:
        abort(404, "Conversation not found")
    return Conversation(**body)
