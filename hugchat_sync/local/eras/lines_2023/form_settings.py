"""The settings, which come as a form: what it leaves out is reset.

Source: chat-ui a3b58941c, measured (li01 to li26).
"""

from __future__ import annotations

import json
from typing import Any, Mapping

from hugchat_sync.local.eras.lines_2023.devalue import Date
from hugchat_sync.local.identifiers import now
from hugchat_sync.local.models import find_model, served_models
from hugchat_sync.local.replies import ApiError
from hugchat_sync.local.site import Site


def shown(site: Site, owner: str) -> dict[str, Any]:
    """Return the settings as the layout tells them."""
    stored = site.store.settings.get(owner)
    accepted = stored.get("ethicsModalAcceptedAt")
    active = stored.get("activeModel")
    if find_model(site.era, active) is None:
        active = served_models(site.era)[0].id
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
    model = form.get("activeModel", served_models(site.era)[0].id)
    if find_model(site.era, model) is None:
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
