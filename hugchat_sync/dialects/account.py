"""Settings, models and users between the wire's spelling and our records, for all eras."""

from __future__ import annotations

from typing import Any

from ..calls import Call, Request
from ..errors import ProtocolError
from ..records import Model, Settings, User
from .errors import read_nothing, refusal
from .fields import kind_of, listed, need, text_of
from .headers import WRITE

#: our name → the wire's
SETTINGS: dict[str, str] = {
    "active_model": "activeModel",
    "custom_prompts": "customPrompts",
    "custom_prompts_enabled": "customPromptsEnabled",
    "share_conversations_with_model_authors": "shareConversationsWithModelAuthors",
    "streaming_mode": "streamingMode",
    "direct_paste": "directPaste",
    "haptics_enabled": "hapticsEnabled",
    "hide_prompt_examples": "hidePromptExamples",
    "multimodal_overrides": "multimodalOverrides",
    "tools_overrides": "toolsOverrides",
    "reasoning_overrides": "reasoningOverrides",
    "artifacts_overrides": "artifactsOverrides",
    "provider_overrides": "providerOverrides",
    "reasoning_effort_overrides": "reasoningEffortOverrides",
    "billing_organization": "billingOrganization",
    "welcome_modal_seen": "welcomeModalSeen",
    "welcome_modal_seen_at": "welcomeModalSeenAt",
    "search_enabled": "searchEnabled",
    "ethics_modal_accepted": "ethicsModalAccepted",
    "ethics_modal_accepted_at": "ethicsModalAcceptedAt",
    "hide_emoji_on_sidebar": "hideEmojiOnSidebar",
    "disable_stream": "disableStream",
    "tools": "tools",
    "assistants": "assistants",
}

#: our name → the kind of its value, where that is no switch
_KINDS: dict[str, type] = {
    **dict.fromkeys(("active_model", "streaming_mode", "billing_organization"), str),
    **dict.fromkeys(("welcome_modal_seen_at", "ethics_modal_accepted_at"), str),
    **dict.fromkeys((name for name in SETTINGS if name.endswith("_overrides")), dict),
    **dict.fromkeys(("custom_prompts", "custom_prompts_enabled", "hide_prompt_examples"), dict),
    **dict.fromkeys(("tools", "assistants"), object),
}

#: what the server works out by itself; it is not for us to send back
_READ_ONLY = ("welcome_modal_seen_at", "search_enabled", "ethics_modal_accepted_at", "assistants")


def read_settings(value: Any) -> Settings:
    """Return the settings of a reply.

    What we have no name for, or know in another shape, is kept in ``extra`` and goes back as it is.

    :raises ProtocolError: *value* is no settings object.
    """
    if not all(isinstance(text, str) for text in need(value, "customPrompts", dict).values()):
        raise ProtocolError("a system prompt in the settings is no text", field="customPrompts")
    known = {
        ours: value[wire]
        for ours, wire in SETTINGS.items()
        if value.get(wire) is not None and isinstance(value[wire], _KINDS.get(ours, bool))
    }
    done = {SETTINGS[ours] for ours in (*known, *_READ_ONLY)}
    done.update(wire for wire in SETTINGS.values() if value.get(wire) is None)
    return Settings(**known, extra={key: item for key, item in value.items() if key not in done})


def settings_body(settings: Settings) -> dict[str, Any]:
    """Return the whole settings as the server wants them back; ``None`` is left out."""
    body = {key: item for key, item in settings.extra.items() if item is not None}
    for ours, wire in SETTINGS.items():
        item = getattr(settings, ours)
        if item is not None and ours not in _READ_ONLY:
            body[wire] = item
    return body


def save_as_json(settings: Settings, path: str = "/settings") -> Call[None]:
    """Describe replacing all settings; what is left out goes back to its default."""
    request = Request(
        "POST",
        path,
        json=settings_body(settings),
        headers=WRITE,
        repeatable=True,  # it replaces everything: twice is once
        error=refusal,
    )
    return Call(request, read_nothing)


def read_model(value: Any) -> Model:
    """Return one entry of a list of models, of any year.

    :raises ProtocolError: it has no id.
    """
    return Model(
        need(value, "id", str),
        text_of(value, "displayName") or text_of(value, "name") or value["id"],
        text_of(value, "description"),
        multimodal=kind_of(value, "multimodal", bool, False),
        supports_tools=value.get("supportsTools") is True or value.get("tools") is True,
        supports_reasoning=value.get("supportsReasoning") is True or bool(value.get("reasoning")),
        is_router=kind_of(value, "isRouter", bool, False),
        system_prompt=text_of(value, "preprompt"),
    )


def read_models(values: Any) -> tuple[Model, ...]:
    """Return a list of models without those that are not to be offered.

    :raises ProtocolError: it is no list, or an entry has no id.
    """
    offered = [value for value in listed(values, "models") if not _unlisted(value)]
    return tuple(read_model(value) for value in offered)


def _unlisted(value: Any) -> bool:
    return kind_of(value, "unlisted", bool, False)


def read_user(value: Any) -> User | None:
    """Return who is signed in; ``None`` for nobody.

    :raises ProtocolError: it is no user.
    """
    if not value:
        return None
    # the servers of 2023 know no id of a user
    return User(
        text_of(value, "id"), need(value, "username", str), kind_of(value, "email", str, None)
    )
