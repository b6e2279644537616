"""What the server stores, as frozen values: no I/O, no session.

Every record has the methods of dataclasses-json (``to_dict``, ``to_json``, ``from_dict``,
``from_json``, ``schema``), put on its class at their first use, because that library brings
a schema engine along that a script which only chats need not load. It also reads the annotations
at run time, hence no postponed ones here.
"""

import json
from typing import Any, Dict, List, Mapping, Optional, Tuple, Type, TypeVar, Union, cast

from .errors import HugChatError, UsageError
from .options import check_name
from .values import Value, field, names_of, replace, with_fields

R = TypeVar("R", bound="Record")


def _complete(kind: Type[R]) -> Any:
    """Return *kind* with the methods of dataclasses-json on it."""
    if "to_dict" not in kind.__dict__:
        from dataclasses_json import dataclass_json

        dataclass_json(kind)
    return kind


class Record(Value):
    """The base of all records."""

    def to_dict(self, encode_json: bool = False) -> Dict[str, Any]:
        """Return the record as a dict with snake_case keys."""
        return cast(Dict[str, Any], _complete(type(self)).to_dict(self, encode_json))

    def to_json(self, **options: Any) -> str:
        """Return the record as JSON text; *options* are those of :func:`json.dumps`."""
        return cast(str, _complete(type(self)).to_json(self, **options))

    @classmethod
    def from_dict(cls: Type[R], values: Mapping[str, Any], *, infer_missing: bool = True) -> R:
        """Return the record that :meth:`to_dict` described."""
        return cast(R, _complete(cls).from_dict(values, infer_missing=infer_missing))

    @classmethod
    def from_json(cls: Type[R], text: Union[str, bytes], **options: Any) -> R:
        """Return the record that :meth:`to_json` described."""
        return cast(R, _complete(cls).from_json(text, **options))

    @classmethod
    def schema(cls, **options: Any) -> Any:
        """Return the marshmallow schema of the class."""
        return _complete(cls).schema(**options)


@with_fields
class Source(Record):
    """A page that a web search found."""

    title: str
    link: str
    hostname: str = ""


@with_fields
class ChatFile(Record):
    """A file of a conversation; ``sha`` is the name under which the server keeps it."""

    name: str
    sha: str
    mime: str
    conversation_id: str = ""


@with_fields
class Conversation(Record):
    """A line of the list of conversations; ``updated_at`` is ISO-8601 in UTC."""

    id: str
    title: str
    updated_at: Optional[str] = None
    model: Optional[str] = None


@with_fields
class HistoryEntry(Record):
    """A message on the visible branch of a conversation."""

    conversation_id: str
    is_user: bool
    text: str
    text_id: str
    files: Tuple[ChatFile, ...] = ()


@with_fields
class TreeMessage(Record):
    """A message of a conversation's tree; ``role`` is "system", "user" or "assistant".

    ``interrupted`` is ``None`` while the run is on, or where the server does not say.
    """

    id: str
    role: str
    text: str
    reasoning: str = ""
    files: Tuple[ChatFile, ...] = ()
    parent_id: Optional[str] = None
    children: Tuple[str, ...] = ()
    created_at: Optional[str] = None
    interrupted: Optional[bool] = None


@with_fields
class ConversationTree(Record):
    """A conversation with all its branches; ``messages`` are in the order of their creation."""

    id: str
    title: str
    model: str
    system_prompt: str = ""
    root_id: Optional[str] = None
    messages: Tuple[TreeMessage, ...] = ()

    @property
    def leaf(self) -> Optional[str]:
        """The id of the newest message, to which the next one is appended."""
        return self.messages[-1].id if self.messages else self.root_id

    def path(self, leaf: Optional[str] = None) -> List[TreeMessage]:
        """Return the messages from the root to *leaf*, oldest first.

        :param leaf: a message id; the newest message when ``None``.
        :raises UsageError: no message has this id.
        """
        if not self.messages:
            return []
        known = {message.id: message for message in self.messages}
        if leaf is not None and leaf not in known:
            raise UsageError(f"conversation {self.id} has no message {leaf!r}")
        step: Optional[TreeMessage] = known[leaf] if leaf else self.messages[-1]
        thread: List[TreeMessage] = []
        while step is not None and len(thread) <= len(known):  # a cycle must not hang us
            thread.append(step)
            step = known.get(step.parent_id or "")
        return thread[::-1]


@with_fields
class Model(Record):
    """A model that the server offers."""

    id: str
    name: str
    description: str = ""
    multimodal: bool = False
    supports_tools: bool = False
    supports_reasoning: bool = False
    is_router: bool = False
    system_prompt: str = ""


@with_fields
class User(Record):
    """Who is signed in."""

    id: str
    username: str
    email: Optional[str] = None


@with_fields
class Check(Record):
    """What a connection check found; ``missing`` names credentials, ``features`` the era's."""

    user: Optional[User]
    missing: Tuple[str, ...]
    era: str
    features: Tuple[str, ...]


@with_fields
class Settings(Record):
    """The settings of the account; ``None`` where this server has no such setting.

    ``extra`` holds what we have no name for, so that writing the settings back keeps it.
    """

    active_model: Optional[str] = None
    custom_prompts: Dict[str, str] = field(default_factory=dict)
    custom_prompts_enabled: Optional[Dict[str, bool]] = None
    share_conversations_with_model_authors: Optional[bool] = None
    streaming_mode: Optional[str] = None
    direct_paste: Optional[bool] = None
    haptics_enabled: Optional[bool] = None
    hide_prompt_examples: Optional[Dict[str, bool]] = None
    multimodal_overrides: Optional[Dict[str, bool]] = None
    tools_overrides: Optional[Dict[str, bool]] = None
    reasoning_overrides: Optional[Dict[str, bool]] = None
    artifacts_overrides: Optional[Dict[str, bool]] = None
    provider_overrides: Optional[Dict[str, str]] = None
    reasoning_effort_overrides: Optional[Dict[str, str]] = None
    billing_organization: Optional[str] = None
    welcome_modal_seen: Optional[bool] = None
    welcome_modal_seen_at: Optional[str] = None
    search_enabled: Optional[bool] = None
    ethics_modal_accepted: Optional[bool] = None
    ethics_modal_accepted_at: Optional[str] = None
    hide_emoji_on_sidebar: Optional[bool] = None
    disable_stream: Optional[bool] = None
    tools: Any = None
    assistants: Any = None
    extra: Dict[str, Any] = field(default_factory=dict)

    def applied_to(self, model: Model) -> Model:
        """Return *model* with the abilities that this account has given or taken from it."""
        sees = (self.multimodal_overrides or {}).get(model.id, model.multimodal)
        calls = (self.tools_overrides or {}).get(model.id, model.supports_tools)
        return replace(model, multimodal=sees, supports_tools=calls)

    def stored_prompt(self, model: str) -> str:
        """Return the system prompt kept for *model*; ``""`` where none is, or it is off."""
        if not (self.custom_prompts_enabled or {}).get(model, True):
            return ""
        return self.custom_prompts.get(model, "")

    def changed(self, changes: Mapping[str, Any]) -> "Settings":
        """Return these settings with *changes* by their snake_case names.

        A write resets what it leaves out, so settings are written whole.

        :raises UsageError: a name is unknown.
        """
        names = {*names_of(Settings)} - {"extra"}
        unknown = sorted(set(changes) - names)
        if unknown:
            raise UsageError(f"unknown settings: {', '.join(unknown)}; known are {sorted(names)}")
        _check_prompts(changes.get("custom_prompts", {}))
        try:
            json.dumps(changes, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise UsageError(f"a setting cannot be written as JSON: {error}") from error
        return replace(self, **changes)

    def with_prompts(self, prompts: Mapping[str, str]) -> "Settings":
        """Return these settings with some system prompts, one a model; ``""`` removes one.

        :raises UsageError: *prompts* is not a mapping of model names to texts.
        """
        _check_prompts(prompts)
        before = self.custom_prompts.items()
        kept = {model: text for model, text in before if model not in prompts}
        kept.update({model: text for model, text in prompts.items() if text})
        enabled = self.custom_prompts_enabled
        if enabled is not None:
            enabled = {**enabled, **{model: True for model, text in prompts.items() if text}}
        return replace(self, custom_prompts=kept, custom_prompts_enabled=enabled)


def _check_prompts(prompts: object) -> None:
    if not isinstance(prompts, Mapping):
        raise UsageError("system prompts are a dict: {model: system prompt}")
    for model, text in prompts.items():
        check_name(model, "the name of a model")
        if not isinstance(text, str):
            raise UsageError('a system prompt is a text for a model name; "" removes it')


def _sentence(error: Optional[HugChatError]) -> Optional[str]:
    return None if error is None else f"{type(error).__name__}: {error}"


@with_fields
class Result(Record):
    """One answer of many; either ``error`` is ``None`` or ``text`` holds what had come.

    ``id`` is what the prompt gave as its own, ``conversation_id`` where it was asked, also if that
    was removed. With ``asked=False`` it was not sent: it cannot be right, or the map had to stop.
    """

    index: int
    id: Any
    prompt: str
    text: Optional[str]
    error: Optional[HugChatError] = field(metadata={"dataclasses_json": {"encoder": _sentence}})
    seconds: float
    conversation_id: Optional[str] = None
    asked: bool = True


@with_fields(frozen=False)
class RequestData(Record):
    """The wiki's ``custom_data``: a request body of 2023, every field optional.

    ``parameters``, ``options`` and ``stream`` belong to the older form of that year.
    """

    inputs: Optional[str] = None
    id: Optional[str] = None
    response_id: Optional[str] = None
    is_retry: Optional[bool] = None
    web_search: Optional[bool] = None
    parameters: Optional[Dict[str, Any]] = None
    options: Optional[Dict[str, Any]] = None
    stream: Optional[bool] = None

    def given(self) -> Dict[str, Any]:
        """Return the fields that were set."""
        return {name: value for name, value in self.__dict__.items() if value is not None}
