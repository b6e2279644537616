"""What the pages know: the layout and one conversation.

Source: chat-ui a3b58941c, measured (la05 to la12, lb28 to lb37, lh15, lh16, li02 to li09).
"""

from __future__ import annotations

from typing import Any, Mapping

from flask import request

from hugchat_sync.local.app import Site
from hugchat_sync.local.responder import Model
from hugchat_sync.local.storage import Conversation, is_object_id

from .devalue import Date, Undefined, flattened
from .form_settings import shown
from .identity import identity

_SKIP = {"type": "skip"}
_FOREIGN = (
    "You don't have access to this conversation. If someone gave you this link, ask them to use"
    " the 'share' feature instead."
)


def page_data(site: Site, conversation_id: str | None) -> dict[str, Any]:
    """Return the answer of ``__data.json``: only the nodes that are wanted.

    :param conversation_id: a conversation or a share; ``None`` for pages without data.
    """
    wanted = request.args.get("x-sveltekit-invalidated", "11")
    flags = [flag == "1" for flag in wanted[:2].ljust(2, "0")]
    first: object = _layout_node(site) if flags[0] else _SKIP
    second: object = _SKIP
    if flags[1]:
        second = None if conversation_id is None else _page_node(site, conversation_id)
    return {"type": "data", "nodes": [first, second]}


def _layout_node(site: Site) -> dict[str, Any]:
    return {
        "type": "data",
        "data": flattened(layout(site)),
        "uses": {"dependencies": ["conversation:list"], "url": 1},
    }


def layout(site: Site) -> dict[str, Any]:
    """Return what every page shows."""
    owner = identity().owner
    user: object = Undefined()
    if identity().signed_in:
        user = {"username": "local", "avatarUrl": "", "email": "local@localhost"}
    return {
        "conversations": [
            {"id": one.id, "title": one.title, "model": one.model}
            for one in site.storage.conversations(owner)
        ],
        "settings": shown(site, owner),
        "models": [_model(model) for model in site.models()],
        "oldModels": [],
        "user": user,
        "requiresLogin": site.token is not None,
        "messagesBeforeLogin": 0,
    }


def _model(model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "name": model.id,
        "websiteUrl": Undefined(),
        "modelUrl": Undefined(),
        "datasetName": Undefined(),
        "datasetUrl": Undefined(),
        "displayName": model.display_name,
        "description": model.description,
        "promptExamples": [{"title": "System prompts", "prompt": "How do I set a system prompt?"}],
        "parameters": {**model_parameters(), "stop_sequences": Undefined()},
        "preprompt": "",
    }


def model_parameters() -> dict[str, float]:
    """Return the parameters that a model of that time ran with; here they mean nothing."""
    return {
        "temperature": 0.1,
        "truncate": 1000,
        "max_new_tokens": 1024,
        "top_p": 0.95,
        "repetition_penalty": 1.2,
        "top_k": 50,
    }


def _page_node(site: Site, conversation_id: str) -> dict[str, Any]:
    if len(conversation_id) == 7:
        body = site.storage.get("share", conversation_id)
        if body is None:
            return _missing("Conversation not found.", 404)
        shared = Conversation(id=conversation_id, owner="", updated_at="", **body)
        return _data_node(shared, {"params": ["id"]}, shared=True)
    if not is_object_id(conversation_id):
        return {"type": "error", "error": {"message": "Internal Error"}}
    found = site.storage.conversation(conversation_id)
    if found is None:
        return _missing("Conversation not found.", 404)
    if found.owner != identity().owner:
        return _missing(_FOREIGN, 403)
    depends = f"{request.host_url.rstrip('/')}{site.base_path}/conversation/conversation"
    return _data_node(found, {"dependencies": [depends], "params": ["id"]}, shared=False)


def _missing(message: str, status: int) -> dict[str, Any]:
    return {"type": "error", "error": {"message": message}, "status": status}


def _data_node(conversation: Conversation, uses: Mapping[str, Any], shared: bool) -> dict[str, Any]:
    preprompt = conversation.preprompt if conversation.extra.get("prompted") else None
    page = {
        "messages": [_dated(message) for message in conversation.messages],
        "title": conversation.title,
        "model": conversation.model,
        "preprompt": preprompt,
        "shared": shared,
    }
    return {"type": "data", "data": flattened(page), "uses": dict(uses)}


def _dated(value: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(value)
    for key in ("createdAt", "updatedAt"):
        if key in result:
            result[key] = Date(result[key])
    if isinstance(result.get("webSearch"), dict):
        result["webSearch"] = _dated(result["webSearch"])
    return result
