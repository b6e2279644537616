"""The settings, which come as a form: what it leaves out is reset.

Source: chat-ui a3b58941c, measured (li01 to li26).
"""

from __future__ import annotations

import json
from typing import Any, Mapping

from hugchat_sync.local.app import Site
from hugchat_sync.local.storage import now

from .devalue import Date
from .replies import ApiError


def shown(site: Site, owner: str) -> dict[str, Any]:
    """Return the settings as the layout tells them."""
    stored = site.storage.get("settings", owner) or {}
    accepted = stored.get("ethicsModalAcceptedAt")
    active = stored.get("activeModel")
    if site.model(active) is None:
        active = site.models()[0].id
    return {
        "shareConversationsWithModelAuthors": stored.get(
            "shareConversationsWithModelAuthors", True
        ),
        "ethicsModalAcceptedAt": None if accepted is None else Date(accepted),
        "activeModel": active,
        "searchEnabled": True,
        "customPrompts": stored.get("customPrompts", {}),
    }


def read_form(site: Site, form: Mapping[str, str], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be stored.

    :raises ApiError: 500 for values that are not allowed.
    """
    shares = form.get("shareConversationsWithModelAuthors", "false")
    if shares not in ("true", "on", "false"):
        raise ApiError(500)
    model = form.get("activeModel", site.models()[0].id)
    if site.model(model) is None:
        raise ApiError(500)
    accepted = now() if form.get("ethicsModalAccepted") else before.get("ethicsModalAcceptedAt")
    return {
        "shareConversationsWithModelAuthors": shares in ("true", "on"),
        "activeModel": model,
        "customPrompts": _prompts(form.get("customPrompts", "{}")),
        "ethicsModalAcceptedAt": accepted,
    }


def _prompts(text: str) -> dict[str, str]:
    try:
        prompts = json.loads(text)
    except ValueError as error:
        raise ApiError(500) from error
    if not isinstance(prompts, dict) or not all(isinstance(one, str) for one in prompts.values()):
        raise ApiError(500)
    return prompts
