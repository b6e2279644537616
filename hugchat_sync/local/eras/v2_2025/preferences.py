"""The settings of a session: a POST replaces all, what it leaves out goes back to its default.

Source: chat-ui c100c162, measured 2026-08 (a14, j01 to j10).
"""

from __future__ import annotations

from typing import Any, Mapping

from hugchat_sync.local.eras.v2_2025.superjson import Date, Undefined
from hugchat_sync.local.identifiers import now
from hugchat_sync.local.models import find_model, served_models
from hugchat_sync.local.replies import ApiError
from hugchat_sync.local.site import Site


def _defaults() -> dict[str, Any]:
    return {
        "activeModel": "",
        "streamingMode": "smooth",
        "directPaste": False,
        "hapticsEnabled": True,
        "hidePromptExamples": {},
        "shareConversationsWithModelAuthors": True,
        "customPrompts": {},
        "customPromptsEnabled": {},
        "multimodalOverrides": {},
        "toolsOverrides": {},
        "artifactsOverrides": {},
        "providerOverrides": {},
        "reasoningEffortOverrides": {},
        "reasoningOverrides": {},
    }


def _values_allowed(key: str) -> tuple[type, ...]:
    """Return what the values of a map by model may be."""
    texts = ("customPrompts", "providerOverrides", "reasoningEffortOverrides")
    return (str,) if key in texts else (bool,)


def _fits(key: str, value: object, default: object) -> bool:
    if isinstance(default, dict):
        return isinstance(value, dict) and all(
            isinstance(item, _values_allowed(key)) for item in value.values()
        )
    if key == "streamingMode":
        return value in ("raw", "smooth")
    if key == "reasoningEffortOverrides":
        return value in ("low", "medium", "high")
    return isinstance(value, type(default))


def checked(body: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be stored.

    :param before: what is stored now; only the moment of the welcome survives from it.
    :raises ApiError: 500 for a value of the wrong type.
    """
    stored = _defaults()
    for key, default in _defaults().items():
        if key in body:
            if not _fits(key, body[key], default):
                raise ApiError(500)
            stored[key] = body[key]
    if isinstance(body.get("billingOrganization"), str):
        stored["billingOrganization"] = body["billingOrganization"]
    if body.get("welcomeModalSeen") is True:
        stored["welcomeModalSeenAt"] = now()
    elif before.get("welcomeModalSeenAt"):
        stored["welcomeModalSeenAt"] = before["welcomeModalSeenAt"]
    return stored


def shown(site: Site, owner: str) -> dict[str, Any]:
    """Return the settings as a GET tells them; an unknown active model is put right (j08)."""
    values = {**_defaults(), **site.store.settings.get(owner)}
    if find_model(site.era, values["activeModel"]) is None:
        values["activeModel"] = served_models(site.era)[0].id
    seen_at = values.pop("welcomeModalSeenAt", None)
    organisation = values.pop("billingOrganization", None)
    return {
        "welcomeModalSeen": seen_at is not None,
        "welcomeModalSeenAt": None if seen_at is None else Date(seen_at),
        **values,
        "billingOrganization": Undefined() if organisation is None else organisation,
    }
