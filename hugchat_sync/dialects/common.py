"""What all eras spell alike: settings, models, users, a few requests, the end of a session."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Mapping
from urllib.parse import urlsplit

from ..calls import Call, Reply, no_error
from ..errors import ProtocolError
from ..records import ConversationTree, Model, Settings, User
from ..values import names_of
from . import Dialect
from .errors import find_interception, is_sign_in, read_error, target_of
from .fields import field_of, need, text_of
from .verbs import path_of, post, read_nothing, read_value

_SIGN_OUT = "/logout"


def _in_wire_spelling(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


#: our name → the wire's, which is the same one in ``camelCase``
SETTINGS: dict[str, str] = {
    name: _in_wire_spelling(name) for name in names_of(Settings) if name != "extra"
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


class Era(Dialect):
    """What all eras have in common."""

    def create_conversation(self, model: str, system_prompt: str) -> Call[ConversationTree]:
        """Describe starting a conversation."""
        return self.create({"model": model, "preprompt": system_prompt})

    def create_from_share(self, share_id: str, model: str) -> Call[ConversationTree]:
        """Describe starting a conversation as the copy of a shared one."""
        return self.create({"model": model, "fromShare": share_id})

    @abstractmethod
    def create(self, body: Mapping[str, str]) -> Call[ConversationTree]:
        """Describe starting a conversation with what *body* says."""

    def share(self, conversation_id: str) -> Call[str]:
        """Describe publishing a conversation: a whole URL until 2025-06-10, an id since.

        Source: POST /conversation/{id}/share, chat-ui 2023-09 … 2026-08 (measured).
        """

        def read(reply: Reply) -> str:
            value = read_value(reply)
            return text_of(value, "url") or f"/r/{need(value, 'shareId', str)}"

        return post(path_of(conversation_id, "/share"), read)

    def stop(self, conversation_id: str) -> Call[None] | None:
        """Source: POST /conversation/{id}/stop-generating, chat-ui 2023-09 … 2026-08 (measured)."""
        # a stop that comes twice would interrupt the next message, so it is not repeatable
        return post(path_of(conversation_id, "/stop-generating"), read_nothing)

    def sign_out(self) -> Call[bool]:
        """Describe ending the session; reads as whether there was one to end.

        Source: POST /logout: 200 with the redirect to the start page as JSON (chat-ui 2023-10 …
        2024-12), 302 there (2025-07 … 2026-08); for nobody 401, or the way to the sign-in
        (measured). The servers of 2023 and 2024 end nothing but the cookie.
        """
        return post(_SIGN_OUT, _read_sign_out, form=(), error=no_error)


def read_settings(value: Any) -> Settings:
    """Return the settings of a reply.

    What we have no name for, or know in another shape, is kept in ``extra`` and goes back as it is.

    :raises ProtocolError: *value* is no settings object.
    """
    if not all(isinstance(text, str) for text in need(value, "customPrompts", dict).values()):
        raise ProtocolError("a system prompt in the settings is not a text", field="customPrompts")
    fields = {
        ours: value[wire]
        for ours, wire in SETTINGS.items()
        if value.get(wire) is not None and isinstance(value[wire], _KINDS.get(ours, bool))
    }
    done = {SETTINGS[ours] for ours in (*fields, *_READ_ONLY)}
    done.update(wire for wire in SETTINGS.values() if value.get(wire) is None)
    return Settings(**fields, extra={key: item for key, item in value.items() if key not in done})


def save_as_json(settings: Settings, path: str = "/settings") -> Call[None]:
    """Describe replacing all settings; what is left out goes back to its default."""
    body = {key: item for key, item in settings.extra.items() if item is not None}
    for ours, wire in SETTINGS.items():
        item = getattr(settings, ours)
        if item is not None and ours not in _READ_ONLY:
            body[wire] = item
    # repeatable, as it replaces everything: twice is once
    return post(path, read_nothing, json=body, repeatable=True)


def read_model(value: Any) -> Model:
    """Return one entry of a list of models, of any year.

    :raises ProtocolError: it has no id.
    """
    return Model(
        need(value, "id", str),
        text_of(value, "displayName") or text_of(value, "name") or value["id"],
        text_of(value, "description"),
        multimodal=field_of(value, "multimodal", bool, False),
        supports_tools=value.get("supportsTools") is True or value.get("tools") is True,
        supports_reasoning=value.get("supportsReasoning") is True or bool(value.get("reasoning")),
        is_router=field_of(value, "isRouter", bool, False),
        system_prompt=text_of(value, "preprompt"),
    )


def read_models(values: Any) -> tuple[Model, ...]:
    """Return a list of models without those that are not to be offered.

    :raises ProtocolError: it is no list, or an entry has no id.
    """
    listed = need({"models": values}, "models", list)
    return tuple(read_model(one) for one in listed if not field_of(one, "unlisted", bool, False))


def read_user(value: Any) -> User | None:
    """Return who is signed in; ``None`` for nobody.

    :raises ProtocolError: it is no user.
    """
    if not value:
        return None
    email = field_of(value, "email", str, None)
    # of the names a provider of sign-ins gives at least one; the servers of 2023 know no id
    name = text_of(value, "username") or email or need(value, "username", str)
    return User(text_of(value, "id"), name, email)


def _read_sign_out(reply: Reply) -> bool:
    target = target_of(reply)
    if reply.status == 401 or (target and is_sign_in(target)):
        return False
    base_url = reply.url.partition("?")[0][: -len(_SIGN_OUT)]
    leads_on = urlsplit(target).path.endswith(_SIGN_OUT) or not target.startswith(base_url)
    problem = find_interception(reply) if leads_on or not target else None
    if problem is not None:
        raise problem
    if not target and not 200 <= reply.status < 300:
        raise read_error(reply)
    if not target:
        read_nothing(reply)
    return True
