"""The chat bot by its old names, over :class:`hugchat_sync.Client`."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Union

from requests.cookies import RequestsCookieJar

from .. import errors
from ..client import Client
from ..records import TreeMessage
from ..secret import Secret
from . import exceptions
from .exceptions import (
    ChatBotInitError,
    CreateConversationError,
    DeleteConversationError,
    InvalidConversationIDError,
    raise_as,
)
from .login import source_of
from .message import Answer, LiveAnswer, Message
from .types import Assistant, Conversation, MessageNode, Model

__all__ = ["ChatBot", "Conversation", "Message", "Model", "RequestsCookieJar", "exceptions"]

_NO_ASSISTANTS = (
    "assistants are gone from the servers: none is found, the model answers without one"
)

ConversationArgument = Union[str, Conversation, None]


class ChatBot:
    """A user's bot at one server; the constructor sends nothing unless a model is chosen.

    The conversation of the constructor is made at its first use.

    :param cookies: a dict, a jar, or any other form of :class:`hugchat_sync.Client`; without any
        those of the environment, else none. Of a :class:`~.login.Login` that keeps them in a file,
        renewals are written there.
    :param cookie_path: a file of them, instead.
    :param default_llm: a model by its number or name.
    :param system_prompt: for the constructor's conversation; ``""`` is none, also where the
        account has one stored.
    :raises ChatBotInitError: the credentials are not usable, or an argument cannot be right.
    """

    def __init__(
        self,
        cookies: Any = None,
        cookie_path: str = "",
        default_llm: int | str = 0,
        system_prompt: str = "",
    ) -> None:
        held, cookies = Secret(cookies), None
        path, cookie_path = Secret(cookie_path), ""
        if held.value is not None and path:
            raise ChatBotInitError(
                "the cookies are given twice: leave cookies= or cookie_path= out"
            )
        held = Secret(Path(path.value)) if path else source_of(held)
        with raise_as(ChatBotInitError, errors.AuthError, errors.UsageError):
            self._client = Client(cookies=held.value)
            self._client.require_living_cookies()
        self.conversation_list: list[Conversation] = []
        self._system_prompt = system_prompt
        self._current: Conversation | None = None
        self._active: Model | None = None
        self._begun = False  # whether the constructor's conversation was made, or is not wanted
        self._warned: set[str] = set()
        self._lock = threading.RLock()
        chosen = default_llm or self._client.model
        if chosen:
            with raise_as(ChatBotInitError, IndexError, errors.UsageError, errors.ModelNotFound):
                self._active = self._model(chosen)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.RLock())

    def get_cookies(self) -> dict[str, Any]:
        """Return the cookies as they are now."""
        return dict(self._client.cookies.get_dict())

    @cached_property  # no property: a subclass may have an attribute of this name
    def cookies(self) -> dict[str, Any]:
        """The cookies as they were at the first look."""
        return self.get_cookies()

    # answers ---------------------------------------------------------------------------------

    def chat(
        self,
        text: str,
        web_search: bool = False,
        _stream_yield_all: bool = False,
        retry_count: int = 5,
        conversation: ConversationArgument = None,
        edit_user_node: MessageNode | str | None = None,
        *args: Any,
        stream: bool = False,
        **kvargs: Any,
    ) -> Answer | LiveAnswer:
        """Send a message and return its answer.

        It is there when the call returns; with *stream* or *_stream_yield_all* it still comes.

        :param _stream_yield_all: iterate dicts of all types, not only those of type "stream".
        :param retry_count: requests at most for this send; a message is never posted twice blindly.
        :param conversation: default the current one.
        :param edit_user_node: the question to ask again in other words.
        :param kvargs: what no server takes any more, such as ``temperature``; warned of once.
        :raises HugChatError: the message could not be sent, or the answer failed.
        """
        if args or kvargs:
            names = ", ".join(sorted(kvargs)) or "sampling parameters"
            self._warn_once(
                "parameters", f"servers no longer take {names} with a message: not sent"
            )
        chosen = self._find(conversation)
        if edit_user_node is not None:
            question = edit_user_node if isinstance(edit_user_node, str) else edit_user_node.id
            source = self._client.edit(question, text, chosen.id)
        else:
            tries = max(1, retry_count or 1)
            source = self._client.chat(text, chosen.id, web_search, tries)
        kind = LiveAnswer if stream or _stream_yield_all else Answer
        return kind(source, chosen, _stream_yield_all)

    query = chat

    # conversations ---------------------------------------------------------------------------

    @property
    def current_conversation(self) -> Conversation:
        """The conversation that is meant where none is named; made if there is none yet."""
        with self._lock:
            if self._current is None:
                made = self._create(self.active_model, self._system_prompt)
                self.conversation_list.insert(
                    0 if not self._begun else len(self.conversation_list), made
                )
                self._begun, self._current = True, made
            return self._current

    @current_conversation.setter
    def current_conversation(self, conversation: str | Conversation) -> None:
        self.change_conversation(conversation)

    def new_conversation(
        self,
        modelIndex: int | str | None = None,
        system_prompt: str = "",
        switch_to: bool = False,
        assistant: str | Assistant | None = None,
    ) -> Conversation:
        """Start a conversation and return it.

        :param modelIndex: default the active model.
        :param switch_to: make it the current one.
        :param assistant: there are none any more; warned of once.
        :raises IndexError: there is no model of that number.
        :raises CreateConversationError: it could not be made.
        """
        if assistant is not None:
            self._warn_once("assistants", _NO_ASSISTANTS)
        model = self.active_model if modelIndex is None else self._model(modelIndex)
        made = self._create(model, system_prompt)
        with self._lock:
            self.conversation_list.append(made)
            if switch_to:
                self._current, self._begun = made, True
        return made

    def change_conversation(self, conversation_object: str | Conversation) -> None:
        """Make a conversation the current one; one that is not in the list is asked for.

        :raises InvalidConversationIDError: the server does not have it.
        """
        chosen = self._find(conversation_object)
        if chosen not in self.conversation_list:
            chosen = self.get_conversation_info(chosen)
        with self._lock:
            if chosen not in self.conversation_list:
                self.conversation_list.append(chosen)
            self._current, self._begun = chosen, True

    def get_conversation_list(self) -> list[Conversation]:
        """Return the conversations of this bot, that of the constructor included."""
        if not self.conversation_list and not self._begun:
            return [self.current_conversation]
        return list(self.conversation_list)

    def get_remote_conversations(
        self, replace_conversation_list: bool = True
    ) -> list[Conversation]:
        """Return all conversations of the account, the newest first.

        :param replace_conversation_list: make them the list of this bot.
        """
        found = []
        for one in self._client.list_conversations():
            model = Model(one.model, one.model) if one.model else None
            found.append(Conversation(one.id, one.title, model))
        if replace_conversation_list:
            with self._lock:
                self.conversation_list, self._begun = list(found), True
        return found

    def get_conversation_info(self, conversation: ConversationArgument = None) -> Conversation:
        """Return a conversation with its title, model, system prompt and history filled in.

        :param conversation: default the current one.
        :raises InvalidConversationIDError: the server does not have it.
        """
        chosen = self._find(conversation)
        tree = self._client.conversation(chosen.id)
        path = [message for message in tree.path() if message.role != "system"]
        chosen.title = tree.title
        chosen.model = Model(tree.model, tree.model)
        chosen.system_prompt = tree.system_prompt
        chosen.history = [_node(path, place) for place in range(len(path))]
        return chosen

    def get_conversation_from_id(self, conversation_id: str, return_index: bool = False) -> Any:
        """Return the conversation of the list with an id, or its place there; ``None`` for none."""
        for place, one in enumerate(self.conversation_list):
            if one == conversation_id:
                return place if return_index else one
        return None

    def delete_conversation(self, conversation_object: ConversationArgument = None) -> None:
        """Delete a conversation, by default the current one.

        :raises DeleteConversationError: it could not be deleted.
        """
        if conversation_object is None and self._current is None:
            self._begun = True  # what was never made need not be deleted
            return
        with raise_as(DeleteConversationError, errors.HugChatError):
            chosen = self._find(conversation_object)
            self._client.remove_conversation(chosen.id)
        with self._lock:
            self.conversation_list = [one for one in self.conversation_list if one != chosen]
            if self._current == chosen:
                self._current = None

    def delete_all_conversations(self) -> None:
        """Delete all conversations of the account.

        :raises DeleteConversationError: they could not be deleted.
        """
        with raise_as(DeleteConversationError, errors.HugChatError):
            self._client.remove_all_conversations()
        with self._lock:
            self.conversation_list, self._current, self._begun = [], None, True

    def share_conversation(self, conversation_object: ConversationArgument = None) -> str:
        """Publish a conversation as it is now, by default the current one; return the URL."""
        return self._client.share(self._find(conversation_object).id)

    def set_share_conversations(self, val: bool = True) -> None:
        """Say whether the authors of models may read the conversations."""
        self._client.update_settings(share_conversations_with_model_authors=bool(val))

    # models ----------------------------------------------------------------------------------

    @cached_property
    def llms(self) -> list[Model]:
        """The models as they were at the first look."""
        return self.get_remote_llms()

    @property
    def active_model(self) -> Model:
        """The model of new conversations."""
        return self._active or self._model(0)

    @active_model.setter
    def active_model(self, model: int | str | Model) -> None:
        self._active = model if isinstance(model, Model) else self._model(model)

    def get_available_llm_models(self) -> list[Model]:
        """Return the models, of which :meth:`switch_llm` takes the number."""
        return self.llms

    def get_remote_llms(self) -> list[Model]:
        """Return the models as the server offers them now."""
        return [
            Model(
                id=one.id,
                name=one.id,
                displayName=one.name,
                preprompt=one.system_prompt,
                description=one.description,
                reasoning=one.supports_reasoning,
                multimodal=one.multimodal,
                tools=one.supports_tools,
                unlisted=False,
            )
            for one in self._client.models()
        ]

    def get_llm_from_name(self, name: str) -> Model | None:
        """Return the model of that name; ``None`` for none."""
        return next((one for one in self.llms if name in (str(one), one.displayName)), None)

    def get_active_llm_index(self) -> int:
        """Return the number of the active model."""
        return [str(one) for one in self.llms].index(str(self.active_model))

    def switch_llm(self, index: int) -> bool:
        """Choose the model of new conversations by its number.

        :raises IndexError: there is no model of that number.
        """
        self._active = self._model(index)
        return True

    # gone ------------------------------------------------------------------------------------

    def search_assistant(
        self, assistant_name: str | None = None, assistant_id: str | None = None
    ) -> Assistant | None:
        """Return ``None``: there are no assistants any more."""
        self._warn_once("assistants", _NO_ASSISTANTS)
        return None

    def get_assistant_list_by_page(self, page: int) -> list[Assistant]:
        """Return an empty list: there are no assistants any more."""
        self._warn_once("assistants", _NO_ASSISTANTS)
        return []

    # inside ----------------------------------------------------------------------------------

    def _find(self, conversation: ConversationArgument) -> Conversation:
        """Return the conversation that is meant."""
        if conversation is None:
            return self.current_conversation
        if not isinstance(conversation, str):
            raise InvalidConversationIDError("a conversation is an object of one, or its id")
        known = self.get_conversation_from_id(conversation)
        if isinstance(known, Conversation):
            return known
        return (
            conversation if isinstance(conversation, Conversation) else Conversation(conversation)
        )

    def _create(self, model: Model, system_prompt: str) -> Conversation:
        with raise_as(CreateConversationError, errors.HugChatError):
            made = self._client.create_conversation(str(model), system_prompt)
        return Conversation(made, self._client.conversations.get(made), model, system_prompt)

    def _model(self, choice: int | str) -> Model:
        """Return a model by its number or its name.

        :raises IndexError: there is no model of that number.
        :raises ModelNotFound: there is none of that name.
        """
        models = self.llms
        if isinstance(choice, int):
            if not 0 <= choice < len(models):
                raise IndexError(f"there are {len(models)} models: no number {choice}")
            return models[choice]
        found = self.get_llm_from_name(choice) if isinstance(choice, str) else None
        if found is None:
            raise errors.model_not_found(str(choice), [str(one) for one in models])
        return found

    def _warn_once(self, what: str, text: str) -> None:
        if what not in self._warned:
            self._warned.add(what)
            errors.warn_of_change(text)


def _node(path: list[TreeMessage], place: int) -> MessageNode:
    message, when = path[place], None
    # a server may name the moment in a way that nobody reads here
    with suppress(ValueError, OverflowError, OSError):
        stated = (message.created_at or "").replace("Z", "+00:00")
        when = datetime.fromisoformat(stated).timestamp()
    before = [one.id for one in path[:place]]
    children = list(message.children)
    return MessageNode(message.id, message.role, message.text, before, children, when, when)
